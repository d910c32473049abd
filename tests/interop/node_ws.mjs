// Interoperability with ws, the WebSocket library of Node.js.
//
// Usage: node_ws.mjs ROLE PROGRAM [CASE...]
// ROLE: what PROGRAM (see peer.hpp) is: server, client or sync_client. Without CASE: all of them. Over TLS where
// with_tls.py runs it.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';

const data = process.env.DUPLEX_DATA ||
  join(process.env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'duplex');
let WebSocket;
try {
  WebSocket = createRequire(join(data, 'package.json'))('ws');
} catch (problem) {
  console.error(`no ws in ${data}/node_modules; script/bootstrap installs it (${problem.message})`);
  process.exit(1);
}

const roles = ['server', 'client', 'sync_client'];
const caseSeconds = 60;
const MiB = 2 ** 20;
const sizes = [0, 1, 125, 126, 127, 65535, 65536, MiB];
const closes = [[1000, ''], [1000, 'bye'], [1001, 'going'], [1003, ''], [1008, 'policy'], [1011, 'oops'],
  [1012, 'restart'], [1013, 'later'], [3000, 'ä€𝄞'], [4000, 'own'], [4999, 'r'.repeat(123)]];
const texts = ['', 'a', 'é', '€', '𝄞', '\0', '\uffff', '\u{10ffff}', 'aé€𝄞'.repeat(5000)];

const tls = process.env.INTEROP_TLS;
const scheme = tls ? 'wss' : 'ws';
const tlsFile = (name) => readFileSync(join(tls, name));
const clientTls = tls ? { ca: tlsFile('ca.pem') } : {};

class Failed extends Error {}

function check(actual, expected, what) {
  const shown = (value) => inspect(value, { maxStringLength: 200, maxArrayLength: 20 });
  if (!equal(actual, expected)) throw new Failed(`${what}: ${shown(actual)}, expected ${shown(expected)}`);
}

function equal(a, b) {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => equal(x, b[i]));
  return a === b;
}

// --- our program

