#!/usr/bin/env python3
"""Interoperability with Python's websockets.

Usage: python_websockets.py ROLE PROGRAM [CASE...]
ROLE: what PROGRAM (see peer.hpp) is: server, client or sync_client. Without CASE: all of them. Over TLS where with_tls.py
runs it.
"""

import asyncio
import contextlib
import dataclasses
import functools
import os
import random
import re
import signal
import ssl
import sys
import time
import traceback
from typing import Awaitable, Callable, Optional

from websockets.exceptions import ConnectionClosed, InvalidStatusCode
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory)
# The API of the source document; newer releases keep it under this name.
from websockets.legacy.client import connect
from websockets.legacy.server import serve

TLS = os.environ.get('INTEROP_TLS')
if TLS:
    client_tls = ssl.create_default_context(cafile=f'{TLS}/ca.pem')
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(f'{TLS}/chain.pem', f'{TLS}/key.pem')
    connect = functools.partial(connect, ssl=client_tls)
    serve = functools.partial(serve, ssl=server_tls)
SCHEME = 'wss' if TLS else 'ws'

ROLES = ('server', 'client', 'sync_client')
CASE_SECONDS = 60
MIB = 2 ** 20
SIZES = (0, 1, 125, 126, 127, 65535, 65536, MIB)
CLOSES = ((1000, ''), (1000, 'bye'), (1001, 'going'), (1003, ''), (1008, 'policy'), (1011, 'oops'),
          (1012, 'restart'), (1013, 'later'), (3000, 'ä€𝄞'), (4000, 'own'), (4999, 'r' * 123))
TEXTS = ('', 'a', 'é', '€', '𝄞', '\x00', '\uffff', '\U0010ffff', 'aé€𝄞' * 5000)


# --- our program

class Ours:
    """Our program's process and the lines it prints."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, program, *arguments):
        return cls(await asyncio.create_subprocess_exec(
            program, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE))

    async def line(self, beginning):
        """The rest of the next line, which must begin so."""
        line = (await self.process.stdout.readline()).decode().rstrip('\n')
        check(line.startswith(beginning), True, f'a line "{beginning}..." of our program, not "{line}"')
        return line[len(beginning):]

    async def kill(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@dataclasses.dataclass
class Link:
    """What a case works with: websockets' ends of the connections, and our program."""
    all: list
    ours: Ours

    @property
    def ws(self):
        return self.all[0]


@contextlib.asynccontextmanager
async def linked(role, program, case):
    """Our program and websockets, connected to each other."""
    async with contextlib.AsyncExitStack() as stack:
        if role == 'server':
            ours = await Ours.start(program, *case.ours)
            stack.push_async_callback(ours.kill)
            uri = f'{SCHEME}://127.0.0.1:{await ours.line("listening ")}/{case.name}'
            ends = await asyncio.gather(*(connect(uri, **case.theirs) for _ in range(case.connections)))
        else:
            accepted = asyncio.Queue()

            async def handler(ws):
                await accepted.put(ws)
                await ws.wait_closed()

            server = await stack.enter_async_context(serve(handler, '127.0.0.1', 0, **case.theirs))
            uri = f'{SCHEME}://127.0.0.1:{server.sockets[0].getsockname()[1]}/{case.name}'
            ours = await Ours.start(program, uri, '--connections', str(case.connections), *case.ours)
            stack.push_async_callback(ours.kill)
            ends = [await accepted.get() for _ in range(case.connections)]
        yield Link(ends, ours)


# --- cases

@dataclasses.dataclass
class Case:
    """One conversation, and how our program must report its end."""
    name: str
    talk: Callable[..., Awaitable[None]]
    ours: tuple = ()  # arguments of our program
    theirs: dict = dataclasses.field(default_factory=dict)  # options of connect or serve
    connections: int = 1
    end: Optional[str] = '1000'  # a regular expression; None: reports nothing
    status: int = 0  # with which our program exits, where it is the client
    stops: bool = False  # the case ends our program itself
    roles: tuple = ROLES


