#!/usr/bin/env python3
"""Sockets that systemd, or whoever does its work, hands over, and ports that processes share: sockets.py PROGRAM."""

import asyncio
import fcntl
import os
import socket
import sys

from websockets.legacy.client import connect, unix_connect

from peer import check, ours, run

PROGRAM = sys.argv[1]


def activated(sockets, *arguments, environment=()):
    """Runs our program as systemd does: the sockets are its descriptors from 3 on."""
    def hand_over():
        # First out of each other's way.
        numbers = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in sockets]
        for at, number in enumerate(numbers, 3):
            os.dup2(number, at)

    variables = dict(os.environ, LISTEN_FDS=str(len(sockets)), **dict(environment))
    # LISTEN_PID is the process's own number, which a shell knows before it becomes our program.
    return ours('sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"', PROGRAM, 'serve', *arguments,
                env=variables, preexec_fn=hand_over, close_fds=False)


async def who(ws):
    await ws.send('who?')
    return (await ws.recv()).partition(' to ')[2]


async def systemd_hands_over_all_its_sockets(folder):
    path = f'{folder}/app.sock'
    with socket.create_server(('127.0.0.1', 0)) as tcp, socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        port = tcp.getsockname()[1]
        async with activated([tcp, local], '--systemd', 'all') as server:
            check(await server.listening(), f'127.0.0.1:{port}')
            check(await server.listening(), f'unix:{path}')
            async with connect(f'ws://127.0.0.1:{port}') as ws:
                check(await who(ws), f'127.0.0.1:{port}')
            async with unix_connect(path, 'ws://localhost/') as ws:
                check(await who(ws), f'unix:{path}')
        check(os.path.exists(path), True)  # it is systemd's


async def systemd_hands_over_sockets_by_name(_):
    with socket.create_server(('127.0.0.1', 0)) as web, socket.create_server(('127.0.0.1', 0)) as admin:
        names = {'LISTEN_FDNAMES': 'web:admin'}
        async with activated([web, admin], '--systemd', 'admin', environment=names) as server:
            check(await server.port(), admin.getsockname()[1])
        async with activated([web, admin], '--systemd', 'wbe', environment=names,) as server:
            check(await server.process.wait(), 1)


async def started_by_hand_it_listens_itself(_):
    for environment in ({}, {'LISTEN_FDS': '1', 'LISTEN_PID': '1'}):
        async with ours(PROGRAM, 'serve', '--systemd', 'all', env=dict(os.environ, **environment)) as server:
            async with connect(f'ws://127.0.0.1:{await server.port()}') as ws:
                await ws.send('hello')
                check(await ws.recv(), 'hello')


async def systemd_is_told_of_start_and_stop(folder):
    for name in (f'{folder}/notify', f'\0duplex-notify-{os.getpid()}'):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(name)
            manager.setblocking(False)
            loop = asyncio.get_running_loop()
            environment = dict(os.environ, NOTIFY_SOCKET=name.replace('\0', '@'))
            async with ours(PROGRAM, 'serve', env=environment) as server:
                check(await loop.sock_recv(manager, 100), b'READY=1')
                server.process.terminate()
                check(await loop.sock_recv(manager, 100), b'STOPPING=1')
                check(await server.process.wait(), 0)


async def processes_share_a_port(_):
    async with ours(PROGRAM, 'serve', '--reuse-port') as first:
        port = await first.port()
        async with ours(PROGRAM, 'serve', '--reuse-port', '--port', str(port)) as second:
            check(await second.port(), port)
            answered = {first: 0, second: 0}

            async def count(server):
                while await server.process.stdout.readline():
                    answered[server] += 1

            counting = [asyncio.create_task(count(each)) for each in (first, second)]
            while not all(answered.values()):
                async with connect(f'ws://127.0.0.1:{port}') as ws:
                    await ws.send('hello')
                    await ws.recv()
            for each in counting:
                each.cancel()


run([systemd_hands_over_all_its_sockets, systemd_hands_over_sockets_by_name, started_by_hand_it_listens_itself,
     systemd_is_told_of_start_and_stop, processes_share_a_port])
