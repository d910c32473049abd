#!/usr/bin/env python3
"""The examples that answer plain HTTP too, seen by curl, Python's websockets and Node's ws.

Usage: http_examples.py NAME PROGRAM
"""

import asyncio
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from websockets.exceptions import InvalidStatusCode
# The API of Debian's release; newer ones keep it under this name.
from websockets.legacy.client import connect

NODE_CLIENT = """
import { createRequire } from 'node:module';
const { WebSocket } = createRequire(process.env.WS_FROM)('ws');
const ws = new WebSocket(process.argv[1], JSON.parse(process.argv[2]));
ws.on('message', data => { console.log(data.toString()); ws.close(); });
ws.on('unexpected-response', (_, answer) => { console.log(answer.statusCode); ws.terminate(); });
ws.on('error', () => {});
"""


def check(actual, expected, what):
    if actual != expected:
        raise AssertionError(f'{what}: {actual!r}, expected {expected!r}')


@contextlib.contextmanager
def running(program, *arguments):
    """The port of an example, which ends by a signal in the end."""
    process = subprocess.Popen([program, *arguments, '0'], stdout=subprocess.PIPE, text=True)
    try:
        yield int(re.search(r'localhost:(\d+)', process.stdout.readline())[1])
    finally:
        process.send_signal(signal.SIGTERM)
        check(process.wait(timeout=30), 0, 'the exit status of the example')


def curl(*arguments):
    """The status, the headers and the body of what curl gets."""
    done = subprocess.run(['curl', '--silent', '--show-error', '--include', '--max-time', '30', *arguments],
                          stdout=subprocess.PIPE, check=True)
    head, _, body = done.stdout.partition(b'\r\n\r\n')
    lines = head.decode().split('\r\n')
    headers = {name.lower(): value for name, value in (line.split(': ', 1) for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


async def talk(uri, text=None, **options):
    """What Python's websockets receives, or the status of its refusal."""
    try:
        async with connect(uri, **options) as ws:
            if text is not None:
                await ws.send(text)
            return await ws.recv()
    except InvalidStatusCode as refusal:
        return refusal.status_code


def node(uri, options='{}'):
    """The first message that Node's ws receives, or the status of its refusal."""
    data = os.environ.get('DUPLEX_DATA') or pathlib.Path(
        os.environ.get('XDG_DATA_HOME') or pathlib.Path.home() / '.local/share', 'duplex')
    done = subprocess.run([shutil.which('node') or 'nodejs', '--input-type=module', '-e', NODE_CLIENT, uri, options],
                          env={**os.environ, 'WS_FROM': str(pathlib.Path(data, 'package.json'))},
                          stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout.strip()


def auth(program):
    with running(program) as port:
        url = f'http://localhost:{port}/'
        status, headers, _ = curl(url)
        check((status, headers['www-authenticate']), (401, 'Basic realm="the lab", charset="UTF-8"'), 'without a name')
        check(curl('--user', 'ada:wrong', url)[0], 401, 'with a wrong password')
        check(curl('--user', 'ada:secret', url)[0], 426, 'with the right one, but no WebSocket')
        uri = f'ws://ada:secret@localhost:{port}/'
        check(asyncio.run(talk(uri)), 'hello ada', "Python's websockets")
        check(asyncio.run(talk(uri.replace('secret', 'wrong'))), 401, "Python's websockets, wrong")
        check(node(uri), 'hello ada', "Node's ws")
        check(node(uri.replace('secret', 'wrong')), '401', "Node's ws, wrong")


def health_check(program):
    with running(program) as port:
        url = f'http://localhost:{port}'
        status, headers, body = curl(f'{url}/healthz')
        check((status, body, headers['content-length'], headers['connection']), (200, b'OK\n', '3', 'close'), 'GET')
        check('date' in headers, True, 'Date')
        status, headers, body = curl('--head', f'{url}/healthz')
        check((status, body, headers['content-length']), (200, b'', '3'), 'HEAD')
        check(curl(f'{url}/')[0], 426, 'another path')
        check(curl('--data', 'x=1', f'{url}/healthz')[0], 405, 'POST')
        check(asyncio.run(talk(f'ws://localhost:{port}/', 'x')), 'x', "Python's websockets")


def routing(program):
    with running(program) as port:
        url = f'http://localhost:{port}'
        status, headers, body = curl(f'{url}/')
        check((status, headers['content-type'], body), (200, 'text/html; charset=utf-8', b'<h1>Rooms</h1>\n'), 'page')
        check(curl(f'{url}/none')[0], 404, 'no route')
        status, headers, _ = curl(f'{url}/rooms/lab/')
        check((status, headers['location']), (308, '/rooms/lab'), 'a slash too many')
        check(curl(f'{url}/rooms/lab')[0], 426, 'a route of WebSockets by plain HTTP')
        uri = f'ws://localhost:{port}'
        check(asyncio.run(talk(f'{uri}/rooms/a%20b%C3%A9')), 'welcome to a bé', "Python's websockets")
        check(asyncio.run(talk(f'{uri}/echo', 'x')), 'x', 'another route')
        check(asyncio.run(talk(f'{uri}/nowhere')), 404, 'no route of WebSockets')
        check(node(f'{uri}/rooms/lab'), 'welcome to lab', "Node's ws")


def static_site(program):
    with tempfile.TemporaryDirectory() as folder:
        site = pathlib.Path(folder, 'site')
        site.mkdir()
        (pathlib.Path(folder) / 'secret').write_text('secret')
        (site / 'index.html').write_text('<p>home')
        large = os.urandom(5_000_000)
        (site / 'large.bin').write_bytes(large)
        with running(program, str(site)) as port:
            url = f'http://localhost:{port}'
            status, headers, body = curl(f'{url}/')
            check((status, headers['content-type'], body), (200, 'text/html; charset=utf-8', b'<p>home'), 'index')
            check(curl('--header', f'If-None-Match: {headers["etag"]}', f'{url}/')[0], 304, 'ETag')
            check(curl('--time-cond', headers['last-modified'], f'{url}/')[0], 304, 'Last-Modified')
            got = curl('--limit-rate', '20M', f'{url}/large.bin')[2]
            check(hashlib.sha256(got).digest(), hashlib.sha256(large).digest(), 'a large file')
            status, headers, body = curl('--range', '4000000-', f'{url}/large.bin')
            check((status, headers['content-range'], body),
                  (206, 'bytes 4000000-4999999/5000000', large[4_000_000:]), 'a range')
            check(curl('--range', '5000000-', f'{url}/large.bin')[0], 416, 'a range beyond the end')
            for path in ('/../secret', '/%2e%2e/secret', '/..%2fsecret', '/none'):
                check(curl('--path-as-is', url + path)[0], 404, path)
            uri = f'ws://localhost:{port}/'
            check(asyncio.run(talk(uri, 'x', origin=url)), 'x', 'the same origin')
            check(asyncio.run(talk(uri, 'x')), 'x', 'no origin')
            check(asyncio.run(talk(uri, 'x', origin='https://evil.example')), 403, 'another origin')
            check(node(uri, '{"origin": "https://evil.example"}'), '403', "another origin by Node's ws")


if __name__ == '__main__':
    {'auth': auth, 'health_check': health_check, 'routing': routing, 'static_site': static_site}[sys.argv[1]](sys.argv[2])