CASES = []


def case(**options):
    """Puts the function into the table of cases, under its own name."""
    def add(function):
        CASES.append(Case(function.__name__, function, **options))
        return function
    return add


def check(actual, expected, what):
    if actual != expected:
        raise AssertionError(f'{what}: {shown(actual)}, expected {shown(expected)}')


def shown(value):
    text = repr(value)
    return text if len(text) <= 200 else f'{text[:200]}... ({len(text)} characters)'


async def check_echo(ws, sent, expected=None):
    await ws.send(sent)
    received = await ws.recv()
    expected = sent if expected is None else expected
    check(type(received), type(expected), 'the type of an echo')
    check(received, expected, 'an echo')


async def check_end(ws, code, reason=None):
    await ws.wait_closed()
    check(ws.close_code, code, f'the close code (its reason was "{ws.close_reason}")')
    if reason is not None:
        check(ws.close_reason, reason, 'the close reason')


@case()
async def text(link):
    for message in TEXTS:
        await check_echo(link.ws, message)


@case()
async def sizes(link):
    for size in SIZES:
        await check_echo(link.ws, bytes(i * 31 & 0xff for i in range(size)))
        await check_echo(link.ws, 'x' * size)


@case(ours=('--compression', 'none'))
async def sizes_without_compression(link):
    await sizes(link)


@case()
async def fragments(link):
    for parts in (['a', 'b'], ['', '', 'c', ''], ['é' * 70000, '𝄞'], [b'\x00', b'\xff' * 65536, b''],
                  [b'x'] * 1000):
        await check_echo(link.ws, iter(parts), type(parts[0])().join(parts))


@case()
async def control_frames_between_fragments(link):
    async def parts():
        yield 'one, '
        await (await link.ws.ping(b'between'))
        yield 'two, '
        await link.ws.pong(b'nobody asked')
        yield 'three'

    await check_echo(link.ws, parts(), 'one, two, three')


@case()
async def pings_of_theirs(link):
    for data in (b'', b'hello', bytes(range(125))):
        await asyncio.wait_for(await link.ws.ping(data), 10)
    await asyncio.gather(*[await link.ws.ping() for _ in range(100)])


@case()
async def pings_of_ours(link):
    for data in ('', 'hello', 'x' * 125):
        await check_echo(link.ws, f'!ping {data}', 'ponged')


@case()
async def pipelined_small_messages(link):
    await check_pipelined(link.ws, [str(i) for i in range(5000)])


@case()
async def pipelined_large_messages(link):
    await check_pipelined(link.ws, [bytes([i]) * (100_000 + i) for i in range(200)])


async def check_pipelined(ws, messages):
    async def send_all():
        for message in messages:
            await ws.send(message)

    async def receive_all():
        return [await ws.recv() for _ in messages]

    _, received = await asyncio.gather(send_all(), receive_all())
    check(received == messages, True, f'{len(messages)} messages came back in order')


@case()
async def many_messages_of_ours(link):
    await link.ws.send('!send 5000')
    for i in range(5000):
        check(await link.ws.recv(), str(i), 'a message')


@case(connections=50)
async def fifty_connections_at_once(link):
    async def talk(number, ws):
        for i in range(20):
            await check_echo(ws, f'{number}: {i}')

    await asyncio.gather(*(talk(number, ws) for number, ws in enumerate(link.all)))


async def close_with(code, reason, link):
    await link.ws.close(code, reason)
    await check_end(link.ws, code)


async def be_closed_with(code, reason, link):
    await link.ws.send(f'!close {code} {reason}')
    await check_end(link.ws, code, reason)


for index, (code, reason) in enumerate(CLOSES):
    for function, frames in ((close_with, 'received .* then sent'), (be_closed_with, 'sent .* then received')):
        problem = '' if code in (1000, 1001) else rf' \[{frames} .*\]'
        CASES.append(Case(f'{function.__name__}_{code}_{index}', functools.partial(function, code, reason),
                          end=f'{code} {reason}'.rstrip() + problem))


