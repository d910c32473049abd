// In the audio thread: mono, 16-bit little-endian PCM at the context's rate, 100 ms at a time.
class Microphone extends AudioWorkletProcessor {
  #samples = new Int16Array(Math.round(sampleRate / 10));
  #filled = 0;
  #ended = false;

  constructor() {
    super();
    this.port.onmessage = () => { // the end: what has been heard so far is not lost
      this.#ended = true;
      this.#post();
      this.port.postMessage(null);
    };
  }

  process([channels]) {
    if (this.#ended) return false;
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.max(-1, Math.min(1, sum / channels.length));
      this.#samples[this.#filled++] = Math.round(value * 32767);
      if (this.#filled === this.#samples.length) this.#post();
    }
    return true;
  }

  #post() {
    if (this.#filled === 0) return;
    this.port.postMessage(this.#samples.slice(0, this.#filled));
    this.#filled = 0;
  }
}

registerProcessor('microphone', Microphone);
