"""The synchronous client of the tutorial's example one."""

try:
    from websockets.sync.client import connect
except ImportError:  # before websockets 11 there is no synchronous client
    import asyncio

    from websockets import connect

    async def hello():
        async with connect("ws://localhost:8765") as websocket:
            await websocket.send("Hello world!")
            message = await websocket.recv()
            print(f"Received: {message}")

    asyncio.run(hello())
else:
    def hello():
        with connect("ws://localhost:8765") as websocket:
            websocket.send("Hello world!")
            message = websocket.recv()
            print(f"Received: {message}")

    hello()
