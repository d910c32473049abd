// The obvious speech server, to measure against: ws for Node.js, and sherpa-onnx called where messages arrive, as its examples
// call it. It has the model and voice-activity detector of duplex-speech, and as much of its protocol as bench/speech speaks.
//
// Usage: sherpa_speech.mjs [MODEL], such as moonshine-tiny. Prints its port.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const data = process.env.DUPLEX_DATA ||
  join(process.env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'duplex');
const load = createRequire(join(data, 'package.json'));
const { WebSocketServer } = load('ws');
const sherpa = load('./onnxruntime/lib/sherpa-onnx.node');

const rate = 16000;
const model = join(data, 'models', process.argv[2] ?? 'moonshine-tiny');

// sherpa-onnx wants lines of a token in base64 and its number; special ones must not be empty.
function tokensForSherpa(file) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => {
    const [number, hex] = line.split(' ');
    return `${(hex ? Buffer.from(hex, 'hex') : Buffer.from(`<${number}>`)).toString('base64')} ${number}\n`;
  });
  return lines.join('');
}

function createRecognizer() {
  const folder = mkdtempSync(join(tmpdir(), 'sherpa-speech-'));
  const tokens = join(folder, 'tokens.txt');
  writeFileSync(tokens, tokensForSherpa(join(model, 'tokens.txt')));
  const recognizer = sherpa.createOfflineRecognizer({
    modelConfig: {
      moonshine: {
        encoder: join(model, 'encoder_model.onnx'),
        mergedDecoder: join(model, 'decoder_model_merged.onnx'),
      },
      tokens,
      numThreads: availableParallelism(),
    },
  });
  rmSync(folder, { recursive: true });
  return recognizer;
}

const recognizer = createRecognizer();

function textOf(samples) {
  const stream = sherpa.createOfflineStream(recognizer);
  sherpa.acceptWaveformOffline(stream, { samples, sampleRate: rate });
  sherpa.decodeOfflineStream(recognizer, stream);
  return JSON.parse(sherpa.getOfflineStreamResultAsJson(stream)).text.trim();
}

function createDetector() {
  return sherpa.createVoiceActivityDetector({
    sileroVad: {
      model: join(data, 'models/silero-vad/silero_vad_v5.onnx'),
      minSilenceDuration: 0.6, minSpeechDuration: 0.25, maxSpeechDuration: 20, windowSize: 512,
    },
    sampleRate: rate, numThreads: 1,
  }, 60);
}

const inMs = (samples) => Math.round(samples / (rate / 1000));

class Session {
  constructor(ws, start) {
    this.ws = ws;
    this.interval = start.partials.interval_ms * (rate / 1000);
    this.detector = createDetector();
    this.received = 0;   // samples
    this.open = [];      // the chunks of what may be the open segment
    this.unheard = 0;    // samples since the last partial
    this.segments = 0;
    this.say({ type: 'started' });
  }

  say(message) {
    this.ws.send(JSON.stringify(message));
  }

  hear(bytes) {
    const samples = Float32Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / 32768);
    this.received += samples.length;
    this.open.push(samples);
    sherpa.voiceActivityDetectorAcceptWaveform(this.detector, samples);
    if (sherpa.voiceActivityDetectorIsDetected(this.detector)) {
      this.unheard += samples.length;
      if (this.unheard >= this.interval) this.sayPartial();
    } else {
      this.open = this.open.slice(-4);  // chunks before the speech
    }
    this.sayFinals();
  }

  sayPartial() {
    this.unheard = 0;
    const all = new Float32Array(this.open.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.open) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.say({ type: 'partial', seg: this.segments, text: textOf(all), end_ms: inMs(this.received) });
  }

  sayFinals() {
    while (!sherpa.voiceActivityDetectorIsEmpty(this.detector)) {
      const segment = sherpa.voiceActivityDetectorFront(this.detector, false);
      sherpa.voiceActivityDetectorPop(this.detector);
      const end = inMs(segment.start + segment.samples.length);
      this.say({ type: 'final', seg: this.segments++, text: textOf(segment.samples), end_ms: end });
      this.open = [];
      this.unheard = 0;
    }
  }

  stop() {
    sherpa.voiceActivityDetectorFlush(this.detector);
    this.sayFinals();
    this.say({ type: 'done', segments: this.segments });
    this.ws.close(1000);
  }
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (ws) => {
  let session;
  ws.on('message', (message, isBinary) => {
    if (isBinary) return session.hear(message);
    const { type, ...fields } = JSON.parse(message);
    if (type === 'start') session = new Session(ws, fields);
    if (type === 'stop') session.stop();
  });
});
