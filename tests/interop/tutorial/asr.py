"""The client of the tutorial's example two: a recording in one message, its text in another."""

import asyncio
import base64
import json

from websockets import connect


async def request():
    with open("./audio.wav", "rb") as file:
        audio_base64 = base64.b64encode(file.read()).decode()
    async with connect("ws://localhost:8765") as websocket:
        await websocket.send(json.dumps({"audio_base64": audio_base64}))
        reply = await websocket.recv()
        print(f"<<< Client Received: {reply}")
        print("<<< 完成一次请求。")


asyncio.run(request())
