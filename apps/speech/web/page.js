// The page: the microphone or files on one side, the server on the other, captions between them.
import { Take } from './captions.js';
import { SpeechClient } from './client.mjs';
import { describe } from './messages.js';
import { Meter } from './meter.js';
import { openMicrophone } from './microphone.js';
import { openRecording } from './recording.js';
import { chosenModel, models, streamUrl, token } from './server.js';
import { addMessage, askForToken, at, follow, showFigures, showMessage, showMode, showState, withdrawMessage } from './view.js';

const SILENT = 6000; // milliseconds without any sound, as of a muted microphone
const NEXT = 'It is read next.';

const meter = new Meter(at('meter'));
const toEnd = follow(at('takes'));
const files = []; // that wait
let running = false;
let client = null; // of what runs
let end = null; // what the large button does to it

// --- streams

// A stream whose captions come into `take`.
function connect(take, options) {
  const model = at('model').value;
  client = new SpeechClient(streamUrl(), { ...options, ...(model && { model }), ...(token.value && { token: token.value }) });
  client.on('partial', (partial) => take.partial(partial));
  client.on('final', (final) => take.final(final));
  client.on('renewed', () => take.reopen());
  client.on('error', (problem) => showMessage(describe(problem)));
  client.on('draining', () => showMessage('The server is being restarted. What is said is kept until it is back.'));
  return client;
}

// Shows how the connection is; `state` and `text` say what it does where all is well.
function showConnection(state, text) {
  const show = {
    connecting: () => showState('busy', 'Connecting'),
    streaming: () => showState(state, text),
    reconnecting: () => showState('trouble', 'Reconnecting'),
  }[client.state];
  show?.();
}

// Waits for the end of a stream, of a file with a name. The answer is whether to begin again.
async function finish(take, name) {
  try {
    take.end((await client.stop()).audio_ms);
    return false;
  } catch (problem) {
    take.breakOff(client.heard);
    return problem.code !== 'cancelled' && mend(problem, name);
  }
}

// Says what went wrong; whether it can be tried again, as with another token.
async function mend(problem, name) {
  if (problem.code === 'connection_failed') problem = await models().then(() => problem, (cause) => cause);
  const typed = problem.code === 'unauthorized' ? await askForToken({ wrong: token.value !== '' }) : '';
  if (!typed) {
    addMessage(name ? `${name}: ${describe(problem)}` : describe(problem));
    return false;
  }
  token.value = typed;
  return showModels().then(() => true, (cause) => mend(cause, name));
}

async function dictate() {
  showMode('cancel');
  showState('busy', 'Waiting for the microphone');
  const early = []; // what is heard before there is a stream: its rate is the microphone's
  let hear = (samples) => early.push(samples);
  const over = new Promise((resolve) => { end = () => resolve(null); });
  const opening = openMicrophone({
    onAudio: (samples) => hear(samples),
    onLost: () => {
      addMessage('The microphone was disconnected.');
      end();
    },
  });
  const microphone = await Promise.race([opening, over]);
  if (!microphone) { // cancelled, while the browser may still be asking for it
    hear = () => {};
    opening.then((late) => late.stop(), () => {});
    return false;
  }
  const time = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const take = newTake(`Microphone, ${time}`);
  connect(take, { format: 'pcm_s16le', rate: Math.round(microphone.rate), channels: 1 });
  hear = (samples) => client.send(samples);
  early.forEach(hear);
  client.finished.catch(end);
  client.on('state', () => showConnection('live', 'Listening'));
  showConnection('live', 'Listening');
  showMode('stop');
  meter.start(() => microphone.level());
  const watch = watchMicrophone(microphone);
  const awake = await navigator.wakeLock?.request('screen').catch(() => null);

  await over;
  clearInterval(watch);
  meter.stop();
  end = () => client.cancel();
  await microphone.stop();
  awake?.release();
  showMode('cancel');
  showState('busy', 'Finishing');
  return finish(take);
}

