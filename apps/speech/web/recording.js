// A file as a source of PCM: decoded by the browser where it can, and by the server where it cannot.
import { readWavHeader } from './client.mjs';

const RATE = 16000; // what the recogniser works at: more would be sent for nothing

/**
 * Opens a File. The result has the fields of `start` for the client (`options`), the `duration` in milliseconds, and `pieces`, an
 * async iterable of audio of about a second each. Throws an Error whose message is for people.
 */
export async function openRecording(file) {
  if (file.size === 0) throw new Error(`${file.name} is empty.`);
  const bytes = await file.arrayBuffer().catch(() => { throw new Error(`${file.name} ${unreadable(file)}`); });
  const wav = readWavHeader(new Uint8Array(bytes));
  try {
    return decoded(await decode(bytes));
  } catch {
    if (!wav) throw new Error(`${file.name} is not audio that this browser can decode. WAV, MP3, FLAC, Ogg and M4A usually are.`);
    return whole(bytes, wav);
  }
}

function unreadable({ size }) {
  if (size >= 2 ** 31) return 'is larger than browsers read at once, 2 GB: "duplex transcribe" reads any.';
  return 'cannot be read. Folders cannot, nor files that were moved since.';
}

// Not every browser decodes to every rate. What is decoded is taken from who decodes.
async function decode(bytes) {
  for (const rate of [RATE, 44100]) {
    try {
      return await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice(0));
    } catch (problem) {
      if (rate === 44100) throw problem;
    }
  }
}

function decoded(audio) {
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  function* pieces() {
    for (let from = 0; from < audio.length; from += audio.sampleRate) {
      const samples = new Int16Array(Math.min(audio.sampleRate, audio.length - from));
      for (let i = 0; i < samples.length; i++) {
        let sum = 0;
        for (const channel of channels) sum += channel[from + i];
        samples[i] = Math.round(Math.max(-1, Math.min(1, sum / channels.length)) * 32767);
      }
      yield samples;
    }
  }
  return {
    options: { format: 'pcm_s16le', rate: audio.sampleRate, channels: 1 },
    duration: audio.duration * 1000,
    pieces: pieces(),
  };
}

function whole(bytes, { header, bytesPerMs }) {
  function* pieces() {
    const second = Math.ceil(1000 * bytesPerMs);
    for (let from = 0; from < bytes.byteLength; from += second) {
      yield new Uint8Array(bytes, from, Math.min(second, bytes.byteLength - from));
    }
  }
  return { options: { format: 'auto' }, duration: (bytes.byteLength - header.length) / bytesPerMs, pieces: pieces() };
}
