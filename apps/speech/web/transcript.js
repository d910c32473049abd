// What was said, as plain text and as subtitles. A caption is { text, start_ms, end_ms }.

export function toText(captions) {
  return captions.map(({ text }) => `${text}\n`).join('');
}

/** SubRip. */
export function toSrt(captions) {
  return captions.map(({ text, start_ms, end_ms }, index) =>
    `${index + 1}\n${stamp(start_ms, ',')} --> ${stamp(end_ms, ',')}\n${oneBlock(text)}\n\n`).join('');
}

/** WebVTT, in which & and < have a meaning of their own. */
export function toVtt(captions) {
  const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return 'WEBVTT\n\n' + captions.map(({ text, start_ms, end_ms }) =>
    `${stamp(start_ms, '.')} --> ${stamp(end_ms, '.')}\n${escaped(oneBlock(text))}\n\n`).join('');
}

/** A time for people: 0:07, 12:30, 1:02:03. */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h > 0 ? `${h}:${pad(m)}` : m}:${pad(s)}`;
}

// 00:01:02,345
function stamp(ms, mark) {
  const rounded = Math.max(0, Math.round(ms));
  const seconds = Math.floor(rounded / 1000);
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}${mark}${pad(rounded % 1000, 3)}`;
}

// An empty line would end the block.
function oneBlock(text) {
  return text.replace(/\s*\n\s*/g, '\n').trim();
}

function pad(number, width = 2) {
  return String(number).padStart(width, '0');
}
