// What the page asks of its server besides the stream. Addresses are relative: the page may be served below a path.

export const streamUrl = () => {
  const url = new URL('v1/stream', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = url.hash = '';
  return url.href;
};

/** The token that the server wants, kept for this tab. */
export const token = kept('token', () => sessionStorage);

/** The model that was chosen last. */
export const chosenModel = kept('model', () => localStorage);

// A browser that keeps nothing throws: then it is known until the page is left.
function kept(name, place) {
  let known = '';
  return {
    get value() {
      try { return place().getItem(name) ?? known; } catch { return known; }
    },
    set value(text) {
      known = text;
      try { place().setItem(name, text); } catch { /* known */ }
    },
  };
}

/**
 * The names of the models, the default first. Throws an Error with a `code` of the protocol, or `connection_failed`: a browser
 * does not tell why it could not open a WebSocket, and this does.
 */
export async function models() {
  const headers = token.value ? { Authorization: `Bearer ${token.value}` } : {};
  const reply = await fetch('v1/models', { headers, cache: 'no-store' })
    .catch(() => { throw problem('connection_failed'); });
  if (reply.ok) return (await reply.json()).models.map(({ name }) => name);
  throw problem({ 401: 'unauthorized', 403: 'forbidden_origin', 503: 'overloaded' }[reply.status] ?? 'internal', {
    retryAfter: 1000 * (Number(reply.headers.get('Retry-After')) || 0),
  });
}

function problem(code, fields) {
  return Object.assign(new Error(code), { code }, fields);
}