// Its process and the lines it prints.
class Ours {
  constructor(program, args) {
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.exit = once(this.process, 'exit').then(([code, signal]) => signal ?? code);
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  // The rest of the next line, which must begin so.
  async line(beginning) {
    const { value = '' } = await this.lines.next();
    check(value.startsWith(beginning), true, `a line "${beginning}..." of our program, not "${value}"`);
    return value.slice(beginning.length);
  }
}

// One end of a connection, ws's, with its messages and its end as promises.
class End {
  constructor(ws) {
    this.ws = ws;
    this.messages = [];
    this.waiting = [];
    this.closed = new Promise((resolve) =>
      ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
    ws.on('message', (bytes, isBinary) => {
      const message = isBinary ? bytes : bytes.toString();
      if (this.waiting.length > 0) this.waiting.shift()(message);
      else this.messages.push(message);
    });
    ws.on('error', (error) => { this.error = error; });
  }

  async recv() {
    if (this.messages.length > 0) return this.messages.shift();
    return Promise.race([
      new Promise((resolve) => { this.waiting.push(resolve); }),
      this.closed.then(({ code, reason }) => { throw new Failed(`closed with ${code} ${reason}`); }),
    ]);
  }

  async ping(payload) {
    this.ws.ping(payload);
    const [answer] = await once(this.ws, 'pong');
    check(answer.toString(), payload, 'the payload of a pong');
  }

  async echo(sent, expected = sent) {
    this.ws.send(sent);
    check(await this.recv(), expected, 'an echo');
  }

  async ended(code, reason) {
    const end = await this.closed;
    check(end.code, code, `the close code (its reason was "${end.reason}")`);
    if (reason !== undefined) check(end.reason, reason, 'the close reason');
    return end;
  }
}

// A connection of ws to our server; resolves with the handshake's headers in `received`.
async function dial(uri, { protocols = [], ...options }) {
  const ws = new WebSocket(uri, protocols, { maxPayload: MiB, perMessageDeflate: true, ...clientTls, ...options });
  const end = new End(ws);
  ws.on('upgrade', (response) => { end.received = response.rawHeaders; });
  await Promise.race([once(ws, 'open'), end.closed.then(() => { throw end.error; })]);
  return end;
}

// Our program and ws, connected to each other: { ends, end, ours, stop }.
async function link(role, program, { name, ours: args = [], theirs = {}, connections = 1 }) {
  if (role === 'server') {
    const ours = new Ours(program, args);
    const uri = `${scheme}://127.0.0.1:${await ours.line('listening ')}/${name}`;
    const ends = await Promise.all(Array.from({ length: connections }, () => dial(uri, theirs)));
    return { ends, end: ends[0], ours, stop: () => {} };
  }
  const server = await listen(theirs);
  const ends = [];
  const accepted = new Promise((resolve) => server.on('connection', (ws, request) => {
    const end = new End(ws);
    end.received = request.rawHeaders;
    if (ends.push(end) === connections) resolve();
  }));
  const uri = `${scheme}://127.0.0.1:${server.address().port}/${name}`;
  const ours = new Ours(program, [uri, '--connections', String(connections), ...args]);
  await accepted;
  return { ends, end: ends[0], ours, stop: () => server.close() };
}

async function listen({ headers = {}, ...options }) {
  const secure = tls && createServer({ cert: tlsFile('chain.pem'), key: tlsFile('key.pem') });
  const server = new WebSocket.Server({
    ...(tls ? { server: secure } : { host: '127.0.0.1', port: 0 }), maxPayload: MiB, perMessageDeflate: true, ...options,
  });
  if (tls) {
    server.on('close', () => secure.close());
    secure.listen(0, '127.0.0.1');
  }
  const lines = Object.entries(headers).flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
  server.on('headers', (response) => response.push(...lines));
  await once(server, 'listening');
  return server;
}

// --- cases

// Each is one conversation: `ours`, arguments of our program; `theirs`, options of ws; `end`, a regular expression of how our
// program must report the end (null: reports nothing); `status`, of our program where it is the client; `stops`, whether the
// case ends our program itself; `roles`, of our program.
const cases = [];

function add(name, talk, options = {}) {
  cases.push({ name, talk, end: '1000', status: 0, stops: false, roles, ...options });
}

add('text', async ({ end }) => {
  for (const text of texts) await end.echo(text);
});

add('sizes', async ({ end }) => {
  for (const size of sizes) {
    await end.echo(Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 31)));
    await end.echo('x'.repeat(size));
  }
});

add('fragments', async ({ end }) => {
  for (const parts of [['a', 'b'], ['', '', 'c', ''], ['é'.repeat(70000), '𝄞'], Array(1000).fill('x')]) {
    parts.forEach((part, i) => end.ws.send(part, { fin: i === parts.length - 1 }));
    check(await end.recv(), parts.join(''), 'an echo');
  }
  end.ws.send(Buffer.from([0]), { fin: false });
  end.ws.send(Buffer.alloc(65536, 0xff), { fin: true });
  check(await end.recv(), Buffer.concat([Buffer.from([0]), Buffer.alloc(65536, 0xff)]), 'an echo');
});

add('control_frames_between_fragments', async ({ end }) => {
  end.ws.send('one, ', { fin: false });
  await end.ping('between');
  end.ws.send('two, ', { fin: false });
  end.ws.pong('nobody asked');
  end.ws.send('three', { fin: true });
  check(await end.recv(), 'one, two, three', 'an echo');
});

add('pings_of_theirs', async ({ end }) => {
  for (const payload of ['', 'hello', 'x'.repeat(125)]) await end.ping(payload);
});

add('pings_of_ours', async ({ end }) => {
  for (const payload of ['', 'hello', 'x'.repeat(125)]) {
    const pinged = once(end.ws, 'ping');
    await end.echo(`!ping ${payload}`, 'ponged');
    check((await pinged)[0].toString(), payload, 'the payload of a ping');
  }
});

async function pipelined({ end }, messages) {
  for (const message of messages) end.ws.send(message);
  for (const message of messages) check(await end.recv(), message, 'an echo');
}

