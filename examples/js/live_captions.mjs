// Streams a recording, or raw audio on standard input, to a speech server as fast as it was spoken, and prints what is heard:
// live_captions.mjs [URI [FILE.wav]]. Raw audio is 16 kHz, 16-bit, mono: arecord -f S16_LE -r 16000 -t raw | live_captions.mjs
// Node.js before 22 has no WebSocket of its own: npm install ws.
import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { SpeechClient } from '../../apps/speech/web/client.js';

const [uri = 'ws://localhost:8765/v1/stream', file] = process.argv.slice(2);
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket;

// A file is read no faster than it was spoken; a WAV header tells the server, and here, how fast that is.
async function* paced(chunks) {
  let bytesPerSecond = 0;
  let sent = 0;
  const start = Date.now();
  for await (const chunk of chunks) {
    if (!bytesPerSecond && chunk.length < 44) throw new Error(`${file} is no WAV file`);
    bytesPerSecond ||= chunk.readUInt32LE(28);
    yield chunk;
    sent += chunk.length;
    await sleep(Math.max(0, start + sent / bytesPerSecond * 1000 - Date.now()));
  }
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

// [stream]
const format = file ? { format: 'auto' } : { format: 'pcm_s16le', rate: 16000 };
const client = new SpeechClient(uri, { ...format, token: process.env.TOKEN, WebSocket });
client.on('partial', showPartial);
client.on('final', showFinal);
client.on('state', (state) => state === 'reconnecting' && console.error('the connection broke; trying again'));
client.on('error', ({ message }) => console.error(`warning: ${message}`));

try {
  const audio = file ? paced(createReadStream(file, { highWaterMark: 3200 })) : process.stdin;
  for await (const chunk of audio) await client.send(chunk);
  await client.stop();
} catch (problem) {
  client.cancel();
  console.error(`live_captions: ${problem.message}`);
  process.exitCode = 1;
}
// [stream]
