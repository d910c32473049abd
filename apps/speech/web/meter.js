// The level of the microphone: the last seconds as bars, or where motion is unwelcome one bar.

const STEP = 5; // pixels from one bar to the next
const BAR = 3;
const SILENCE = -60; // decibels: no bar,
const LOUD = -9; // and a whole one

export class Meter {
  #canvas;
  #levels = [];
  #source = null;
  #frame = 0;
  #still = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  /** Shows what `level` gives, root mean squares from 0 to 1, until `stop`. */
  start(level) {
    this.#source = level;
    this.#levels = [];
    let next = 0;
    let peak = 0;
    const tick = (now) => {
      if (!this.#source) return;
      peak = Math.max(peak, loudness(this.#source()));
      if (now >= next) {
        next = now + 60;
        this.#levels.push(peak);
        peak = 0;
        this.#draw();
      }
      this.#frame = requestAnimationFrame(tick);
    };
    this.#frame = requestAnimationFrame(tick);
  }

  stop() {
    this.#source = null;
    cancelAnimationFrame(this.#frame);
    this.#levels = [];
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const context = this.#canvas.getContext('2d');
    context.scale(scale, scale);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    const bar = (x, y, w, h) => {
      context.beginPath();
      context.roundRect(x, y, w, h, Math.min(w, h) / 2);
      context.fill();
    };
    if (this.#still.matches) {
      context.globalAlpha = 0.2;
      bar(0, height / 2 - 4, width, 8);
      context.globalAlpha = 1;
      bar(0, height / 2 - 4, Math.max(8, width * (this.#levels.at(-1) ?? 0)), 8);
      return;
    }
    const count = Math.floor((width + STEP - BAR) / STEP);
    this.#levels.splice(0, this.#levels.length - count);
    for (let i = 0; i < count; i++) {
      const level = this.#levels[this.#levels.length - count + i];
      context.globalAlpha = level === undefined ? 0.18 : 0.35 + 0.65 * level;
      const size = Math.max(BAR, height * (level ?? 0));
      bar(i * STEP, (height - size) / 2, BAR, size);
    }
  }
}

// A root mean square as a length from 0 to 1.
function loudness(level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-6));
  return Math.max(0, Math.min(1, (decibels - SILENCE) / (LOUD - SILENCE))) ** 2;
}
