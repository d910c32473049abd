// The JavaScript client where a new session takes over from one that is gone: with raw audio, with WAV files, from any byte on.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readWavHeader } from '../../apps/speech/web/client.mjs';
import { audio, open, RATE, SECOND, Session, Socket } from './scripted_socket.mjs';

test('a new session takes over what had not become text, in the coordinates of the stream', async () => {
  const { client, socket, session } = await open();
  const finals = [];
  const renewed = [];
  client.on('final', ({ seg, text, start_ms, end_ms }) => finals.push({ seg, text, start_ms, end_ms }));
  client.on('renewed', (it) => renewed.push(it));
  client.send(audio(3 * SECOND));
  session.final(0, 'One.', 0, 1000);
  session.say('partial', { seg: 1, rev: 1, stable: '', text: 'tw', start_ms: 1200, end_ms: 2000, lag_ms: 0 });
  session.ack(3 * SECOND);
  socket.end(1012);
  const refused = await Socket.next();
  refused.onopen();
  refused.refuse('resume_unknown');

  const again = await Socket.next();
  const second = new Session(again, { name: 's2' });
  assert.equal(again.messages[0].type, 'start');
  assert.deepEqual(renewed, [{ from_ms: 1000 }]);
  assert.deepEqual(again.bytes, audio(3 * SECOND).subarray(SECOND));
  second.say('final', { seg: 0, text: 'Two.', start_ms: 200, end_ms: 1000, words: [{ w: 'Two', s: 200, e: 900 }] });
  client.stop();
  second.say('done', { audio_ms: 2000, segments: 1, text: 'Two.' });
  assert.deepEqual(finals, [{ seg: 0, text: 'One.', start_ms: 0, end_ms: 1000 },
    { seg: 1, text: 'Two.', start_ms: 1200, end_ms: 2000 }]);
  const done = await client.finished;
  assert.deepEqual([done.text, done.audio_ms, done.segments], ['One. Two.', 3000, 2]);
});

test('texts of several sessions are joined as the server joins those of one', async () => {
  const { client, socket, session } = await open();
  const texts = ['One.', 'Two.', '你好。', '再见', 'Three', 'カ', '\u31ff', 'x', '\u{1b17f}', '안녕', '\ufe4f'];
  client.send(audio(3 * SECOND));
  texts.slice(0, 3).forEach((text, i) => session.final(i, text, 100 * i, 100 * i + 100));
  const again = await restart(socket);
  const second = new Session(again, { name: 's2' });
  texts.slice(3).forEach((text, i) => second.final(i, text, 100 * i, 100 * i + 100));
  client.stop();
  second.say('done', { audio_ms: 2700, segments: 3, text: '' });
  assert.equal((await client.finished).text, 'One. Two.你好。再见Threeカ\u31ffx\u{1b17f}안녕 \ufe4f');
});

test('a session that reached its limit is followed by another', async () => {
  const { client, socket, session } = await open();
  client.send(audio(2 * SECOND));
  session.ack(2 * SECOND);
  session.final(0, 'One.', 0, 2000);
  client.send(audio(SECOND, 2 * SECOND));
  socket.refuse('session_limit');
  const again = await Socket.next();
  new Session(again, { name: 's2' });
  assert.deepEqual(again.bytes, audio(SECOND, 2 * SECOND));
});

