// What the page shows around its captions: how it goes, what went wrong, what the button does.
import { clock } from './transcript.js';

export const at = (id) => document.getElementById(id);

/** Says how it goes; `state` is ready, busy, live or trouble. */
export function showState(state, text) {
  at('state').dataset.state = state;
  if (at('state-text').textContent !== text) at('state-text').textContent = text;
}

/** Milliseconds: of audio so far, and from words to their text. */
export function showFigures({ elapsed, lag } = {}) {
  at('elapsed').hidden = elapsed === undefined;
  if (elapsed !== undefined) at('elapsed').textContent = clock(elapsed);
  at('lag').hidden = lag === undefined;
  if (lag !== undefined) at('lag').textContent = `lag ${(lag / 1000).toFixed(1)} s`;
}

/** Says what somebody should know or do; an empty text takes it away. */
export function showMessage(text) {
  at('message').hidden = !text;
  at('message-text').textContent = text;
}

/** Says it below what is said already, as of another file. */
export function addMessage(text) {
  showMessage([...new Set([...said(), text])].join('\n'));
}

/** Takes back one of the messages, and leaves the others. */
export function withdrawMessage(text) {
  showMessage(said().filter((each) => each !== text).join('\n'));
}

function said() {
  return at('message').hidden ? [] : at('message-text').textContent.split('\n');
}

/** What the large button does: start, stop, cancel, or nothing for a moment. */
export function showMode(mode) {
  at('toggle').dataset.mode = mode;
  at('toggle').setAttribute('aria-disabled', mode === 'wait'); // and keeps the focus
  at('toggle-text').textContent = { start: 'Start', stop: 'Stop', cancel: 'Cancel', wait: 'A moment' }[mode];
  at('model').disabled = mode !== 'start';
}

/** Keeps the newest words in sight while `content` grows, unless somebody has scrolled up to read. Returns what goes to the end. */
export function follow(content) {
  const page = document.scrollingElement;
  const atEnd = () => page.scrollHeight - page.scrollTop - page.clientHeight < 60;
  let following = true;
  let top = 0;
  const move = () => {
    if (following) page.scrollTop = page.scrollHeight;
    at('latest').hidden = following || atEnd();
  };
  const toEnd = () => {
    following = true;
    move();
  };
  addEventListener('scroll', () => {
    if (atEnd()) {
      following = true;
      at('latest').hidden = true;
    } else if (page.scrollTop < top) { // growth alone never goes up
      following = false;
    }
    top = page.scrollTop;
  }, { passive: true });
  at('latest').addEventListener('click', toEnd);
  new ResizeObserver(move).observe(content);
  return toEnd;
}

/** Resolves with what was typed, or with an empty text. */
export function askForToken({ wrong }) {
  const dialog = at('token-dialog');
  at('token').value = '';
  at('token-wrong').hidden = !wrong;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'ok' ? at('token').value.trim() : ''), { once: true });
  });
}
