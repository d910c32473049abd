// npm's ws as an echo server on a free port, which it prints.
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const data = process.env.DUPLEX_DATA ||
  join(process.env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'duplex');
const { WebSocketServer } = createRequire(join(data, 'package.json'))('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
server.on('connection', (ws) => {
  ws.on('message', (message, binary) => ws.send(message, { binary }));
  ws.on('error', () => {});  // what the probe does to it
});
server.on('listening', () => console.log(`listening ${server.address().port}`));
