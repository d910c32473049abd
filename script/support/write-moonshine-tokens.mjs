// Writes Moonshine's token table to standard output, from the vocabulary in llama-tokenizer.js (argument 1).
//
// One line an id, 0 to 32767: "<id> <hex of the UTF-8 bytes the token stands for>". The special tokens (0-2, and 32000 on)
// stand for nothing.
import { readFileSync } from 'node:fs';

const specials = 3;
const pieces = 32000;
const ids = 32768;

const source = readFileSync(process.argv[2], 'utf8');
const encoded = source.match(/llama_vocab_base64 = "([A-Za-z0-9+/=]+)"/);
if (!encoded) throw new Error(`no vocabulary in ${process.argv[2]}`);
const vocabulary = Buffer.from(encoded[1], 'base64').toString('utf8').split('\n');
if (vocabulary.length !== pieces) throw new Error(`${vocabulary.length} pieces, not ${pieces}`);

function hex(piece) {
  const byte = piece.match(/^<0x([0-9A-F]{2})>$/);
  if (byte) return byte[1].toLowerCase();
  return Buffer.from(piece.replaceAll('\u2581', ' '), 'utf8').toString('hex');
}

let lines = '';
for (let id = 0; id < ids; id++) {
  lines += `${id} ${id >= specials && id < pieces ? hex(vocabulary[id]) : ''}\n`;
}
process.stdout.write(lines);
