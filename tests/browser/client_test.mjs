// The JavaScript client of duplex.speech.v1 against a server that is a few lines: what goes over the wire, at which moment,
// whatever breaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SpeechClient } from '../../apps/speech/web/client.mjs';
import { audio, connect, open, RATE, SECOND, Session, settled, Socket } from './scripted_socket.mjs';

test('start has the fields that were given, and the token is offered as a subprotocol', async () => {
  const { socket } = await open({ model: 'base', words: true, token: 'abc', partials: { interval_ms: 500 } });
  assert.equal(socket.url, 'ws://server/v1/stream');
  assert.deepEqual(socket.protocols, ['duplex.speech.v1', 'bearer.abc']);
  assert.deepEqual(socket.messages, [{ type: 'start', format: 'pcm_s16le', rate: RATE, channels: 1, model: 'base', words: true,
    partials: { interval_ms: 500 }, acks: true, resume: true }]);
});

test('a token that no subprotocol can have goes into the query', async () => {
  const { socket } = await open({ token: 'a/b=' });
  assert.equal(socket.url, 'ws://server/v1/stream?token=a%2Fb%3D');
  assert.deepEqual(socket.protocols, ['duplex.speech.v1']);
});

test('audio that is given before the session goes in its order once there is one', async () => {
  const client = connect();
  const socket = await Socket.next();
  client.send(audio(100));
  client.send(audio(50, 100).buffer.slice(0)); // an ArrayBuffer
  client.flush();
  client.send(new Int16Array([1, 2]));
  assert.equal(socket.audio.length, 0);
  new Session(socket);
  assert.deepEqual(socket.bytes.subarray(0, 100), audio(100));
  assert.equal(socket.messages[1].type, 'flush');
});

test('audio may be written over once it was given', async () => {
  const { client, socket } = await open({ reconnect: true });
  const bytes = audio(10);
  client.send(bytes);
  bytes.fill(0);
  socket.end(1006);
  const again = await Socket.next();
  again.onopen();
  again.say({ type: 'resumed', seq: 0, received: 0, replay_from_seq: 2 });
  assert.deepEqual(again.bytes, audio(10));
});

test('the stream ends with what the server says at the end', async () => {
  const { client, socket, session } = await open();
  const finals = [];
  client.on('final', ({ text }) => finals.push(text));
  client.send(audio(100));
  const done = client.stop();
  assert.deepEqual(socket.messages.at(-1), { type: 'stop' });
  session.final(0, 'Hello.', 0, 100);
  session.say('done', { audio_ms: 100, segments: 1, text: 'Hello.' });
  assert.equal((await done).text, 'Hello.');
  assert.deepEqual(finals, ['Hello.']);
  assert.equal(client.state, 'done');
  await assert.rejects(client.send(audio(1)), { code: 'bad_state' });
});

test('no more is sent than the window has room for, and senders wait for it', async () => {
  const { client, socket, session } = await open({}, { window: 1000 });
  let room = false;
  client.send(audio(1500)).then(() => { room = true; });
  assert.equal(socket.bytes.length, 1000);
  session.ack(1000, 400);
  await settled();
  assert.equal(socket.bytes.length, 1400);
  assert.equal(room, false);
  session.ack(1400, 500);
  await settled();
  assert.equal(room, true);
  assert.deepEqual(socket.bytes, audio(1500));
  assert.equal(client.behind, 1000 / SECOND * 1000);
});

test('stop waits for audio that waits for room', async () => {
  const { client, socket, session } = await open({}, { window: 1000 });
  client.send(audio(1500));
  client.stop();
  assert.equal(socket.messages.length, 1);
  session.ack(1000);
  assert.equal(socket.messages.at(-1).type, 'stop');
});

test('messages are no longer than the server takes', async () => {
  const { client, socket } = await open({}, { most: 64 });
  client.send(audio(200));
  assert.deepEqual(socket.audio.map(({ length }) => length), [64, 64, 64, 8]);
});

test('a flush keeps its place in the audio', async () => {
  const { client, socket, session } = await open({}, { window: 100 });
  client.send(audio(150));
  client.flush();
  client.send(audio(10, 150));
  assert.equal(socket.messages.length, 1);
  const sent = [];
  socket.send = (data) => sent.push(typeof data === 'string' ? JSON.parse(data).type : data.length);
  session.ack(100);
  assert.deepEqual(sent, [50, 'flush', 10]);
});

