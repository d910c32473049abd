// An echo server on ws for Node.js, to measure against: compresses, prints its port.
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const data = process.env.DUPLEX_DATA ||
  join(process.env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'duplex');
const { WebSocketServer } = createRequire(join(data, 'package.json'))('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (ws) => ws.on('message', (message, isBinary) => ws.send(message, { binary: isBinary })));
