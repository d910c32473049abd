// One take, the microphone from start to stop or a file, as the page shows it.
import { clock, toSrt, toText, toVtt } from './transcript.js';

const writers = { txt: toText, srt: toSrt, vtt: toVtt };
const types = { txt: 'text/plain', srt: 'application/x-subrip', vtt: 'text/vtt' };

export class Take {
  #root;
  #finals;
  #open;
  #rows = new Map(); // of segments without a final
  #captions = []; // finals
  #title;

  constructor(title, container) {
    this.#title = title;
    this.#root = document.getElementById('take-template').content.firstElementChild.cloneNode(true);
    this.#find('h2').textContent = title;
    this.#root.setAttribute('aria-label', title);
    this.#finals = this.#find('.finals');
    this.#open = this.#find('.open');
    this.#find('.actions').addEventListener('click', ({ target }) => this.#act(target));
    container.append(this.#root);
  }

  /** Shows how much of a file has been heard, from 0 to 1. */
  progress(part) {
    const bar = this.#find('progress');
    bar.hidden = false;
    bar.setAttribute('aria-label', `Progress of ${this.#title}`);
    bar.value = part;
  }

  /** The text so far of a segment. What is stable is only ever added to, so that it never flickers. */
  partial({ seg, text, stable, start_ms }) {
    if (!text && !this.#rows.has(seg)) return; // it may be no speech at all
    const row = this.#rows.get(seg) ?? this.#addRow(seg, start_ms);
    row.write(stable, text.slice(stable.length));
  }

  /** The text of a segment, for good: a screen reader says it. */
  final({ seg, text, start_ms, end_ms }) {
    if (text) {
      const row = this.#rows.get(seg) ?? this.#addRow(seg, start_ms);
      row.write(text, '');
      row.at(start_ms);
      this.#finals.append(row.element);
      this.#captions.push({ text, start_ms, end_ms });
      this.#find('.actions').hidden = false;
    } else {
      this.#rows.get(seg)?.element.remove();
    }
    this.#rows.delete(seg);
  }

  /** Takes back what has no final: it is heard anew. */
  reopen() {
    this.#rows.clear();
    this.#open.replaceChildren();
  }

  /** The take broke off after so many milliseconds of audio: what was open stays as it is. */
  breakOff(duration) {
    for (const [seg, row] of this.#rows) {
      this.final({ seg, text: row.text, start_ms: row.start, end_ms: duration });
    }
    if (this.#captions.length > 0) {
      this.end(duration);
      this.#find('.length').textContent += ', broken off';
    } else {
      this.#root.remove();
    }
  }

  /** Nothing more will come, after so many milliseconds of audio. */
  end(duration) {
    this.#find('progress').hidden = true;
    this.#find('.length').textContent = clock(duration);
    this.#find('.nothing').hidden = this.#captions.length > 0;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #addRow(seg, start) {
    const row = new Row(start);
    this.#rows.set(seg, row);
    this.#open.append(row.element);
    return row;
  }

  async #act(button) {
    const kind = button.dataset.kind;
    if (kind) {
      this.#download(kind);
    } else if (button.classList.contains('copy')) {
      const copied = await copy(toText(this.#captions));
      button.textContent = copied ? 'Copied' : 'Not allowed';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    }
  }

  #download(kind) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([writers[kind](this.#captions)], { type: types[kind] }));
    link.download = `${this.#title.replace(/\.\w{1,5}$/, '').replace(/[^\p{L}\p{N}._-]+/gu, '-')}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
}

// A line with its time: text that stays, and a tail that may change.
class Row {
  element = document.createElement('div');
  start;
  #time = document.createElement('time');
  #stable = document.createTextNode('');
  #tail = document.createElement('span');

  constructor(start) {
    const line = document.createElement('p');
    this.element.className = 'caption';
    this.#tail.className = 'tail';
    line.append(this.#stable, this.#tail);
    this.element.append(this.#time, line);
    this.at(start);
  }

  get text() {
    return (this.#stable.data + this.#tail.textContent).trim();
  }

  at(start) {
    this.start = start;
    this.#time.textContent = clock(start);
  }

  write(stable, tail) {
    if (stable.startsWith(this.#stable.data)) {
      if (stable.length > this.#stable.length) this.#stable.appendData(stable.slice(this.#stable.length));
    } else {
      this.#stable.data = stable;
    }
    if (this.#tail.textContent !== tail) this.#tail.textContent = tail;
  }
}

// Where the page did not come over https there is no clipboard, but the old way.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'hidden';
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
}