test('audio goes on where the server has it, wherever the connection broke', async () => {
  const all = audio(2000);
  for (let cut = 0; cut <= 200; cut += 7) {
    const { client, socket, session } = await open();
    const heard = [];
    const events = [];
    client.on('partial', ({ rev }) => events.push(rev));
    for (let i = 0; i < 200; i += 50) client.send(all.subarray(i, i + 50));
    heard.push(socket.bytes.subarray(0, cut));
    session.say('partial', { seg: 0, rev: 1, stable: '', text: 'a', start_ms: 0, end_ms: 1, lag_ms: 0 });
    if (cut > 100) session.ack(100);
    const lost = session.seq + 1;
    socket.end(1006);
    assert.equal(client.state, 'reconnecting');
    client.send(all.subarray(200, 300));
    client.hurry();
    const again = await Socket.next();
    session.resume(again, cut);
    assert.deepEqual(again.messages[0],
      { type: 'resume', session: 's1', token: 'secret of s1', last_seq: lost - 1 });
    again.say({ type: 'partial', seq: 2, seg: 0, rev: 1, stable: '', text: 'a', start_ms: 0, end_ms: 1, lag_ms: 0 });
    session.say('partial', { seg: 0, rev: 2, stable: 'a', text: 'a b', start_ms: 0, end_ms: 2, lag_ms: 0 });
    client.send(all.subarray(300, 2000));
    heard.push(again.bytes);
    assert.deepEqual(Buffer.concat(heard), all, `after ${cut} bytes`);
    assert.deepEqual(events, [1, 2], `after ${cut} bytes`);
  }
});

test('a stop whose answer was lost is said again', async () => {
  const { client, socket, session } = await open();
  client.send(audio(100));
  client.stop();
  socket.end(1006);
  const again = await Socket.next();
  session.resume(again, 100);
  assert.deepEqual(again.messages.map(({ type }) => type), ['resume', 'stop']);
  assert.equal(again.audio.length, 0);
  client.on('error', assert.fail);
  session.say('error', { code: 'bad_state', message: 'stop is not for a session that was stopped', fatal: false });
});

test('what was changed is changed again on a new connection', async () => {
  const { client, socket, session } = await open();
  client.configure({ partials: false });
  assert.deepEqual(socket.messages.at(-1), { type: 'configure', partials: false });
  socket.end(1006);
  const again = await Socket.next();
  session.resume(again, 0);
  assert.deepEqual(again.messages.at(-1), { type: 'configure', partials: false });
});

test('memory is bounded however long somebody speaks', async () => {
  const { client, socket, session } = await open();
  for (let second = 1; second <= 120; second++) {
    client.send(Buffer.alloc(SECOND));
    socket.audio.length = 0;
    session.ack(second * SECOND);
  }
  socket.end(1012);
  const refused = await Socket.next();
  refused.onopen();
  refused.refuse('resume_expired');
  const again = await Socket.next();
  new Session(again, { name: 's2', window: 1000 * SECOND });
  assert.ok(again.bytes.length <= 31 * SECOND, `${again.bytes.length / SECOND} s were kept`);
});

test('a server that does not answer is left for a new connection', async () => {
  const { client, socket } = await open({ patience: 20 });
  client.send(audio(3 * SECOND));
  const again = await Socket.next();
  assert.equal(socket.closed.code, undefined); // the session is kept
  assert.equal(client.state, 'reconnecting');
  again.onopen();
  assert.equal(again.messages[0].type, 'resume');
});

test('a server that has nothing to say is not', async () => {
  const { client } = await open({ patience: 5 });
  client.send(audio(100));
  await new Promise((resolve) => { setTimeout(resolve, 50); });
  assert.equal(client.state, 'streaming');
});

test('attempts to connect go on, until there is a server again', async () => {
  const { client, socket, session } = await open();
  socket.end(1006);
  for (let i = 0; i < 3; i++) (await Socket.next()).end(1006);
  session.resume(await Socket.next(), 0);
  assert.equal(client.state, 'streaming');
});

test('a first connection that fails is not tried again', async () => {
  const client = connect();
  (await Socket.next()).end(1006);
  await assert.rejects(client.finished, { code: 'connection_failed', name: 'SpeechError' });
  assert.equal(client.state, 'failed');
  await assert.rejects(client.send(audio(1)), { code: 'connection_failed' });
});

test('a browser cannot tell a missing token from a missing server, and both are said', async () => {
  for (const [token, wanted] of [[undefined, 'a token'], ['x', 'another token']]) {
    const client = connect({ token });
    (await Socket.next()).end(1006);
    await assert.rejects(client.finished, { message: `there is no server at this address, or it wants ${wanted}` });
  }
});

// As of ws, which tells how a connection was refused.
class TellingSocket extends Socket {
  listeners = {};

  on(type, listener) {
    this.listeners[type] = listener;
  }

  answer(statusCode, headers = {}) {
    this.listeners['unexpected-response']({}, { statusCode, headers });
  }
}

for (const [status, code] of [[401, 'unauthorized'], [403, 'forbidden_origin'], [503, 'overloaded'], [404, 'connection_failed']]) {
  test(`the status ${status} is told as ${code}`, async () => {
    const client = connect({ WebSocket: TellingSocket });
    (await Socket.next()).answer(status, { 'retry-after': '5' });
    const message = status === 404 ? 'the server answered with the status 404' : /^the server /;
    await assert.rejects(client.finished, { code, message, retryAfter: status === 404 ? 0 : 5000 });
  });
}

