// Streams a recording, or raw audio on standard input, to a speech server as fast as it was spoken, and prints what is heard.
// Beside it has to be client.mjs; Node.js before 22 has no WebSocket of its own: npm install ws.
import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { SpeechClient } from './client.mjs';

const [uri = 'ws://localhost:8765/v1/stream', file, ...rest] = process.argv.slice(2);
if (uri.startsWith('-') || rest.length > 0) {
  console.error('usage: [TOKEN=...] live_captions.mjs [URI [FILE.wav]]  (ws://localhost:8765/v1/stream)\n' +
                '       arecord -q -f S16_LE -r 16000 -t raw | live_captions.mjs [URI]');
  process.exit(2);
}
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket;

function startsWav(bytes) {
  return bytes.length >= 44 && bytes.toString('latin1', 0, 4) === 'RIFF';
}

// On a terminal the open line is written over; the tail that may still change is grey.
function showPartial({ stable, text }) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${stable}\x1b[90m${text.slice(stable.length)}\x1b[0m`);
  else if (text) console.log(`... ${text}`);
}

function showFinal({ text, start_ms }) {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  if (text) console.log(`${(start_ms / 1000).toFixed(1).padStart(6)} s  ${text}`);
}

const format = file ? { format: 'auto' } : { format: 'pcm_s16le', rate: 16000 };
const client = new SpeechClient(uri, { ...format, token: process.env.TOKEN, WebSocket });
client.on('partial', showPartial);
client.on('final', showFinal);
client.on('state', (state) => state === 'reconnecting' && console.error('the connection broke; trying again'));
client.on('error', ({ message }) => console.error(`warning: ${message}`));

try {
  const start = Date.now();
  for await (const chunk of file ? createReadStream(file, { highWaterMark: 3200 }) : process.stdin) {
    if (file && client.given === 0 && !startsWav(chunk)) throw new Error(`${file} is no WAV file`);
    await client.send(chunk);
    if (file) await sleep(Math.max(0, start + client.given - Date.now())); // no faster than it was spoken
  }
  await client.stop();
} catch (problem) {
  client.cancel();
  console.error(`live_captions: ${problem.message}`);
  process.exitCode = 1;
}
