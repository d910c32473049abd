"""A server of one connection at a time that does what a test says."""

import contextlib
import queue
import struct

import broken_server
from broken_server import BINARY, CLOSE, PING, PONG, TEXT

PATIENCE = 20


class Peer(broken_server.Echo):
    """An open connection, as the test holds it."""

    def __init__(self, connection):
        super().__init__(connection, None)
        self.over = queue.Queue()

    def receive(self):
        """The next message or close frame: opcode and payload. Pings are answered."""
        while True:
            _, opcode, payload = self.read_frame()
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode != PONG:
                return opcode, payload

    def say(self, text):
        self.send(TEXT, text.encode() if isinstance(text, str) else text)

    def say_bytes(self, data):
        self.send(BINARY, data)

    def close(self, code=1000, reason=''):
        self.send(CLOSE, struct.pack('>H', code) + reason.encode())

    def answer_close(self):
        """Waits for a close frame, answers it, and gives its code."""
        opcode, payload = self.receive()
        assert opcode == CLOSE, (opcode, payload)
        self.send(CLOSE, payload)
        self.over.put(None)
        return int.from_bytes(payload[:2], 'big')


@contextlib.contextmanager
def peers():
    """Gives the port, and a function that waits for the next connection's peer."""
    waiting = queue.Queue()
    opened = []

    def script(connection):
        peer = Peer(connection)
        peer.shake_hands()
        opened.append(peer)
        waiting.put(peer)
        peer.over.get()

    with broken_server.serving(script) as port:
        yield port, lambda: waiting.get(timeout=PATIENCE)
        for peer in opened:
            peer.over.put(None)