test('what keeps ws from connecting is told', async () => {
  const client = connect({ WebSocket: TellingSocket });
  const socket = await Socket.next();
  socket.listeners.error(new Error('connect ECONNREFUSED 127.0.0.1:9'));
  socket.end(1006);
  await assert.rejects(client.finished, { message: 'the connection failed: connect ECONNREFUSED 127.0.0.1:9' });
});

test('a proxy without its server is a server that is not there for now', async () => {
  const { client, socket } = await open({ WebSocket: TellingSocket });
  socket.end(1006);
  (await Socket.next()).answer(502);
  assert.equal(client.state, 'reconnecting');
  (await Socket.next()).answer(503, { 'retry-after': '0' });
  assert.equal(client.state, 'reconnecting');
  (await Socket.next()).answer(401);
  await assert.rejects(client.finished, { code: 'unauthorized' });
});

test('a connection that breaks ends the stream where that is wanted', async () => {
  const { client, socket } = await open({ reconnect: false });
  socket.end(1001, 'going away');
  await assert.rejects(client.finished, { code: 'connection_failed', message: 'going away' });
});

for (const code of ['bad_json', 'bad_state', 'bad_field', 'unsupported_format', 'unauthorized', 'forbidden_origin',
  'model_not_found', 'message_too_big', 'idle_timeout', 'engine_failed', 'internal', 'bad_audio']) {
  test(`${code} ends the stream, and those who wait for room are told`, async () => {
    const { client, socket } = await open({}, { window: 10 });
    const sending = client.send(audio(100));
    socket.refuse(code);
    await assert.rejects(client.finished, { code, message: `said of ${code}` });
    await assert.rejects(sending, { code });
  });
}

for (const code of ['overloaded', 'too_many_sessions', 'draining']) {
  test(`${code} ends a stream that has not begun, and tells when to come again`, async () => {
    const client = connect();
    const socket = await Socket.next();
    socket.onopen();
    socket.refuse(code, { retry_after_ms: 5000 });
    await assert.rejects(client.finished, { code, retryAfter: 5000 });
  });

  test(`${code} is waited for by a stream that has begun`, async () => {
    const { client, socket } = await open();
    socket.refuse(code, { retry_after_ms: 1 });
    assert.equal(client.state, 'reconnecting');
    await Socket.next();
  });
}

test('an error that is not fatal is told, and the stream goes on', async () => {
  const { client, session } = await open();
  const problems = [];
  client.on('error', ({ code, fatal }) => problems.push({ code, fatal }));
  session.say('error', { code: 'bad_field', message: 'words', fatal: false });
  assert.deepEqual(problems, [{ code: 'bad_field', fatal: false }]);
  assert.equal(client.state, 'streaming');
});

test('audio that nobody takes for too long ends the stream', async () => {
  const { client, socket } = await open({ maxBuffered: 2 });
  socket.end(1006);
  client.send(audio(2 * SECOND));
  await assert.rejects(client.send(audio(1)), { code: 'buffer_full' });
  await assert.rejects(client.finished, { code: 'buffer_full' });
});

test('cancel says so, and leaves', async () => {
  const { client, socket } = await open();
  const states = [];
  const forget = client.on('state', (state) => states.push(state));
  client.cancel();
  assert.deepEqual(socket.messages.at(-1), { type: 'cancel' });
  assert.equal(socket.closed.code, 1000);
  await assert.rejects(client.finished, { code: 'cancelled' });
  assert.deepEqual(states, ['failed']);
  forget();
});

for (const data of ['hello', 'null', '[]', new ArrayBuffer(2)]) {
  test(`a server that speaks another protocol is no server: ${data}`, async () => {
    const client = connect();
    const socket = await Socket.next();
    socket.onopen();
    socket.onmessage({ data });
    await assert.rejects(client.finished, { code: 'connection_failed' });
  });
}

test('an address that is none is told as a server that is not there', async () => {
  class Picky {
    constructor(url) { throw new SyntaxError(`Invalid URL: ${url}`); }
  }
  const client = new SpeechClient('nowhere', { WebSocket: Picky });
  await assert.rejects(client.finished, { code: 'connection_failed', message: 'Invalid URL: nowhere' });
  await assert.rejects(client.send(audio(1)), { code: 'connection_failed' });
});

test('nothing is left that keeps a program from ending', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const { client, session } = await open();
  client.send(audio(3 * SECOND));
  client.stop();
  assert.equal(timers(), before + 1);
  session.say('done', { audio_ms: 3000, segments: 0, text: '' });
  await client.finished;
  assert.equal(timers(), before);
});