@case(end='1001', stops=True, roles=('server',))
async def server_told_to_stop(link):
    link.ours.process.send_signal(signal.SIGTERM)
    await check_end(link.ws, 1001)


@case(end=None)
async def owner_leaves(link):
    await link.ws.send('!return')
    await check_end(link.ws, 1000, '')


@case(end=None, status=1)
async def owner_throws(link):
    await link.ws.send('!throw')
    await check_end(link.ws, 1011)


@case(end=r'1006 \[no close frame received or sent\]')
async def socket_of_theirs_destroyed(link):
    await check_echo(link.ws, 'before')
    link.ws.transport.abort()


@case(end=r'1006 \[no close frame received or sent\]')
async def connection_of_ours_aborted(link):
    await link.ws.send('!abort')
    await check_end(link.ws, 1006)


@case(end=None, stops=True, status=-signal.SIGKILL)
async def process_of_ours_killed(link):
    await check_echo(link.ws, 'before')
    link.ours.process.kill()
    await check_end(link.ws, 1006)


@case(end=r'1006 \[sent 1009 \(message too big\) .*; no close frame received\]')
async def message_too_big_for_ours(link):
    await send_beyond_limit(link.ws, bytes(MIB + 1))


# Compressed, it is refused before its size is known.
@case(ours=('--compression', 'none'),
      end=r'1006 \[sent 1009 \(message too big\) .*; no close frame received\]')
async def message_much_too_big_for_ours(link):
    await send_beyond_limit(link.ws, bytes(16 * MIB))


async def send_beyond_limit(ws, message):
    with contextlib.suppress(ConnectionClosed):
        await ws.send(message)
    await check_end(ws, 1009)
    for number in (len(message), MIB):
        check(str(number) in ws.close_reason, True, f'{number} is in the reason "{ws.close_reason}"')


# websockets reads nothing more then; only its timeout ends the connection.
@case(end=r'1009 .*\[received 1009 .* then sent 1009 .*\]', theirs={'close_timeout': 1})
async def message_too_big_for_theirs(link):
    await link.ws.send(f'!bytes {MIB + 1}')
    await link.ws.wait_closed()


@case(end=r'1006 \[sent 1007 .*; no close frame received\]')
async def text_that_is_not_utf8(link):
    await link.ws.write_frame(True, 0x1, b'ok \xff')
    await check_end(link.ws, 1007)


@case(end=r'1006 \[sent 1007 .*; no close frame received\]')
async def text_that_is_not_utf8_in_a_later_fragment(link):
    await link.ws.write_frame(False, 0x1, '€'.encode()[:2])
    await link.ws.write_frame(False, 0x0, '€'.encode()[2:])
    await link.ws.write_frame(True, 0x0, b'\xc0')
    await check_end(link.ws, 1007)


@case(end=r'1006 \[sent 1002 .*; no close frame received\]')
async def continuation_of_nothing(link):
    await link.ws.write_frame(True, 0x0, b'x')
    await check_end(link.ws, 1002)


# --- the opening handshake

async def handshake(link):
    """What our program saw of it."""
    await link.ws.send('!handshake')
    return (await link.ws.recv()).splitlines()


def seen_by_theirs(role, ws):
    return ws.response_headers if role == 'server' else ws.request_headers


@case(ours=('--subprotocol', 'v2', '--subprotocol', 'v1'), theirs={'subprotocols': ['other', 'v1']})
async def subprotocol_in_common(link):
    check(link.ws.subprotocol, 'v1', 'the subprotocol')
    check((await handshake(link))[0], 'subprotocol: v1', 'our subprotocol')


@case(theirs={'subprotocols': ['v1']})
async def subprotocol_of_theirs_alone(link):
    check(link.ws.subprotocol, None, 'the subprotocol')
    check((await handshake(link))[0], 'subprotocol: none', 'our subprotocol')


@case(ours=('--header', 'X-Ours: a, b', '--header', 'X-Ours: c'),
      theirs={'extra_headers': [('X-Theirs', 'a, b'), ('X-Theirs', 'c')]})