add('pipelined_small_messages', (link) => pipelined(link, Array.from({ length: 5000 }, (_, i) => String(i))));

add('pipelined_large_messages', (link) =>
  pipelined(link, Array.from({ length: 200 }, (_, i) => Buffer.alloc(100000 + i, i))));

add('many_messages_of_ours', async ({ end }) => {
  end.ws.send('!send 5000');
  for (let i = 0; i < 5000; i++) check(await end.recv(), String(i), 'a message');
});

add('fifty_connections_at_once', ({ ends }) => Promise.all(ends.map(async (end, number) => {
  for (let i = 0; i < 20; i++) await end.echo(`${number}: ${i}`);
})), { connections: 50 });

const escaped = (text) => text.replace(/[[\]().*+?|\\^$]/g, '\\$&');

closes.forEach(([code, reason], index) => {
  const problem = (frames) => ([1000, 1001].includes(code) ? '' : ` \\[${frames} .*\\]`);
  const received = escaped(`${code} ${reason}`.trimEnd());
  add(`close_with_${code}_${index}`, async ({ end }) => {
    end.ws.close(code, reason);
    await end.ended(code);
  }, { end: received + problem('received .* then sent') });
  add(`be_closed_with_${code}_${index}`, async ({ end }) => {
    end.ws.send(`!close ${code} ${reason}`);
    await end.ended(code, reason);
  }, { end: received + problem('sent .* then received') });
});

add('close_without_a_code', async ({ end }) => {
  end.ws.close();
  await end.ended(1005, '');
}, { end: '1005' });

add('server_told_to_stop', async ({ end, ours }) => {
  ours.process.kill('SIGTERM');
  await end.ended(1001);
}, { end: '1001', stops: true, roles: ['server'] });

add('owner_leaves', async ({ end }) => {
  end.ws.send('!return');
  await end.ended(1000, '');
}, { end: null });

add('owner_throws', async ({ end }) => {
  end.ws.send('!throw');
  await end.ended(1011);
}, { end: null, status: 1 });

add('socket_of_theirs_destroyed', async ({ end }) => {
  await end.echo('before');
  end.ws.terminate();
}, { end: '1006 \\[no close frame received or sent\\]' });

add('connection_of_ours_aborted', async ({ end }) => {
  end.ws.send('!abort');
  await end.ended(1006);
}, { end: '1006 \\[no close frame received or sent\\]' });

add('process_of_ours_killed', async ({ end, ours }) => {
  await end.echo('before');
  ours.process.kill('SIGKILL');
  await end.ended(1006);
}, { end: null, status: 'SIGKILL', stops: true });

for (const [name, size] of [['too_big', MiB + 1], ['much_too_big', 16 * MiB]]) {
  add(`message_${name}_for_ours`, async ({ end }) => {
    end.ws.send(Buffer.alloc(size));
    const { reason } = await end.ended(1009);
    for (const number of [size, MiB]) check(reason.includes(number), true, `${number} is in "${reason}"`);
  }, {
    // Compressed, the larger one is refused before its size is known.
    ours: name === 'too_big' ? [] : ['--compression', 'none'],
    end: '1006 \\[sent 1009 \\(message too big\\) .*; no close frame received\\]',
  });
}

add('message_too_big_for_theirs', async ({ end }) => {
  end.ws.send(`!bytes ${MiB + 1}`);
  await end.closed;
}, { end: '1009 \\[received 1009 .* then sent 1009 .*\\]' });

add('text_that_is_not_utf8', async ({ end }) => {
  end.ws.send(Buffer.from('ok \xff', 'latin1'), { binary: false });
  await end.ended(1007);
}, { end: '1006 \\[sent 1007 .*; no close frame received\\]' });

add('text_that_is_not_utf8_in_a_later_fragment', async ({ end }) => {
  const euro = Buffer.from('€');
  end.ws.send(euro.subarray(0, 2), { binary: false, fin: false });
  end.ws.send(euro.subarray(2), { fin: false });
  end.ws.send(Buffer.from([0xc0]), { fin: true });
  await end.ended(1007);
}, { end: '1006 \\[sent 1007 .*; no close frame received\\]' });

