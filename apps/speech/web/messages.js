// What goes wrong, said to the person at the page.

const words = {
  bad_json: 'The server did not understand this page. Reload it: it may be older than the server.',
  bad_state: 'The server did not expect what this page sent. Reload the page and try again.',
  bad_field: 'The server does not accept a setting',
  unsupported_format: 'The server cannot read audio in this format',
  invalid_base64: 'The audio was damaged on its way. Try again.',
  bad_audio: 'This is not audio that the server can read',
  unauthorized: 'The server asks for a token.',
  forbidden_origin: 'The server does not allow this page\'s address. Open it under the address its operator gave, or have this one allowed (--origin).',
  model_not_found: 'The server no longer has that model. Choose another one.',
  too_many_sessions: 'The server is full: as many people as it takes are speaking now. Try again in a moment.',
  overloaded: 'The server has more to do than it can. Try again in a moment.',
  message_too_big: 'This page sent more at once than the server takes. Reload the page and try again.',
  idle_timeout: 'The server heard nothing for so long that it ended the session. Start again when you are ready.',
  session_limit: 'The session has reached the longest time the server allows.',
  resume_unknown: 'The server no longer knows this session. Start again: what was written stays here.',
  resume_expired: 'The connection was lost for too long. Start again: what was written stays here.',
  engine_failed: 'Recognition failed on the server. Try again; if it goes on, tell its operator.',
  draining: 'The server is being restarted. Try again in a moment.',
  internal: 'Something went wrong in the server. Try again; if it goes on, tell its operator.',
  connection_failed: 'The server cannot be reached. Check the network, and whether the server is running.',
  buffer_full: 'The server could not be reached for so long that what was said can be kept no longer. What was written stays here.',
};

const detailed = new Set(['bad_field', 'unsupported_format', 'bad_audio']);

/** A SpeechError in words for people. */
export function describe({ code, message, retryAfter }) {
  const text = words[code] ?? message;
  if (detailed.has(code)) return `${text}: ${message}.`;
  return retryAfter >= 2000 ? text.replace('in a moment', `in ${Math.ceil(retryAfter / 1000)} seconds`) : text;
}
