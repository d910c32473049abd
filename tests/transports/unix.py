#!/usr/bin/env python3
"""Unix sockets between our program and Python's websockets, curl and plain sockets: unix.py PROGRAM."""

import asyncio
import os
import stat
import sys

from websockets.legacy.client import unix_connect
from websockets.legacy.server import unix_serve

from peer import check, ours, run

PROGRAM = sys.argv[1]


async def websockets_connects_to_ours(folder):
    path = f'{folder}/app.sock'
    async with ours(PROGRAM, 'serve', '--unix', path, '--permissions', '660') as server:
        check(await server.listening(), f'unix:{path}')
        check(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        async with unix_connect(path, 'ws://localhost/') as ws:
            await ws.send('who?')
            check(await ws.recv(), f'unix: to unix:{path}')
            large = os.urandom(1 << 20)
            await ws.send(large)
            check(await ws.recv(), large)
        check(await server.line('closed '), '1000 ')
    check(os.path.exists(path), False)


async def ours_connects_to_websockets(folder):
    path = f'{folder}/app.sock'

    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async with unix_serve(echo, path):
        for kind in ('connect', 'sync'):
            async with ours(PROGRAM, kind, path) as client:
                check(await client.line(''), 'hello')
                check(await client.process.wait(), 0)


async def curl_is_answered(folder):
    path = f'{folder}/app.sock'
    async with ours(PROGRAM, 'serve', '--unix', path) as server:
        await server.listening()
        curl = await asyncio.create_subprocess_exec(
            'curl', '--silent', '--include', '--unix-socket', path, 'http://localhost/',
            stdout=asyncio.subprocess.PIPE)
        output, _ = await curl.communicate()
        check(output.splitlines()[0], b'HTTP/1.1 426 Upgrade Required')


async def file_of_a_killed_server_is_replaced_and_of_a_living_one_refused(folder):
    path = f'{folder}/app.sock'
    async with ours(PROGRAM, 'serve', '--unix', path) as killed:
        await killed.listening()
        killed.process.kill()
        await killed.process.wait()
    check(os.path.exists(path), True)
    async with ours(PROGRAM, 'serve', '--unix', path) as living:
        await living.listening()
        async with ours(PROGRAM, 'serve', '--unix', path, stderr=asyncio.subprocess.PIPE) as late:
            _, problem = await late.process.communicate()
            check(problem.decode(), f'cannot listen on unix:{path}: address already in use\n')
            check(late.process.returncode, 1)
        async with unix_connect(path, 'ws://localhost/') as ws:
            await ws.send('still there')
            check(await ws.recv(), 'still there')


run([websockets_connects_to_ours, ours_connects_to_websockets, curl_is_answered,
     file_of_a_killed_server_is_replaced_and_of_a_living_one_refused])