// A WAV file's header: its format, another chunk of odd length, and the size of its audio.
function wavHeader({ rate = RATE, channels = 1, bits = 16, format = 1, size = 0 }) {
  const header = Buffer.alloc(12 + 24 + 12 + 8);
  header.write('RIFF');
  header.writeUInt32LE(header.length - 8 + size, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(format, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * channels * bits / 8, 28);
  header.writeUInt16LE(channels * bits / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write('LIST', 36);
  header.writeUInt32LE(3, 40);
  header.write('data', 48);
  header.writeUInt32LE(size, 52);
  return header;
}

// The connection that follows one that ended, to a server that knows nothing of the session.
async function restart(socket) {
  socket.end(1006);
  const refused = await Socket.next();
  refused.onopen();
  refused.refuse('resume_unknown');
  return Socket.next();
}

for (const piece of [1, 7, 3200, 1 << 20]) {
  test(`a new session takes a WAV file over with its header, and the audio that is left: in pieces of ${piece} bytes`, async () => {
    const format = { rate: 1000, channels: 2, bits: 24 }; // 6 bytes a frame and a millisecond
    const file = Buffer.concat([wavHeader({ ...format, size: 6000 }), audio(6000), audio(10, 99)]);
    const { client, socket, session } = await open({ format: 'auto' });
    for (let at = 0; at < file.length; at += piece) client.send(file.subarray(at, at + piece));
    assert.deepEqual(socket.bytes, file);
    const finals = [];
    client.on('final', ({ start_ms, end_ms }) => finals.push([start_ms, end_ms]));
    session.final(0, 'One.', 0, 301);
    session.ack(4000);
    assert.equal(client.given, (6000 + 10) / 6);
    assert.equal(client.heard, (4000 - 56) / 6);

    const again = await restart(socket);
    const second = new Session(again, { name: 's2' });
    const rest = Buffer.concat([wavHeader({ ...format, size: 6000 - 301 * 6 }).subarray(48), file.subarray(56 + 301 * 6)]);
    assert.deepEqual(again.bytes, Buffer.concat([file.subarray(0, 48), rest]));

    again.end(1006); // in the header, then in the audio
    const third = await Socket.next();
    second.resume(third, 50);
    assert.deepEqual(third.bytes, rest.subarray(2));
    second.final(0, 'Two.', 100, 200);
    second.ack(56 + 1200);
    const last = await restart(third);
    const fourth = new Session(last, { name: 's3' });
    assert.deepEqual(last.bytes, Buffer.concat([file.subarray(0, 48), wavHeader({ size: 6000 - 501 * 6 }).subarray(48),
      file.subarray(56 + 501 * 6)]));
    client.stop();
    fourth.say('done', { audio_ms: 499, segments: 0, text: '' });
    const done = await client.finished;
    assert.deepEqual([done.text, done.audio_ms, finals], ['One. Two.', 1000, [[0, 301], [401, 501]]]);
  });
}

test('a session that ends in the header is followed by one that gets it whole', async () => {
  const { client, socket, session } = await open({ format: 'auto' }, { window: 1 << 21 });
  const header = wavHeader({ size: 100 });
  const long = Buffer.alloc(1000000); // more than half a minute
  header.writeUInt32LE(long.length + 3, 40);
  const file = Buffer.concat([header.subarray(0, 45), long, header.subarray(45), audio(100)]);
  for (let at = 0; at < 1000000; at += 20000) client.send(file.subarray(at, at + 20000));
  session.ack(1000000);
  const again = await restart(socket);
  client.send(file.subarray(1000000));
  new Session(again, { name: 's2', window: 1 << 21 });
  assert.deepEqual(again.bytes, file);
});

test('a size that a header leaves open stays open', async () => {
  for (const size of [0, 0xffffffff]) {
    const { client, socket, session } = await open({ format: 'auto' });
    const header = wavHeader({ size: 0 });
    header.writeUInt32LE(size, 52);
    client.send(header);
    client.send(audio(SECOND));
    session.ack(56 + SECOND);
    session.final(0, 'One.', 0, 500);
    const again = await restart(socket);
    new Session(again, { name: 's2' });
    assert.deepEqual(again.bytes, Buffer.concat([header, audio(SECOND).subarray(SECOND / 2)]));
  }
});

test('what is no WAV file has no header to be sent again', async () => {
  const { client, socket, session } = await open({ format: 'auto' });
  client.send(audio(SECOND));
  session.ack(SECOND);
  session.final(0, 'One.', 0, 500);
  const again = await restart(socket);
  new Session(again, { name: 's2' });
  assert.deepEqual(again.bytes, audio(SECOND).subarray(SECOND / 2));
});

test('a new session begins with a whole frame, wherever audio was cut', async () => {
  const { client, socket, session } = await open({ channels: 2 });
  const all = audio(40 * SECOND * 2 + 1);
  for (let at = 0; at < all.length; at += 99999) client.send(all.subarray(at, at + 99999));
  session.ack(20 * SECOND);
  const acked = Math.min(all.length, socket.bytes.length);
  session.ack(acked);
  const again = await restart(socket);
  new Session(again, { name: 's2', window: 1000 * SECOND });
  const from = all.length - again.bytes.length;
  assert.ok(from > 0 && from % 4 === 0, `${from}`);
  assert.deepEqual(again.bytes, all.subarray(from));
});

test('a WAV header is read wherever it is cut', () => {
  const header = wavHeader({ rate: 44100, channels: 2, bits: 16, size: 8 });
  const file = Buffer.concat([header, audio(8)]);
  for (let size = 0; size < header.length; size++) assert.equal(readWavHeader(file.subarray(0, size)), undefined);
  for (let size = header.length; size <= file.length; size++) {
    assert.deepEqual(readWavHeader(file.subarray(0, size)),
      { header: Buffer.from(header), frame: 4, bytesPerMs: 176.4 });
  }
  assert.equal(readWavHeader(audio(12)), null);
});
