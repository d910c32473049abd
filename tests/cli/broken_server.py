"""An echo server that is right but for one flaw, and servers that speak no WebSocket at all."""

import base64
import contextlib
import hashlib
import os
import socket
import struct
import threading

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
PATIENCE = 20  # seconds, after which a connection is given up


class Failed(Exception):
    """The client broke the protocol: the connection fails with this code."""


class Echo:
    """One connection. `flaw` names what is done wrong."""

    def __init__(self, connection, flaw):
        self.connection = connection
        self.flaw = flaw

    def run(self):
        self.shake_hands()
        try:
            while self.answer_message():
                pass
        except Failed as failure:
            self.fail(failure.args[0])

    def shake_hands(self):
        request = b''
        while not request.endswith(b'\r\n\r\n'):
            request += self.read(1)
        key = next(line[18:].strip() for line in request.split(b'\r\n')
                   if line.lower().startswith(b'sec-websocket-key:'))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if self.flaw == 'wrong accept':
            accept = accept[::-1]
        self.connection.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                                b'Sec-WebSocket-Accept: ' + accept + b'\r\n\r\n')

    # --- frames

    def read(self, count):
        data = b''
        while len(data) < count:
            more = self.connection.recv(min(count - len(data), 65536))
            if not more:
                raise ConnectionError
            data += more
        return data

    def read_frame(self):
        first, second = self.read(2)
        if first & 0x70 and self.flaw != 'takes reserved bits':
            raise Failed(1002)
        opcode, masked, length = first & 15, second & 128, second & 127
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Failed(1002)
        if not masked and self.flaw != 'takes unmasked frames':
            raise Failed(1002)
        if length > 125:
            length = int.from_bytes(self.read(2 if length == 126 else 8), 'big')
        mask = self.read(4) if masked else bytes(4)
        payload = self.read(length)
        return bool(first & 128), opcode, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def send(self, opcode, payload):
        length = len(payload)
        mask = 128 if self.flaw == 'masks its frames' else 0
        header = bytes([128 | opcode])
        if length < 126:
            header += bytes([mask | length])
        elif length < 65536:
            header += bytes([mask | 126]) + struct.pack('>H', length)
        else:
            header += bytes([mask | 127]) + struct.pack('>Q', length)
        self.connection.sendall(header + (bytes(4) if mask else b'') + payload)

    # --- messages

    def answer_message(self):
        """Echoes a message; false after the closing handshake."""
        message, kind = b'', None
        while True:
            fin, opcode, payload = self.read_frame()
            if opcode == PING:
                self.answer_ping(payload)
            elif opcode == CLOSE:
                self.answer_close(payload)
                return False
            elif opcode != PONG:
                kind = kind or opcode
                message += payload
                if fin:
                    break
        self.echo(kind, message)
        return True

    def echo(self, kind, message):
        if self.flaw == 'never echoes':
            return
        # The first message is the one that shows an echo server.
        probed = message != b'duplex probe'
        if probed and self.flaw == 'sends without end':
            while True:
                self.connection.sendall(bytes(65536))
        if probed and self.flaw == 'announces 2^62 bytes':
            self.connection.sendall(b'\x82\x7f' + struct.pack('>Q', 1 << 62) + b'and then silence')
            self.wait_for_end()
        if probed and self.flaw == 'resets':
            self.reset()
        if probed and self.flaw == 'never answers':
            return
        if kind == TEXT and self.flaw == 'text as binary':
            kind = BINARY
        if probed and self.flaw == 'loses a byte':
            message = message[:-1]
        if probed and self.flaw == 'escapes the terminal':
            message = b'\x1b[2J\x1b]0;owned\x07' + message
        if probed and self.flaw == 'echoes twice':
            self.send(kind, message)
        self.send(kind, message)

    def answer_ping(self, payload):
        if self.flaw != 'answers no ping':
            self.send(PONG, b'' if self.flaw == 'answers with empty pongs' else payload)

    # --- ends

    def answer_close(self, payload):
        if self.flaw == 'never closes':
            self.wait_for_end()
        if self.flaw == 'goes on after a close':
            self.send(TEXT, b'one more thing')
        self.send(CLOSE, payload)
        if self.flaw == 'leaves the connection open':
            self.wait_for_end()

    def fail(self, code):
        if self.flaw == 'fails with 1005':
            code = 1005
        if self.flaw == 'fails without a code':
            self.send(CLOSE, b'')
        elif self.flaw != 'fails without a close frame':
            self.send(CLOSE, struct.pack('>H', code))

    def wait_for_end(self):
        while self.connection.recv(65536):
            pass
        raise ConnectionError

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        raise ConnectionError


# --- those that speak something else: what they do with a connection

def says_nothing(connection):
    while connection.recv(65536):
        pass


def says_garbage(connection):
    connection.sendall(os.urandom(4096).replace(b'H', b'h') + b'\r\n\r\n')


def says_escapes(connection):
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 \x1b[2J\x1b]0;owned\x07\r\n\r\n')


def resets(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def hangs_up(connection):
    connection.recv(65536)


def sends_headers_without_end(connection):
    connection.sendall(b'HTTP/1.1 101 Switching Protocols\r\n')
    while True:
        connection.sendall(b'X-More: and more\r\n' * 1000)


def refuses(connection):
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')


@contextlib.contextmanager
def serving(script):
    """Calls `script` with each connection, in a thread of its own; gives the port."""
    def serve_one(connection):
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError):
            script(connection)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    with socket.create_server(('127.0.0.1', 0), backlog=64) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def echoing(flaw):
    return serving(lambda connection: Echo(connection, flaw).run())
