#!/usr/bin/env python3
"""What the environment's variables, limits and the debug log do, seen over a bare socket.

Usage: environment.py ROLE PROGRAM
ROLE: what PROGRAM (see peer.hpp) is: server, client or sync_client.
"""

import base64
import contextlib
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys

SECONDS = 30
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def check(actual, expected, what):
    if actual != expected:
        raise AssertionError(f'{what}: expected {expected!r}, got {actual!r}')


def check_match(pattern, text, what):
    if not re.search(pattern, text, re.MULTILINE):
        raise AssertionError(f'{what}: no {pattern!r} in {text!r}')


class Peer:
    """Our end of a socket to the program: heads of HTTP and frames, no more."""

    def __init__(self, sock, masks):
        self.sock, self.masks, self.bytes = sock, masks, b''
        sock.settimeout(SECONDS)

    def read_until(self, mark):
        while mark not in self.bytes:
            more = self.sock.recv(65536)
            if not more:
                raise AssertionError(f'the end came after {self.bytes!r}')
            self.bytes += more
        head, self.bytes = self.bytes.split(mark, 1)
        return head.decode()

    def take(self, count):
        while len(self.bytes) < count:
            more = self.sock.recv(65536)
            if not more:
                raise AssertionError(f'the end came after {self.bytes!r}')
            self.bytes += more
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def send(self, first_byte, payload):
        head = struct.pack('!B', first_byte)
        mask = 0x80 if self.masks else 0
        if len(payload) < 126:
            head += struct.pack('!B', mask | len(payload))
        else:
            head += struct.pack('!BH', mask | 126, len(payload))
        self.sock.sendall(head + (b'\0\0\0\0' if self.masks else b'') + payload)

    def receive(self):
        """A small frame: its first byte and its payload."""
        first, length = self.take(2)
        if length & 0x7F == 126:
            size = struct.unpack('!H', self.take(2))[0]
        else:
            size = length & 0x7F
        mask = self.take(4) if length & 0x80 else b'\0\0\0\0'
        return first, bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.take(size)))

    def closed_with(self):
        """Code and reason of the close frame, past everything before it."""
        while True:
            first, payload = self.receive()
            if first == 0x88:
                return struct.unpack('!H', payload[:2])[0], payload[2:].decode()


class Program:
    def __init__(self, process):
        self.process = process

    def finish(self):
        """Its output and its log, once it has ended; a server is told to."""
        self.process.terminate()
        out, log = self.process.communicate(timeout=SECONDS)
        return out, log


@contextlib.contextmanager
def started(program, arguments, variables):
    process = subprocess.Popen([program, *arguments], env={**os.environ, **variables}, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Role:
    """The program in its role, and a socket to it."""

    def __init__(self, role, program):
        self.role, self.program = role, program

    @contextlib.contextmanager
    def met(self, *arguments, **variables):
        """The program and a peer that is connected to it."""
        variables = {f'DUPLEX_{name}': value for name, value in variables.items()}
        if self.role == 'server':
            with started(self.program, arguments, variables) as process:
                port = int(process.stdout.readline().split()[1])
                with socket.create_connection(('127.0.0.1', port), SECONDS) as sock:
                    yield Program(process), Peer(sock, True)
        else:
            with socket.create_server(('127.0.0.1', 0)) as listening:
                listening.settimeout(SECONDS)
                uri = f'ws://127.0.0.1:{listening.getsockname()[1]}/chat'
                with started(self.program, [uri, *arguments], variables) as process:
                    sock, _ = listening.accept()
                    with sock:
                        yield Program(process), Peer(sock, False)

    def shake_hands(self, peer, *lines):
        """The head that the program sent."""
        extra = ''.join(line + '\r\n' for line in lines).encode()
        if self.role == 'server':
            peer.sock.sendall(b'GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                              b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' + extra + b'\r\n')
            return peer.read_until(b'\r\n\r\n')
        head = peer.read_until(b'\r\n\r\n')
        key = re.search(r'^Sec-WebSocket-Key: (.*)\r$', head, re.MULTILINE)[1].encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        peer.sock.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                          b'Sec-WebSocket-Accept: ' + accept + b'\r\n' + extra + b'\r\n')
        return head

    @contextlib.contextmanager
    def open(self, *arguments, **variables):
        with self.met(*arguments, **variables) as (program, peer):
            self.shake_hands(peer)
            yield program, peer


# --- cases

def names_itself_as_the_environment_says(role):
    name, variable = ('Server', 'SERVER') if role.role == 'server' else ('User-Agent', 'USER_AGENT')
    with role.met(**{variable: 'mine/1'}) as (_, peer):
        check_match(f'^{name}: mine/1\r?$', role.shake_hands(peer), 'the head')
    with role.met() as (_, peer):
        check_match(rf'^{name}: duplex/\d+\.\d+\.\d+ \(\w+\)\r?$', role.shake_hands(peer), 'the head')