async def additional_headers(link):
    headers = link.ws.response_headers if link.ws.is_client else link.ws.request_headers
    check(headers.get_all('X-Ours'), ['a, b', 'c'], 'our additional headers')
    product = headers['Server' if link.ws.is_client else 'User-Agent']
    check(product.startswith('duplex/'), True, f'our program names itself, "{product}"')
    seen = [line for line in await handshake(link) if line.lower().startswith('x-theirs: ')]
    check(seen, ['X-Theirs: a, b', 'X-Theirs: c'], 'their additional headers')


@case(theirs={'origin': 'https://example.com'}, roles=('server',))
async def origin_of_theirs(link):
    check('Origin: https://example.com' in await handshake(link), True, 'the origin was seen')


@case(ours=('--origin', 'https://example.com'), theirs={'origins': ['https://example.com']},
      roles=('client', 'sync_client'))
async def origin_of_ours(link):
    check(link.ws.origin, 'https://example.com', 'the origin')


@case(ours=('--compression', 'none'), theirs={'compression': 'deflate'})
async def compression_of_theirs_alone(link):
    check(link.ws.extensions, [], 'the extensions agreed on')
    ours = link.ws.response_headers if link.ws.is_client else link.ws.request_headers
    check('Sec-WebSocket-Extensions' in ours, False, 'our program speaks of extensions')
    await check_echo(link.ws, 'compressible ' * 1000)


@case(theirs={'compression': None})
async def compression_of_ours_alone(link):
    check(link.ws.extensions, [], 'the extensions agreed on')
    await check_echo(link.ws, 'compressible ' * 1000)


async def check_compressed_echoes(link):
    for number in range(20):
        text = '{"sequence": %d, "text": "%s"}' % (number, 'compressible ' * (number * 10))
        await check_echo(link.ws, text)
        await check_echo(link.ws, text.encode())
        await check_echo(link.ws, '')
        await check_echo(link.ws, random.Random(number).randbytes(1 + number * 1000))
        await check_echo(link.ws, (text[i:i + 7] for i in range(0, len(text), 7)), text)
    await check_echo(link.ws, 'aé€𝄞' * 50000)


def add_compression(name, ours=(), roles=ROLES, **theirs):
    """Compression with options of ours and of theirs: what the two agree on, and that it works."""
    expected = {**theirs, **dict(each.split('=') for each in ours)}
    expected.pop('level', None)

    async def talk(link):
        [agreed] = link.ws.extensions
        for end, prefix in (('local', 'client' if link.ws.is_client else 'server'),
                            ('remote', 'server' if link.ws.is_client else 'client')):
            takeover = f'{prefix}_no_context_takeover'
            check(getattr(agreed, f'{end}_no_context_takeover'), bool(int(expected.get(takeover, 0))), takeover)
            bits = f'{prefix}_max_window_bits'
            check(getattr(agreed, f'{end}_max_window_bits'), int(expected.get(bits, 15)), bits)
        await check_compressed_echoes(link)

    arguments = ('--compression', 'threshold=1')
    for each in ours:
        arguments += ('--compression', each)
    for role in roles:
        factory = ClientPerMessageDeflateFactory if role == 'server' else ServerPerMessageDeflateFactory
        CASES.append(Case(f'compression_{name}', talk, arguments,
                          {'compression': None, 'extensions': [factory(**theirs)]}, roles=(role,)))


add_compression('at_its_defaults')
for takeover in ('server_no_context_takeover', 'client_no_context_takeover'):
    add_compression(f'with_{takeover}_of_ours', (f'{takeover}=1',))
    add_compression(f'with_{takeover}_of_theirs', **{takeover: True})
for bits in (9, 12):
    add_compression(f'with_windows_of_{bits}_bits_of_ours',
                    (f'server_max_window_bits={bits}', f'client_max_window_bits={bits}'))
    add_compression(f'with_windows_of_{bits}_bits_of_theirs', server_max_window_bits=bits,
                    client_max_window_bits=bits)
