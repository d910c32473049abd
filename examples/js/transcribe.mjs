// Prints what is said in a WAV file, as fast as the server hears it.
// usage: node transcribe.mjs FILE.wav [URI]
import { createReadStream } from 'node:fs';
import { SpeechClient } from './client.mjs';

const [file, uri = 'ws://localhost:8765/v1/stream'] = process.argv.slice(2);
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket; // ws: for Node.js before 22
const client = new SpeechClient(uri, { format: 'auto', token: process.env.TOKEN, WebSocket });
client.on('final', ({ text }) => console.log(text));
for await (const chunk of createReadStream(file)) await client.send(chunk);
await client.stop();
