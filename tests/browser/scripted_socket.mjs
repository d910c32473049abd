// What a test of the JavaScript client has in its hand: a server of duplex.speech.v1 that is a few lines, and audio.
import { afterEach } from 'node:test';

import { SpeechClient } from '../../apps/speech/web/client.mjs';

export const RATE = 16000;
export const SECOND = 2 * RATE; // bytes

// One end of a connection; a test is the other. What the client sent is in `messages` and `audio`.
export class Socket {
  static opened = [];
  static waiting = [];

  static async next() {
    return Socket.opened.shift() ?? new Promise((resolve) => { Socket.waiting.push(resolve); });
  }

  messages = [];
  audio = [];
  closed = null;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    const waiting = Socket.waiting.shift();
    if (waiting) waiting(this);
    else Socket.opened.push(this);
  }

  send(data) {
    if (typeof data === 'string') this.messages.push(JSON.parse(data));
    else this.audio.push(Buffer.from(data));
  }

  close(code) {
    this.closed = { code };
  }

  get bytes() {
    return Buffer.concat(this.audio);
  }

  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code, reason = '') {
    this.onclose?.({ code, reason });
  }

  refuse(code, fields = {}) {
    this.say({ type: 'error', seq: 0, code, message: `said of ${code}`, fatal: true, ...fields });
    this.end(1008);
  }
}

// What the server says of one session, numbered.
export class Session {
  seq = 0;

  constructor(socket, { name = 's1', window = 20 * SECOND, most = 1 << 20 } = {}) {
    socket.onopen();
    this.socket = socket;
    this.say('started', { session: name, resume_token: `secret of ${name}`,
      limits: { window_ms: 20000, window_bytes: window, max_msg: most } });
  }

  say(type, fields = {}) {
    this.socket.say({ type, seq: ++this.seq, ...fields });
  }

  ack(received, processed = received) {
    this.say('ack', { received, processed, window_ms: 20000 });
  }

  final(seg, text, start_ms, end_ms) {
    this.say('final', { seg, text, start_ms, end_ms, lang: 'en', reason: 'silence' });
  }

  resume(socket, received) {
    socket.onopen();
    this.socket = socket;
    socket.say({ type: 'resumed', seq: 0, received, replay_from_seq: this.seq + 1 });
  }
}

const clients = [];

export function connect(options = {}) {
  const client = new SpeechClient('ws://server/v1/stream', { rate: RATE, WebSocket: Socket, random: () => 0, ...options });
  clients.push(client);
  return client;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.cancel();
  Socket.opened.length = 0;
});

export function audio(bytes, first = 0) {
  const made = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) made[i] = (first + i) * 31 % 251;
  return made;
}

export async function open(options, limits) {
  const client = connect(options);
  const socket = await Socket.next();
  return { client, socket, session: new Session(socket, limits) };
}

export const settled = () => new Promise((resolve) => { setImmediate(resolve); });