// Keeps the figures, and says so where nothing is heard.
function watchMicrophone(microphone) {
  let lag; // of the open segment
  client.on('partial', ({ lag_ms }) => { lag = lag_ms; });
  client.on('final', () => { lag = undefined; });
  let silent = false;
  return setInterval(() => {
    showFigures({ elapsed: client.given, lag: client.state === 'streaming' ? lag : client.behind });
    if (silent === microphone.silence() > SILENT) return;
    silent = !silent;
    showMessage(silent ? 'No sound comes from the microphone. Is it muted, or should another one be chosen?' : '');
  }, 250);
}

async function read(file) {
  let cancelled = false;
  end = () => { cancelled = true; };
  showMode('cancel');
  showState('busy', `Decoding ${file.name}`);
  const recording = await openRecording(file);
  if (cancelled) return false;

  const take = newTake(file.name);
  take.progress(0);
  connect(take, { ...recording.options, partials: false });
  end = () => client.cancel();
  client.on('state', () => showConnection('busy', `Reading ${file.name}`));
  const showProgress = () => {
    take.progress(client.heard / recording.duration);
    showFigures({ elapsed: client.heard });
  };
  client.on('ack', showProgress);
  client.on('progress', showProgress);
  showConnection('busy', `Reading ${file.name}`);
  try {
    for (const piece of recording.pieces) await client.send(piece);
  } catch {
    // finish() tells why
  }
  return finish(take, file.name);
}

function newTake(title) {
  at('welcome').hidden = true;
  toEnd();
  return new Take(title, at('takes'));
}

// --- controls

// One thing at a time, again where it says so, and then the files that wait.
async function run(work) {
  running = true;
  try {
    let again = true;
    while (again) {
      client = null;
      again = await work();
    }
  } catch (problem) {
    addMessage(problem.message);
  }
  running = false;
  client = end = null;
  showMode('start');
  showState('ready', 'Ready');
  showFigures();
  withdrawMessage(NEXT);
  if (files.length > 0) run(() => read(files.shift()));
}

function toggle() {
  if (!running) {
    showMessage('');
    run(dictate);
  } else if (at('toggle').dataset.mode !== 'wait') {
    if (at('toggle').dataset.mode === 'stop') {
      showMode('wait');
    } else {
      files.length = 0;
    }
    end();
  }
}

function readFiles(list) {
  files.push(...list);
  if (files.length === 0) return;
  if (running) {
    addMessage(NEXT);
  } else {
    showMessage('');
    run(() => read(files.shift()));
  }
}

at('toggle').addEventListener('click', toggle);
at('choose').addEventListener('click', () => at('file').click());
at('file').addEventListener('change', () => {
  readFiles([...at('file').files]);
  at('file').value = '';
});
at('message-close').addEventListener('click', () => {
  showMessage('');
  at('toggle').focus();
});
at('token-cancel').addEventListener('click', () => at('token-dialog').close());

addEventListener('keydown', (event) => {
  const idle = event.target === document.body || event.target === document.documentElement;
  if (event.key !== ' ' || !idle || event.repeat) return;
  event.preventDefault(); // no scrolling
  toggle();
});

let depth = 0; // of elements that something is dragged over
const dragging = (change) => (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  depth = change(depth);
  document.body.classList.toggle('dropping', depth > 0);
  if (event.type === 'drop') readFiles([...event.dataTransfer.files]);
};
addEventListener('dragenter', dragging((n) => n + 1));
addEventListener('dragover', dragging((n) => n));
addEventListener('dragleave', dragging((n) => n - 1));
addEventListener('drop', dragging(() => 0));

addEventListener('online', () => client?.hurry());
addEventListener('beforeunload', (event) => running && event.preventDefault());

// --- models

at('model').addEventListener('change', () => { chosenModel.value = at('model').value; });

async function showModels() {
  const names = await models();
  const chosen = at('model').value || chosenModel.value;
  at('model').replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
  at('model-field').hidden = names.length < 2;
}

showModels().catch((problem) => mend(problem));