# zlib, and with it websockets, reads what was made with so small a window but cannot write it.
add_compression('with_a_window_of_8_bits', ('server_max_window_bits=8',), ('server',))
add_compression('with_a_window_of_8_bits', ('client_max_window_bits=8',), ('client', 'sync_client'))
add_compression('with_a_window_of_8_bits_of_theirs', roles=('server',), server_max_window_bits=8)
add_compression('with_a_window_of_8_bits_of_theirs', roles=('client', 'sync_client'),
                client_max_window_bits=8)
for level in (0, 3, 6, 9):
    add_compression(f'at_level_{level}', (f'level={level}',))


@case(theirs={'ping_interval': 0.01, 'ping_timeout': 10})
async def keepalive_of_theirs(link):
    while link.ws.latency == 0:  # until one was answered
        await check_echo(link.ws, 'x')


@case(roles=('sync_client',))
async def pings_while_the_owner_is_busy(link):
    await link.ws.send('!pause')
    for _ in range(5):
        await asyncio.wait_for(await link.ws.ping(), 10)
    link.ours.process.stdin.write(b'\n')
    await check_echo(link.ws, 'after')


@case(end='1000 bye', roles=('sync_client',))
async def close_while_the_owner_is_busy(link):
    await link.ws.send('!pause')
    await link.ws.close(1000, 'bye')
    await check_end(link.ws, 1000)
    link.ours.process.stdin.write(b'\n')


# --- handshakes that fail

async def refused_by_ours(program):
    ours = await Ours.start(program, '--subprotocol', 'v1')
    try:
        uri = f'{SCHEME}://127.0.0.1:{await ours.line("listening ")}/'
        async with connect(uri):
            raise AssertionError('our server accepted a client without a subprotocol')
    except InvalidStatusCode as refusal:
        check(refusal.status_code, 400, 'the status')
    finally:
        await ours.kill()


async def refused_by_theirs(program):
    async def handler(ws):
        raise AssertionError('websockets accepted an origin it should not')

    async with serve(handler, '127.0.0.1', 0, origins=['https://example.com']) as server:
        port = server.sockets[0].getsockname()[1]
        ours = await Ours.start(program, f'{SCHEME}://127.0.0.1:{port}/', '--origin', 'https://evil.example')
        try:
            failure = await ours.line('failed ')
            check('403' in failure, True, f'the status is in "{failure}"')
            check(await ours.process.wait(), 1, 'the exit status of our program')
        finally:
            await ours.kill()


# --- running them

async def run(role, program, case):
    async with linked(role, program, case) as link:
        await case.talk(link)
        await asyncio.gather(*(ws.close() for ws in link.all))
        if case.end is not None:
            for _ in link.all:
                end = await link.ours.line(f'closed /{case.name} ')
                check(bool(re.fullmatch(case.end, end)), True,
                      f'the end our program reports, "{end}", matches "{case.end}"')
        if role == 'server' and not case.stops:
            link.ours.process.send_signal(signal.SIGTERM)
        status = 0 if role == 'server' and not case.stops else case.status
        check(await link.ours.process.wait(), status, 'the exit status of our program')


async def main(role, program, *names):
    wanted = [(case.name, run(role, program, case)) for case in CASES if role in case.roles]
    wanted.append(('refusal', refused_by_ours(program) if role == 'server' else refused_by_theirs(program)))
    failures = 0
    for name, work in wanted:
        if names and name not in names:
            work.close()
            continue
        start = time.monotonic()
        try:
            await asyncio.wait_for(work, CASE_SECONDS)
            print(f'ok      {name} ({time.monotonic() - start:.2f} s)', flush=True)
        except BaseException as problem:  # whatever it is, the other cases still run
            failures += 1
            print(f'FAILED  {name}: {type(problem).__name__}: {problem}', flush=True)
            if not isinstance(problem, AssertionError):
                traceback.print_exc()
            if isinstance(problem, KeyboardInterrupt):
                break
    print(f'{failures} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    if len(sys.argv) < 3 or sys.argv[1] not in ROLES:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