// --- the opening handshake

// What our program saw of it.
async function handshake(end) {
  end.ws.send('!handshake');
  return (await end.recv()).split('\n');
}

// The values of a header in Node's raw list.
function values(raw, name) {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1].toLowerCase() === name.toLowerCase());
}

add('subprotocol_in_common', async ({ end }) => {
  check(end.ws.protocol, 'v1', 'the subprotocol');
  check((await handshake(end))[0], 'subprotocol: v1', 'our subprotocol');
}, {
  ours: ['--subprotocol', 'v2', '--subprotocol', 'v1'],
  theirs: { protocols: ['other', 'v1'], handleProtocols: (offered) => (offered.has('v1') ? 'v1' : false) },
});

add('additional_headers', async ({ end }) => {
  check(values(end.received, 'X-Ours'), ['a, b', 'c'], 'our additional headers');
  const [product] = [...values(end.received, 'Server'), ...values(end.received, 'User-Agent')];
  check(product.startsWith('duplex/'), true, `our program names itself, "${product}"`);
  const seen = (await handshake(end)).filter((line) => line.startsWith('X-Theirs: '));
  check(seen.join('; '), 'X-Theirs: a, b; X-Theirs: c', 'their headers');
}, {
  ours: ['--header', 'X-Ours: a, b', '--header', 'X-Ours: c'],
  theirs: { headers: { 'X-Theirs': ['a, b', 'c'] } },
});

add('origin_of_theirs', async ({ end }) => {
  check((await handshake(end)).includes('Origin: https://example.com'), true, 'the origin was seen');
}, { theirs: { origin: 'https://example.com' }, roles: ['server'] });

add('origin_of_ours', async ({ end }) => {
  check(values(end.received, 'Origin'), ['https://example.com'], 'the origin');
}, { ours: ['--origin', 'https://example.com'], roles: ['client', 'sync_client'] });

add('compression_of_theirs_alone', async ({ end }) => {
  check(end.ws.extensions, '', 'the extensions agreed on');
  check(values(end.received, 'Sec-WebSocket-Extensions'), [], 'the extensions our program speaks of');
  await end.echo('compressible '.repeat(1000));
}, { ours: ['--compression', 'none'], theirs: { perMessageDeflate: { threshold: 0 } } });

add('compression_of_ours_alone', async ({ end }) => {
  check(end.ws.extensions, '', 'the extensions agreed on');
  await end.echo('compressible '.repeat(1000));
}, { theirs: { perMessageDeflate: false } });

async function compressedEchoes({ end }) {
  check(end.ws.extensions, 'permessage-deflate', 'the extensions agreed on');
  for (let number = 0; number < 20; number++) {
    const text = JSON.stringify({ sequence: number, text: 'compressible '.repeat(number * 10) });
    await end.echo(text);
    await end.echo(Buffer.from(text));
    await end.echo('');
    await end.echo(randomBytes(1 + number * 1000));
    for (let at = 0; at < text.length; at += 7) {
      end.ws.send(text.slice(at, at + 7), { fin: at + 7 >= text.length });
    }
    check(await end.recv(), text, 'the echo of fragments');
  }
  await end.echo('aé€𝄞'.repeat(50000));
}

// Compression with options of ours and of theirs.
function addCompression(name, ours, theirs, roles) {
  add(`compression_${name}`, compressedEchoes, {
    ours: ['threshold=1', ...ours].flatMap((each) => ['--compression', each]),
    theirs: { perMessageDeflate: { threshold: 0, ...theirs } },
    ...(roles && { roles }),
  });
}

addCompression('at_its_defaults', [], {});
addCompression('without_context_takeover_of_ours',
  ['server_no_context_takeover=1', 'client_no_context_takeover=1'], {});
addCompression('without_context_takeover_of_theirs', [],
  { serverNoContextTakeover: true, clientNoContextTakeover: true });
