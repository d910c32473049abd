// The client of the protocol duplex.speech.v1: live speech to text, in browsers and in Node.js (18 and later).
//
//   const client = new SpeechClient('ws://localhost:8765/v1/stream', { format: 'pcm_s16le', rate: 16000 });
//   client.on('partial', ({ text, stable }) => show(text));
//   client.on('final', ({ text }) => keep(text));
//   await client.send(bytes);    // any number of them; resolves once the server has room for more
//   await client.stop();         // resolves with the message `done`: every final has come
//
// A connection that breaks is opened again and goes on where it was: audio is kept until the server has it, and beyond that
// until it has become text, so that even a server that was restarted in the middle of a sentence writes all of it. That goes for
// WAV files, too (`format: 'auto'`): a new session gets the header again, and then what is left. Positions are bytes from the
// start of the stream, as in the protocol; those of a session begin at its #origin.

const SUBPROTOCOL = 'duplex.speech.v1';
const SUBPROTOCOL_CHARACTERS = /^[\w!#$%&'*+.^`|~-]+$/; // RFC 9110 section 5.6.2
const WIDTHS = { auto: 2, pcm_s16le: 2, pcm_f32le: 4, pcm_mulaw: 1, pcm_alaw: 1 };
const NO_BYTES = new Uint8Array(0);
// Chinese and Japanese, which are written without spaces: as the server joins texts.
const SPACELESS = '[\\u2e80-\\u9fff\\uf900-\\ufaff\\uff00-\\uffbf\\u{1b000}-\\u{1b17f}\\u{20000}-\\u{3ffff}]';
const HAS_NO_SPACE = new RegExp(`${SPACELESS}\n|\n${SPACELESS}`, 'u');

// A session that is over for reasons of its own, and whose audio a new one may take over.
const RENEWED = new Set(['resume_unknown', 'resume_expired', 'session_limit']);
// What a new connection cures, where there is a session to resume.
const PASSING = new Set(['draining', 'overloaded', 'too_many_sessions']);
// How servers refuse a connection.
const REFUSALS = {
  401: ['unauthorized', 'the server wants a token, or another one'],
  403: ['forbidden_origin', 'the server takes no connections from this origin'],
  503: ['overloaded', 'the server has more to do than it can, or is about to end'],
};

/** What ended a stream, or went wrong in it: `code` as in the protocol, or `connection_failed`, `buffer_full`, `cancelled`. */
export class SpeechError extends Error {
  constructor(code, message, { fatal = true, retryAfter = 0 } = {}) {
    super(message || code);
    this.name = 'SpeechError';
    this.code = code;
    this.fatal = fatal;
    this.retryAfter = retryAfter; // milliseconds
  }
}

export class SpeechClient {
  /** connecting, streaming, reconnecting, done or failed. */
  state = 'connecting';
  /** The message `started` of the present session. */
  session = null;
  /** Resolves with the message `done`; rejects with a SpeechError. */
  finished;

  #url;
  #start;
  #settings;
  #listeners = new Map();
  #settle;
  #socket = null;
  #begun = false; // there has been a session
  #ready = false; // there is one, on this connection
  #lastSeq = 0;
  #problem = null; // the fatal error that came before a close
  #timers = { retry: undefined, watch: undefined };
  #attempts = 0;

  #audio; // { header: what stands before it, null until it is whole; frame: bytes; bytesPerMs }
  #chunks = []; // of audio that may have to be sent again: { at, bytes }
  #end = 0; // positions: all audio that was given,
  #sent = 0; // sent on this connection,
  #received = 0; // held by the server,
  #processed = 0; // heard by it,
  #settled = 0; // that has become text
  #origin = 0; // where the present session began
  #room = []; // senders that wait
  #flushes = []; // positions
  #stopped = false;
  #stopSent = false;
  #reconfigured = null;

  #segmentBase = 0; // of the present session
  #segmentNext = 0; // that has no final
  #texts = []; // finals of all sessions

  /**
   * Connects at once. Of `options`, the fields of the message `start` (format, rate, channels, model, lang, partials, words,
   * endpoint, hotwords) go to the server; the others are:
   * - `token`: for servers that want one.
   * - `reconnect`: whether to go on after a connection broke (true).
   * - `maxBuffered`: seconds of audio kept while the server cannot be reached (300); more ends the stream with `buffer_full`.
   * - `patience`: milliseconds until a server that does not answer is taken for lost (20000).
   * - `WebSocket`: the class, where there is no global one (Node.js before 22: `ws`).
   */
  constructor(url, options = {}) {
    const { token, reconnect = true, maxBuffered = 300, patience = 20000,
      WebSocket = globalThis.WebSocket, random = Math.random, ...start } = options;
    this.#url = url;
    this.#start = { format: 'pcm_s16le', rate: 16000, channels: 1, ...start };
    this.#settings = { token, reconnect, maxBuffered, patience, WebSocket, random };
    const frame = (WIDTHS[this.#start.format] ?? 1) * this.#start.channels;
    const header = this.#start.format === 'auto' ? null : NO_BYTES;
    this.#audio = { header, frame, bytesPerMs: frame * this.#start.rate / 1000 };
    this.finished = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.finished.catch(() => {}); // who does not ask is told by the event `state`
    this.#connect();
  }

  /**
   * Calls `listener` for every message of a type (partial, final, speech_start, speech_end, warning, ack ...) with the message,
   * for `error` with a SpeechError that did not end the stream, for `state` with the new state, for `renewed` where a new
   * session took over: segments without a final are given anew. Returns a function that ends it.
   */
  on(type, listener) {
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set.add(listener));
    return () => set.delete(listener);
  }

  /** Milliseconds of audio that the server has still to hear. */
  get behind() {
    return (this.#end - this.#processed) / this.#audio.bytesPerMs;
  }

  /** Milliseconds of audio that were given. */
  get given() {
    return this.#time(this.#end);
  }

  /** Milliseconds of audio that the server has heard. */
  get heard() {
    return this.#time(this.#processed);
  }

  /** Takes audio, an ArrayBuffer or a view, and copies it. Resolves once there is room for more. */
  send(audio) {
    if (this.#over) return quiet(Promise.reject(this.#overError()));
    if (this.#stopped) throw new SpeechError('bad_state', 'the stream was stopped');
    const view = ArrayBuffer.isView(audio) ? audio : new Uint8Array(audio);
    const bytes = new Uint8Array(view.byteLength);
    bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (bytes.length > 0) this.#chunks.push({ at: this.#end, bytes });
    this.#end += bytes.length;
    if (!this.#audio.header) this.#readHeader();
    if (this.#end - this.#received > this.#settings.maxBuffered * 1000 * this.#audio.bytesPerMs) {
      this.#fail(new SpeechError('buffer_full', 'the server could not be reached for too long'));
      return quiet(Promise.reject(this.#overError()));
    }
    this.#pump();
    if (this.#hasRoom()) return Promise.resolve();
    return quiet(new Promise((resolve, reject) => this.#room.push({ resolve, reject })));
  }

  /** Ends the open segment here: its final comes next. */
  flush() {
    this.#flushes.push(this.#end);
    this.#pump();
  }

  /** Changes fields of `start` that the protocol lets change. */
  configure(fields) {
    this.#reconfigured = { ...this.#reconfigured, ...fields };
    if (this.#ready) this.#transmit({ type: 'configure', ...fields });
  }

  /** Ends the stream after the audio that was given. */
  stop() {
    this.#stopped = true;
    this.#pump();
    return this.finished;
  }

  /** Ends the stream now, without what is not yet text. */
  cancel() {
    if (this.#over) return;
    if (this.#ready) this.#transmit({ type: 'cancel' });
    this.#fail(new SpeechError('cancelled', 'the stream was cancelled'));
  }

  /** Does not wait until the next attempt to connect is due: something says that the network is back. */
  hurry() {
    if (this.#timers.retry !== undefined) this.#connect();
  }

  // --- connecting

  get #over() {
    return this.state === 'done' || this.state === 'failed';
  }

  #overError() {
    return this.#problem ?? new SpeechError('bad_state', 'the stream has ended');
  }

  #connect() {
    clearTimeout(this.#timers.retry);
    this.#timers.retry = undefined;
    const { WebSocket, token } = this.#settings;
    let socket;
    try {
      socket = new WebSocket(...credentials(this.#url, token));
    } catch (problem) { // as of an address that is none
      return this.#fail(new SpeechError('connection_failed', problem.message));
    }
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    let trouble = `there is no server at this address, or it wants ${token ? 'another' : 'a'} token`;
    if (socket.on) { // ws tells which, and browsers do not
      socket.on('error', ({ message, code }) => { trouble = `the connection failed: ${message || code}`; });
      socket.on('unexpected-response', (_, { statusCode, headers }) => {
        if (socket === this.#socket) this.#refused(statusCode, Number(headers['retry-after']) || 0);
      });
    }
    socket.onopen = () => {
      trouble = '';
      if (this.session) {
        const { session, resume_token: token } = this.session;
        this.#transmit({ type: 'resume', session, token, last_seq: this.#lastSeq });
      } else {
        this.#transmit({ type: 'start', ...this.#start, ...this.#reconfigured, acks: true, resume: true });
      }
    };
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onerror = () => {}; // a close follows
    socket.onclose = ({ code, reason }) => this.#closed(code, reason || trouble);
    this.#watch();
  }

  #transmit(message) {
    this.#socket.send(JSON.stringify(message));
  }

  // Leaves the connection, whatever it still brings. Without a code the server keeps the session.
  #abandon(code) {
    const socket = this.#socket;
    this.#ready = false;
    clearTimeout(this.#timers.watch);
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  // A connection can be dead without anybody saying so. What shows it is an answer that does not come: to the opening, to the
  // stop, or to more audio than the server takes between two acks.
  #watch() {
    clearTimeout(this.#timers.watch);
    const answered = this.#sent - this.#received <= 2000 * this.#audio.bytesPerMs;
    if (this.#ready && !this.#stopSent && answered) return;
    this.#timers.watch = setTimeout(() => {
      this.#abandon();
      this.#retry(1006, 'the server does not answer');
    }, this.#settings.patience);
  }

  #refused(status, retryAfterSeconds) {
    const [code, message] = REFUSALS[status] ?? [];
    if (code) this.#problem = new SpeechError(code, message, { retryAfter: 1000 * retryAfterSeconds });
    this.#closed(1006, `the server answered with the status ${status}`);
  }

  #closed(code, reason) {
    this.#abandon();
    if (this.#over) return;
    const problem = this.#problem;
    this.#problem = null;
    if (this.#settings.reconnect && this.#begun) {
      if (problem && RENEWED.has(problem.code)) return this.#renew();
      if (!problem || PASSING.has(problem.code)) return this.#retry(code, reason, problem?.retryAfter);
    }
    this.#fail(problem ?? new SpeechError('connection_failed', explain(code, reason)));
  }

  #retry(code, reason, retryAfter = 0) {
    if (!this.#settings.reconnect || !this.#begun) {
      return this.#fail(new SpeechError('connection_failed', explain(code, reason)));
    }
    const backoff = Math.min(5000, 250 * 2 ** this.#attempts++) * (0.5 + 0.5 * this.#settings.random());
    this.#become('reconnecting');
    this.#timers.retry = setTimeout(() => this.#connect(), Math.max(backoff, retryAfter));
  }

  // A new session, from the audio that has not become text.
  #renew() {
    this.#beginAnew();
    this.#segmentBase = this.#segmentNext;
    this.#lastSeq = 0;
    this.#stopSent = false;
    this.session = null;
    this.#become('reconnecting');
    this.#emit('renewed', { from_ms: this.#origin / this.#audio.bytesPerMs });
    this.#connect();
  }

  // --- what the server says

  #read(data) {
    let message = null;
    try {
      message = JSON.parse(data);
    } catch {
      // as what has no type
    }
    if (typeof message?.type === 'string') return this.#take(message);
    this.#fail(new SpeechError('connection_failed', 'the server does not speak this protocol'));
  }

  #take(message) {
    if (message.type !== 'resumed' && !message.fatal) {
      if (message.seq <= this.#lastSeq) return; // had before the connection broke
      this.#lastSeq = message.seq;
    }
    switch (message.type) {
      case 'started':
        this.session = message;
        this.#begun = true;
        this.#goOn();
        break;
      case 'resumed':
        this.#received = this.#sent = this.#origin + message.received;
        this.#stopSent = false;
        if (this.#reconfigured) this.#transmit({ type: 'configure', ...this.#reconfigured });
        this.#goOn();
        break;
      case 'ack':
      case 'progress':
        this.#received = Math.max(this.#received, this.#origin + message.received);
        this.#processed = Math.max(this.#processed, this.#origin + message.processed);
        this.#forget();
        break;
      case 'error':
        this.#takeError(message);
        return;
      case 'done':
        this.#finish(message);
        return;
    }
    this.#emit(message.type, this.#placed(message));
    this.#pump();
    this.#watch();
  }

  #goOn() {
    this.#ready = true;
    this.#attempts = 0;
    this.#become('streaming');
  }

  #takeError({ code, message, fatal, retry_after_ms: retryAfter }) {
    const problem = new SpeechError(code, message, { fatal, retryAfter });
    if (fatal) {
      this.#problem = problem; // the close that follows tells what becomes of it
    } else if (code !== 'bad_state' || !this.#stopSent) { // a stop that is said again may have arrived the first time
      this.#emit('error', problem);
    }
  }

  #finish(message) {
    const done = { ...this.#placed(message), segments: this.#segmentBase + message.segments };
    if (this.#origin > 0) {
      done.audio_ms += Math.round(this.#origin / this.#audio.bytesPerMs);
      done.text = joinTexts(this.#texts);
    }
    this.#abandon(1000);
    this.#become('done');
    this.#emit('done', done);
    this.#settle.resolve(done);
    for (const { resolve } of this.#room.splice(0)) resolve();
  }

  #fail(problem) {
    this.#abandon(1000);
    clearTimeout(this.#timers.retry);
    this.#problem = problem;
    this.#become('failed');
    this.#settle.reject(problem);
    for (const { reject } of this.#room.splice(0)) reject(problem);
  }

  // The message in the coordinates of the whole stream, where a session before this one had its beginning.
  #placed(message) {
    const placed = { ...message };
    const shift = Math.round(this.#origin / this.#audio.bytesPerMs);
    for (const field of ['at_ms', 'start_ms', 'end_ms']) if (field in placed) placed[field] += shift;
    if (placed.words) placed.words = placed.words.map((word) => ({ ...word, s: word.s + shift, e: word.e + shift }));
    if ('seg' in placed) placed.seg += this.#segmentBase;
    if (placed.type === 'final') {
      this.#segmentNext = placed.seg + 1;
      if (placed.text) this.#texts.push(placed.text);
      this.#settled = Math.max(this.#settled, this.#headerSize + placed.end_ms * this.#audio.bytesPerMs);
      this.#forget();
    }
    return placed;
  }

  // --- audio

  get #headerSize() {
    return this.#audio.header?.length ?? 0;
  }

  // That of a position, in milliseconds of audio.
  #time(position) {
    return Math.max(0, position - this.#headerSize) / this.#audio.bytesPerMs;
  }

  #readHeader() {
    const wav = readWavHeader(join(this.#chunks.map(({ bytes }) => bytes)));
    if (wav !== undefined) this.#audio = wav ?? { ...this.#audio, header: NO_BYTES };
  }

  // Moves to the audio that has not become text, from a whole frame on. Without a header it is all of it.
  #beginAnew() {
    const { header, frame } = this.#audio;
    const size = this.#headerSize;
    const kept = Math.max(size, this.#settled, this.#chunks[0]?.at ?? this.#end);
    const from = header ? size + Math.ceil((kept - size) / frame) * frame : 0;
    this.#origin = from - size;
    this.#sent = this.#received = this.#processed = this.#origin;
    this.#settled = from;
    this.#chunks = this.#chunks.filter(({ at, bytes }) => at + bytes.length > from);
    if (size > 0) this.#chunks.unshift({ at: this.#origin, bytes: headerOfRest(header, this.#origin) });
  }

  // Keeps what the server does not have, and half a minute of what it has and has not turned into text.
  #forget() {
    if (!this.#audio.header) return;
    const needed = Math.min(this.#received, Math.max(this.#settled, this.#end - 30000 * this.#audio.bytesPerMs));
    const first = this.#chunks.findIndex(({ at, bytes }) => at + bytes.length > needed);
    this.#chunks.splice(0, first < 0 ? this.#chunks.length : first);
  }

  get #windowEnd() {
    return this.#processed + this.session.limits.window_bytes;
  }

  #hasRoom() {
    return this.session !== null && this.#end <= this.#windowEnd;
  }

  // Sends what may be sent: audio within the window, and between it flushes and the stop in their places.
  #pump() {
    if (!this.#ready) return;
    const most = this.session.limits.max_msg;
    for (const { at, bytes } of this.#chunks) {
      while (this.#sent < at + bytes.length) {
        this.#sendFlushes();
        const next = Math.min(at + bytes.length, this.#sent + most, this.#windowEnd, this.#flushes[0] ?? Infinity);
        if (next <= this.#sent) return;
        this.#socket.send(bytes.subarray(this.#sent - at, next - at));
        this.#sent = next;
      }
    }
    this.#sendFlushes();
    if (this.#stopped && !this.#stopSent) {
      this.#stopSent = true;
      this.#transmit({ type: 'stop' });
    }
    if (this.#hasRoom()) for (const { resolve } of this.#room.splice(0)) resolve();
    this.#watch();
  }

  #sendFlushes() {
    while (this.#flushes.length > 0 && this.#flushes[0] <= this.#sent) {
      this.#flushes.shift();
      this.#transmit({ type: 'flush' });
    }
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#emit('state', state);
  }

  #emit(type, value) {
    for (const listener of this.#listeners.get(type) ?? []) listener(value);
  }
}

// Pages cannot set headers: a token is offered as a subprotocol, or stands in the query if it has characters of no such name.
function credentials(url, token) {
  if (!token) return [url, [SUBPROTOCOL]];
  if (SUBPROTOCOL_CHARACTERS.test(token)) return [url, [SUBPROTOCOL, `bearer.${token}`]];
  const address = new URL(url);
  address.searchParams.set('token', token);
  return [address.href, [SUBPROTOCOL]];
}

/**
 * What the first bytes of a file say, if it is WAV: `header`, the bytes before the audio; `frame`, the bytes of a sample of all
 * channels; `bytesPerMs`. null for another file, undefined where the header goes on.
 */
export function readWavHeader(bytes) {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const name = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (name(0) !== 'RIFF' || name(8) !== 'WAVE') return null;
  let frame = 1;
  let bytesPerMs = 1;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === 'data') return { header: bytes.slice(0, at + 8), frame, bytesPerMs };
    if (name(at) === 'fmt ' && at + 24 <= bytes.length) {
      frame = view.getUint16(at + 10, true) * Math.ceil(view.getUint16(at + 22, true) / 8) || 1;
      bytesPerMs = frame * view.getUint32(at + 12, true) / 1000 || 1;
    }
    at += 8 + size + size % 2;
  }
  return undefined;
}

// The header without so many bytes of the audio it announces. A size that was not known when it was written stays as it is.
function headerOfRest(header, skipped) {
  const rest = header.slice();
  const size = new DataView(rest.buffer, rest.length - 4);
  const announced = size.getUint32(0, true);
  if (announced > 0 && announced < 0x7f000000) size.setUint32(0, Math.max(0, announced - skipped), true);
  return rest;
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function joinTexts(texts) {
  let all = texts[0] ?? '';
  for (const text of texts.slice(1)) all += (HAS_NO_SPACE.test(`${all.slice(-2)}\n${text}`) ? '' : ' ') + text;
  return all;
}

function quiet(promise) {
  promise.catch(() => {}); // a microphone does not wait, and learns of the end elsewhere
  return promise;
}

function explain(code, reason) {
  if (reason) return reason;
  return code === 1006 ? 'the connection was lost' : `the connection was closed with ${code}`;
}
