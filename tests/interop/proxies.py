#!/usr/bin/env python3
"""Our clients through other people's proxies, to a server of Python's websockets.

Usage: proxies.py PROGRAM
PROGRAM: peer_client or peer_sync_client (see peer.hpp). The proxies are started here, each on a free port.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from websockets.legacy.server import serve

PATIENCE = 20
USER, PASSWORD = 'me@home', 'p:w/%'
CREDENTIALS = 'me%40home:p%3Aw%2F%25@'


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
        return True
    return False


@contextlib.contextmanager
def proxy(command):
    """Runs a proxy and gives its port. `command` makes its command line from a port and a folder."""
    for _ in range(5):  # the port may be taken before the proxy has it
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(command(port, folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, cwd=folder, start_new_session=True)
            try:
                end = time.monotonic() + PATIENCE
                while process.poll() is None and not answers(port) and time.monotonic() < end:
                    time.sleep(0.02)
                if process.poll() is None:
                    yield port
                    return
                problem = process.stderr.read().decode(errors='replace')
            finally:
                # Dante has children: the whole session goes.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()
                process.stderr.close()
    raise RuntimeError(f'{process.args[0]} does not start: {problem}')


def tinyproxy(*lines):
    def command(port, folder):
        config = os.path.join(folder, 'config')
        with open(config, 'w', encoding='utf-8') as file:
            file.write('\n'.join((f'Port {port}', 'Listen 127.0.0.1', 'Timeout 20', 'MaxClients 20', *lines, '')))
        return ['tinyproxy', '-d', '-c', config]
    return command


def microsocks(*options):
    return lambda port, folder: ['microsocks', '-i', '127.0.0.1', '-p', str(port), *options]


def dante(port, folder):
    config = os.path.join(folder, 'config')
    with open(config, 'w', encoding='utf-8') as file:
        file.write(f'''logoutput: stderr
internal: 127.0.0.1 port = {port}
external.protocol: ipv4
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass {{ from: 127.0.0.1/32 to: 127.0.0.1/32 }}
socks pass {{ from: 127.0.0.1/32 to: 0.0.0.0/0 protocol: tcp }}
''')
    return ['danted', '-f', config, '-p', os.path.join(folder, 'pid')]


def tls_context(folder):
    """For a server whose certificate is its own authority; gives the certificate's file too."""
    certificate, key = os.path.join(folder, 'certificate'), os.path.join(folder, 'key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
                    '-keyout', key, '-out', certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


async def tunnel(reader, writer):
    """An HTTP proxy for one connection, in Python's own TLS."""
    async def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b'\r\n\r\n')
        host, port = head.split()[1].decode().rsplit(':', 1)
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n')
        await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))


async def run_client(program, uri, proxy_url=None, environment=None):
    """What a client prints and its exit status."""
    arguments = [] if proxy_url is None else ['--proxy', proxy_url]
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith('_proxy')}
    process = await asyncio.create_subprocess_exec(
        program, uri, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**clean, **(environment or {})})
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise
    return output.decode().strip(), process.returncode


async def expect(name, got, wanted, status=0):
    output, code = got
    if wanted not in output or code != status:
        raise AssertionError(f'{name}: exit {code}, expected {status}; {output!r}, expected {wanted!r} in it')
    print(f'ok  {name}', flush=True)


async def check_tls(program):
    async def handler(ws):
        await ws.send('x' * 100_000)
        await ws.recv()
        await ws.close(1000, 'bye')

    with tempfile.TemporaryDirectory() as folder:
        context, certificate = tls_context(folder)
        trusting = {'SSL_CERT_FILE': certificate}
        async with serve(handler, '127.0.0.1', 0) as plain, serve(handler, '127.0.0.1', 0, ssl=context) as encrypted:
            async with await asyncio.start_server(tunnel, '127.0.0.1', 0, ssl=context) as https:
                at = https.sockets[0].getsockname()[1]
                uris = {'ws': f'ws://127.0.0.1:{plain.sockets[0].getsockname()[1]}/',
                        'wss': f'wss://127.0.0.1:{encrypted.sockets[0].getsockname()[1]}/'}
                for name, uri in uris.items():
                    got = await run_client(program, uri, f'https://127.0.0.1:{at}', trusting)
                    await expect(f'https proxy to {name}', got, 'bye')
                got = await run_client(program, uris['ws'], f'https://127.0.0.1:{at}')
                await expect('https proxy that is not trusted', got, 'certificate', status=1)
            with proxy(tinyproxy()) as at:
                got = await run_client(program, uris['wss'], f'http://127.0.0.1:{at}', trusting)
                await expect('tinyproxy to wss', got, 'bye')