def refuses_a_line_that_is_too_long(role):
    with role.met(MAX_LINE_LENGTH='200') as (program, peer):
        head = role.shake_hands(peer, 'X-Long: ' + 'x' * 200)
        if role.role == 'server':
            check_match('^HTTP/1.1 431 ', head, 'the answer')
        else:
            out, _ = program.process.communicate(timeout=SECONDS)
            check_match('^failed .*a header is longer than 200 bytes', out, 'the report')


def refuses_too_many_headers(role):
    with role.met(MAX_NUM_HEADERS='20') as (program, peer):
        head = role.shake_hands(peer, *(f'X-{i}: y' for i in range(20)))
        if role.role == 'server':
            check_match('^HTTP/1.1 431 ', head, 'the answer')
        else:
            out, _ = program.process.communicate(timeout=SECONDS)
            check_match('^failed .*more than 20 headers', out, 'the report')


def refuses_a_variable_that_makes_no_sense(role):
    arguments = [] if role.role == 'server' else ['ws://127.0.0.1:9/']
    with started(role.program, arguments, {'DUPLEX_MAX_BODY_SIZE': 'big'}) as process:
        out, log = process.communicate(timeout=SECONDS)
        check_match("DUPLEX_MAX_BODY_SIZE must be a whole number of at least 0, got 'big'", out + log, 'the error')
        check(process.returncode != 0, True, 'failure')


def closes_at_limits(role):
    for limit, frames, code, reason in (
            ('max_size=10', [(0x82, b'x' * 11)], 1009, 'message of 11 bytes exceeds limit of 10 bytes'),
            ('max_frame_size=10', [(0x02, b'x' * 10), (0x80, b'x' * 11)], 1009, 'frame of 11 bytes exceeds limit of 10 bytes'),
            ('max_fragments=2', [(0x02, b''), (0x00, b''), (0x80, b'')], 1008,
             'message of 3 fragments exceeds limit of 2 fragments')):
        with role.open('--limit', limit) as (_, peer):
            for first, payload in frames:
                peer.send(first, payload)
            check(peer.closed_with(), (code, reason), limit)
        with role.open() as (_, peer):
            for first, payload in frames:
                peer.send(first, payload)
            check(peer.receive()[0], 0x82, f'an echo without {limit}')


def logs_every_frame_where_asked(role):
    with role.met('--debug', 'yes', MAX_LOG_SIZE='30') as (program, peer):
        role.shake_hands(peer, 'Cookie: secret', 'Set-Cookie: secret')
        peer.send(0x81, b'hello')
        check(peer.receive(), (0x81, b'hello'), 'the echo')
        peer.send(0x81, b'a' * 60 + b'\x1b[31m')
        peer.receive()
        peer.send(0x88, struct.pack('!H', 1000))
        check(peer.closed_with()[0], 1000, 'the close')
        peer.sock.close()
        if role.role != 'server':
            program.process.wait(SECONDS)
        _, log = program.finish()
    lines = [re.sub(r' \[[0-9a-f-]{36}\]$', '', line.split(' duplex: ', 1)[1]) for line in log.splitlines()]
    wanted = ['debug: = connection is open', "debug: < TEXT 'hello' [5 bytes]", "debug: > TEXT 'hello' [5 bytes]",
              "debug: < TEXT '" + 'a' * 18 + '...' + 'aaaa\\x1b[31m' + "' [65 bytes]",
              'debug: < CLOSE 1000 (OK) [2 bytes]', 'debug: > CLOSE 1000 (OK) [2 bytes]', 'debug: = connection is closed']
    for line in wanted:
        check(line in lines, True, f'{line!r} in {lines}')
    check([any(line.startswith(f'info: connection {what} with ') for line in lines) for what in ('open', 'closed')], [True, True], f'the life in {lines}')
    marks = ('<', '>') if role.role == 'server' else ('>', '<')
    check(f'debug: {marks[0]} GET /chat HTTP/1.1' in lines, True, f'the request in {lines}')
    check(f'debug: {marks[1]} HTTP/1.1 101 Switching Protocols' in lines, True, f'the response in {lines}')
    check('secret' in log, False, 'a credential in the log')
    with role.open() as (program, peer):
        peer.send(0x88, struct.pack('!H', 1000))
        peer.closed_with()
        peer.sock.close()
        if role.role != 'server':
            program.process.wait(SECONDS)
        check(program.finish()[1], '', 'the log by default')


CASES = (names_itself_as_the_environment_says, refuses_a_line_that_is_too_long, refuses_too_many_headers,
         refuses_a_variable_that_makes_no_sense, closes_at_limits, logs_every_frame_where_asked)


def main():
    role = Role(*sys.argv[1:3])
    for case in CASES:
        if not sys.argv[3:] or case.__name__ in sys.argv[3:]:
            case(role)
            print('ok', case.__name__)


if __name__ == '__main__':
    main()
