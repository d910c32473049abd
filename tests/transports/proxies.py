#!/usr/bin/env python3
"""Our server behind nginx, HAProxy and Caddy, with the configurations of the documentation.

Usage: proxies.py PROGRAM CONFIGURATIONS
CONFIGURATIONS: docs/behind-a-proxy. Ports, paths and times in them are replaced by the test's own.
"""

import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys

from websockets.exceptions import ConnectionClosed
from websockets.legacy.client import connect

from peer import check, ours, run

sys.path.append(str(pathlib.Path(__file__).parents[1] / 'support'))
from ports import kept_port

PROGRAM, CONFIGURATIONS = sys.argv[1], pathlib.Path(sys.argv[2])
SEARCH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
COMMANDS = {
    'nginx.conf': ['nginx', '-p', '.', '-e', 'stderr', '-c', 'nginx.conf'],
    'haproxy.cfg': ['haproxy', '-f', 'haproxy.cfg'],
    'haproxy-tcp.cfg': ['haproxy', '-f', 'haproxy-tcp.cfg'],
    'Caddyfile': ['caddy', 'run', '--adapter', 'caddyfile', '--config', 'Caddyfile'],
}


@contextlib.asynccontextmanager
async def proxy(configuration, folder, backend, **replaced):
    """Runs a proxy in front of a backend, "127.0.0.1:PORT", and gives its own port."""
    with kept_port() as port:
        text = (CONFIGURATIONS / configuration).read_text()
        for old, new in {'127.0.0.1:8080': f'127.0.0.1:{port}', '127.0.0.1:8765': backend, **replaced}.items():
            check(old in text, True)
            text = text.replace(old, new)
        pathlib.Path(folder, configuration).write_text(text)
        environment = dict(os.environ, PATH=SEARCH, HOME=folder, XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder)
        process = await asyncio.create_subprocess_exec(
            *COMMANDS[configuration], cwd=folder, env=environment, stderr=subprocess.STDOUT,
            stdout=open(f'{folder}/proxy.log', 'w'))  # pylint: disable=consider-using-with
        try:
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection('127.0.0.1', port)
                    writer.close()
                    break
                except ConnectionError:
                    await asyncio.sleep(0.02)
            else:
                raise AssertionError(pathlib.Path(folder, 'proxy.log').read_text())
            yield port
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def closed(server, end):
    """Waits until our server has said that a connection ended so."""
    while (line := (await server.process.stdout.readline()).decode().rstrip('\n')) != f'closed {end}':
        check(line.startswith('closed '), True)


async def exchange(server, port):
    """What must pass every proxy: messages small, large and fragmented, and codes of closing."""
    async with connect(f'ws://127.0.0.1:{port}/', max_size=None) as ws:
        large = os.urandom(16 << 20)
        for message in ('', 'hello', 'ä€𝄞', b'\0\xff', large):
            await ws.send(message)
            check(await ws.recv(), message)
        await ws.send(['frag', 'ment', '', 'ed'])
        check(await ws.recv(), 'fragmented')
        await ws.ping()
        await ws.close(4001, 'done')
    await closed(server, '4001 done')
    async with connect(f'ws://127.0.0.1:{port}/') as ws:
        await ws.send('close 4002')
        await ws.wait_closed()
        check((ws.close_code, ws.close_reason), (4002, ''))


async def keepalive(configuration, folder, **replaced):
    """A proxy that ends what is silent for a second: pings keep the one connection, and not the other."""
    async with ours(PROGRAM, 'serve') as pinging, ours(PROGRAM, 'serve', '--no-ping') as silent:
        os.mkdir(f'{folder}/1')
        os.mkdir(f'{folder}/2')
        first = proxy(configuration, f'{folder}/1', f'127.0.0.1:{await pinging.port()}', **replaced)
        second = proxy(configuration, f'{folder}/2', f'127.0.0.1:{await silent.port()}', **replaced)
        async with first as port, second as other_port:
            async with connect(f'ws://127.0.0.1:{port}/', ping_interval=None) as kept:
                async with connect(f'ws://127.0.0.1:{other_port}/', ping_interval=None) as lost:
                    await lost.wait_closed()
                    check(lost.close_code, 1006)
                await kept.send('still there')
                check(await kept.recv(), 'still there')


def exchange_behind(configuration):
    async def over_tcp(folder):
        async with ours(PROGRAM, 'serve') as server:
            async with proxy(configuration, folder, f'127.0.0.1:{await server.port()}') as port:
                await exchange(server, port)
    over_tcp.__name__ = f'{configuration}_passes_messages_and_closes'
    return over_tcp


def exchange_through_unix_socket(configuration, prefix):
    async def over_unix(folder):
        path = f'{folder}/app.sock'
        async with ours(PROGRAM, 'serve', '--unix', path, '--permissions', '666') as server:
            await server.listening()
            os.chmod(folder, 0o755)  # a proxy gives up root's rights
            async with proxy(configuration, folder, prefix + path) as port:
                await exchange(server, port)
    over_unix.__name__ = f'{configuration}_passes_messages_and_closes_to_a_unix_socket'
    return over_unix


async def nginx_keeps_what_is_pinged(folder):
    await keepalive('nginx.conf', folder, **{'60s': '1s'})


async def haproxy_keeps_what_is_pinged(folder):
    await keepalive('haproxy.cfg', folder, **{'60s': '1s'})


def client_is_named_by(send_proxy):
    async def named(folder):
        async with ours(PROGRAM, 'serve', '--proxy-protocol', '--trust', '127.0.0.0/8') as server:
            backend = f'127.0.0.1:{await server.port()}'
            async with proxy('haproxy-tcp.cfg', folder, backend, **{'send-proxy-v2': send_proxy}) as port:
                async with connect(f'ws://127.0.0.1:{port}/') as ws:
                    own = '%s:%d' % ws.local_address[:2]
                    await ws.send('who?')
                    check(await ws.recv(), f'{own} to 127.0.0.1:{port}')
                await exchange(server, port)
            # Who does not come through the proxy is dropped.
            try:
                async with connect(f'ws://{backend}/'):
                    raise AssertionError('connected without a header')
            except (ConnectionError, ConnectionClosed, EOFError):
                pass
            except Exception as problem:  # websockets: "did not receive a valid HTTP response"
                check('HTTP' in str(problem), True)
    named.__name__ = f'haproxy_names_the_client_by_{send_proxy}'
    return named


run([exchange_behind('nginx.conf'), exchange_behind('haproxy.cfg'), exchange_behind('Caddyfile'),
     exchange_through_unix_socket('nginx.conf', 'unix:'),
     exchange_through_unix_socket('haproxy.cfg', 'unix@'),
     exchange_through_unix_socket('Caddyfile', 'unix/'),
     nginx_keeps_what_is_pinged, haproxy_keeps_what_is_pinged,
     client_is_named_by('send-proxy'), client_is_named_by('send-proxy-v2')])
