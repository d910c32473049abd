"""An echo server on Python's websockets, to measure against: compresses, prints its port."""
import asyncio
import logging

import websockets

logging.disable()  # of the load's connections, which just end


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
