#!/usr/bin/env python3
"""Python's websockets as an echo server on a free port, which it prints."""

import asyncio
import logging

# The API of Debian's release; newer ones keep it under this name.
from websockets.exceptions import ConnectionClosed
from websockets.legacy.server import serve


async def echo(ws):
    try:
        async for message in ws:
            await ws.send(message)
    except ConnectionClosed:
        pass


async def main():
    logging.getLogger('websockets').setLevel(logging.CRITICAL)  # it logs what the probe does to it
    server = await serve(echo, '127.0.0.1', 0)
    print('listening', server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