async def check_all(program):
    await check_tls(program)
    seen = []

    async def handler(ws):
        for text in ('hello', 'ä€𝄞', 'x' * 100_000):
            await ws.send(text)
            seen.append(await ws.recv() == text)
        await ws.close(1000, 'bye')

    async with serve(handler, '127.0.0.1', 0) as server:
        port = server.sockets[0].getsockname()[1]
        names = (f'ws://127.0.0.1:{port}/', f'ws://localhost:{port}/')
        dead = f'ws://127.0.0.1:{free_port()}/'

        async def through(name, url, uris=names, environment=None):
            for uri in uris:
                del seen[:]
                got = await run_client(program, uri, url, environment)
                await expect(f'{name} to {uri.split(":")[1]}', got, 'bye')
                if seen != [True] * 3:
                    raise AssertionError(f'{name}: the messages did not come back')

        async def refused(name, url, text, uri=names[0]):
            got = await run_client(program, uri, url)
            await expect(name, got, text, status=1)
            if 'p:w' in got[0] or 'p%3Aw' in got[0] or 'wrong' in got[0]:
                raise AssertionError(f'{name}: the credentials are told')

        with proxy(tinyproxy()) as at:
            await through('tinyproxy', f'http://127.0.0.1:{at}')
            await through('tinyproxy by the environment', None, environment={'WS_PROXY': f'127.0.0.1:{at}'})
            await refused('tinyproxy before nobody', f'http://127.0.0.1:{at}', f'proxy 127.0.0.1:{at} rejected connection: HTTP 5', dead)
        with proxy(tinyproxy('BasicAuth me pass-word')) as at:
            await through('tinyproxy with credentials', f'http://me:pass%2Dword@127.0.0.1:{at}')
            await refused('tinyproxy without credentials', f'http://127.0.0.1:{at}', 'HTTP 407')
            await refused('tinyproxy with others', f'http://me:wrong@127.0.0.1:{at}', f'proxy 127.0.0.1:{at} rejected connection: HTTP 4')
        with proxy(microsocks()) as at:
            for scheme in ('socks5', 'socks5h'):
                await through(f'microsocks {scheme}', f'{scheme}://127.0.0.1:{at}')
            await refused('microsocks before nobody', f'socks5://127.0.0.1:{at}', 'connection refused', dead)
        with proxy(microsocks('-u', USER, '-P', PASSWORD)) as at:
            await through('microsocks with credentials', f'socks5h://{CREDENTIALS}127.0.0.1:{at}')
            await refused('microsocks without credentials', f'socks5h://127.0.0.1:{at}', 'requires authentication')
            await refused('microsocks with others', f'socks5h://me:wrong@127.0.0.1:{at}', 'rejected the user name')
        with proxy(dante) as at:
            for scheme in ('socks4', 'socks4a', 'socks5', 'socks5h'):
                # To SOCKS 4a it refuses names of this machine, whoever asks (curl too).
                uris = names[:1] if scheme == 'socks4a' else names
                await through(f'dante {scheme}', f'{scheme}://127.0.0.1:{at}', uris)
            await refused('dante before nobody', f'socks4://127.0.0.1:{at}', f'SOCKS proxy 127.0.0.1:{at} rejected connection', dead)
            await refused('dante as an HTTP proxy', f'http://127.0.0.1:{at}', f'from proxy 127.0.0.1:{at}')


if __name__ == '__main__':
    os.environ['PATH'] += ':/usr/sbin'  # where Debian has danted
    asyncio.run(check_all(sys.argv[1]))