for (const bits of [9, 12]) {
  addCompression(`with_windows_of_${bits}_bits_of_ours`,
    [`server_max_window_bits=${bits}`, `client_max_window_bits=${bits}`], {});
  addCompression(`with_windows_of_${bits}_bits_of_theirs`, [],
    { serverMaxWindowBits: bits, clientMaxWindowBits: bits });
}
addCompression('with_a_window_of_8_bits', ['server_max_window_bits=8'], {}, ['server']);
addCompression('with_a_window_of_8_bits', ['client_max_window_bits=8'], {}, ['client', 'sync_client']);
for (const level of [0, 3, 6, 9]) addCompression(`at_level_${level}`, [`level=${level}`], {});

add('pings_while_the_owner_is_busy', async ({ end, ours }) => {
  end.ws.send('!pause');
  for (let i = 0; i < 5; i++) await end.ping(String(i));
  ours.process.stdin.write('\n');
  await end.echo('after');
}, { roles: ['sync_client'] });

add('close_while_the_owner_is_busy', async ({ end, ours }) => {
  end.ws.send('!pause');
  end.ws.close(1000, 'bye');
  await end.ended(1000);
  ours.process.stdin.write('\n');
}, { end: '1000 bye', roles: ['sync_client'] });

// --- handshakes that fail

async function refusedByOurs(program) {
  const ours = new Ours(program, ['--subprotocol', 'v1']);
  try {
    const uri = `${scheme}://127.0.0.1:${await ours.line('listening ')}/`;
    const problem = await dial(uri, {}).then(() => new Error('accepted'), (error) => error);
    check(problem.message, 'Unexpected server response: 400', 'the refusal');
  } finally {
    ours.process.kill('SIGKILL');
  }
}

async function refusedByTheirs(program) {
  const server = await listen({ verifyClient: (info, answer) => answer(false, 403) });
  const ours = new Ours(program, [`${scheme}://127.0.0.1:${server.address().port}/`]);
  try {
    const failure = await ours.line('failed ');
    check(failure.includes('403'), true, `the status is in "${failure}"`);
    check(await ours.exit, 1, 'the exit status of our program');
  } finally {
    ours.process.kill('SIGKILL');
    server.close();
  }
}

// --- running them

async function run(role, program, spec) {
  const linked = await link(role, program, spec);
  const { ends, ours, stop } = linked;
  try {
    await spec.talk(linked);
    for (const end of ends) end.ws.close(1000);
    for (let i = 0; spec.end !== null && i < ends.length; i++) {
      const end = await ours.line(`closed /${spec.name} `);
      check(new RegExp(`^${spec.end}$`, 'u').test(end), true,
        `the end our program reports, "${end}", matches "${spec.end}"`);
    }
    if (role === 'server' && !spec.stops) ours.process.kill('SIGTERM');
    const status = role === 'server' && spec.status === 1 ? 0 : spec.status;
    check(await ours.exit, status, 'the exit status of our program');
  } finally {
    ours.process.kill('SIGKILL');
    for (const end of ends) end.ws.terminate();
    stop();
  }
}

// Rejects when the work takes too long; it is not stopped then, but its process ends with ours.
function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failed(`not done after ${caseSeconds} s`)), caseSeconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const [role, program, ...names] = process.argv.slice(2);
if (!roles.includes(role) || !program) {
  console.error('usage: node_ws.mjs server|client|sync_client PROGRAM [CASE...]');
  process.exit(2);
}
const wanted = cases.filter((spec) => spec.roles.includes(role))
  .map((spec) => [spec.name, () => run(role, program, spec)]);
wanted.push(['refusal', () => (role === 'server' ? refusedByOurs(program) : refusedByTheirs(program))]);
let failures = 0;
for (const [name, work] of wanted) {
  if (names.length > 0 && !names.includes(name)) continue;
  const start = performance.now();
  try {
    await inTime(work());
    console.log(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(2)} s)`);
  } catch (problem) {
    failures++;
    console.log(`FAILED  ${name}: ${problem instanceof Failed ? problem.message : problem.stack}`);
  }
}
console.log(`${failures} failed`);
process.exit(failures > 0 ? 1 : 0);
