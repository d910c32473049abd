#!/usr/bin/env python3
"""Connects to a running duplex-speech, streams and leaves without a word, again and again, and prints what the server holds.

Usage: soak.py URI [CYCLES]        such as: soak.py ws://localhost:8765 10000

Ends with status 1 where the server's memory at the end is more than a tenth above that after the first tenth of the cycles.
"""

import asyncio
import contextlib
import json
import random
import re
import sys
import urllib.request

from websockets.exceptions import ConnectionClosed
from websockets.legacy.client import connect

START = json.dumps({'type': 'start', 'format': 'pcm_s16le', 'rate': 16000, 'resume': True})


def figure(uri, name):
    with urllib.request.urlopen(uri.replace('ws', 'http', 1) + '/metrics', timeout=30) as page:
        return float(re.search(rf'^{name} (\S+)$', page.read().decode(), re.MULTILINE)[1])


async def cycle(uri):
    """One client, to some point of its life."""
    ws = await connect(uri + '/v1/stream', compression=None)
    sent = 0
    with contextlib.suppress(ConnectionClosed):
        for message in (START, *[random.randbytes(9600)] * 10, '{"type":"flush"}', random.randbytes(64000), '{"type":"stop"}'):
            if random.random() < 0.1:
                break
            await ws.send(message)
            sent += 1
        if sent > 0 and random.random() < 0.5:
            await asyncio.wait_for(ws.recv(), 30)
    ws.transport.abort()
    await ws.wait_closed()


async def main(uri, cycles):
    slots = asyncio.Semaphore(20)

    async def one():
        async with slots:
            await cycle(uri)

    tenth, memory = max(1, cycles // 10), []
    for _ in range(10):
        await asyncio.gather(*(one() for _ in range(tenth)))
        memory.append(figure(uri, 'process_resident_memory_bytes'))
        print(f'{memory[-1] / 2**20:8.1f} MiB, {figure(uri, "duplex_speech_sessions"):.0f} sessions', flush=True)
    return memory[-1] > 1.1 * memory[0]

if __name__ == '__main__':
    sys.exit(asyncio.run(main(sys.argv[1].rstrip('/'), int((sys.argv[2:] or ['1000'])[0]))))
