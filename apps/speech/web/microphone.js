// The microphone as a source of PCM: mono, pcm_s16le, at the machine's own rate.

/**
 * Asks for the microphone and starts it. `onAudio` gets Int16Arrays of 100 ms; `onLost` is called when the device goes away.
 * Throws an Error whose message is for people. The result has `rate`, `level()` (root mean square of the last moment, 0 to 1),
 * `silence()` (milliseconds since there was any sound) and `stop()`, which resolves once all audio was given to `onAudio`.
 */
export async function openMicrophone({ onAudio, onLost }) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices) {
    throw new Error('Browsers give the microphone only to pages that come over https or from localhost. Whoever runs this ' +
                    'server can give it a certificate (--tls-cert, --tls-key). Recordings can be read here all the same: drop a file.');
  }
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  }).catch((problem) => { throw new Error(refusals[problem.name] ?? `The microphone cannot be used: ${problem.message}`); });

  const context = new AudioContext({ latencyHint: 'interactive' });
  const release = () => {
    for (const track of stream.getTracks()) track.stop();
    return context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL('microphone-worklet.js', import.meta.url));
    await Promise.race([context.resume(), tooLate('its sound does not start, as without any device for output')]);
  } catch (problem) {
    release();
    throw new Error(`This browser cannot record here: ${problem.message}`);
  }

  const source = context.createMediaStreamSource(stream);
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  const recorder = new AudioWorkletNode(context, 'microphone');
  let ended;
  let heard = performance.now();
  recorder.port.onmessage = ({ data }) => {
    if (data === null) return ended();
    if (data.some((sample) => Math.abs(sample) > FAINTEST)) heard = performance.now();
    onAudio(data);
  };
  source.connect(analyser).connect(recorder).connect(context.destination); // a node that leads nowhere may not run; it is silent
  for (const track of stream.getTracks()) track.onended = onLost;

  const waveform = new Float32Array(analyser.fftSize);
  return {
    rate: context.sampleRate,
    level() {
      analyser.getFloatTimeDomainData(waveform);
      return Math.sqrt(waveform.reduce((sum, value) => sum + value * value, 0) / waveform.length);
    },
    silence: () => performance.now() - heard,
    async stop() {
      const drained = new Promise((resolve) => { ended = resolve; });
      recorder.port.postMessage('end');
      // A context that the system suspended does not answer.
      await Promise.race([drained, new Promise((resolve) => { setTimeout(resolve, 500); })]);
      await release();
    },
  };
}

// Firefox waits for a device for ever.
function tooLate(message) {
  return new Promise((_, reject) => { setTimeout(() => reject(new Error(message)), 8000); });
}

const FAINTEST = 30; // of 32767: what is below is no sound

const refusals = {
  NotAllowedError: 'The microphone was not allowed. Allow it in the browser\'s settings for this page, beside its address, and start again.',
  NotFoundError: 'No microphone was found. Connect one and start again.',
  NotReadableError: 'The microphone is in use by another program, or its driver failed. Close what uses it and start again.',
};
