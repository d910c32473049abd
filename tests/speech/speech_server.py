"""The program duplex-speech, run for a test, and a client of its live streams. Its path is the test's first argument."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request

from websockets.exceptions import ConnectionClosed
from websockets.legacy.client import connect

PATIENCE = 60


@contextlib.contextmanager
def serving(*arguments, hosts=('127.0.0.1',), **environment):
    """Gives the process, with the first line it printed, and the host and port that are in it."""
    arguments = [word for host in hosts for word in ('--host', host)] + ['--port', '0', *arguments]
    process = subprocess.Popen([sys.argv[1], *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | environment)
    try:
        process.line = process.stdout.readline()
        process.host, port = re.match(r'duplex-speech listening on wss?://(\S+):(\d+) ', process.line).groups()
        process.port = int(port)
        yield process
    finally:
        process.kill()
        process.communicate()


def get(server, target, **headers):
    request = urllib.request.Request(f'http://127.0.0.1:{server.port}{target}', headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read().decode()


class Stream:
    """A client of /v1/stream."""

    def __init__(self, server, **options):
        self.connecting = connect(f'ws://127.0.0.1:{server.port}/v1/stream', **options)

    async def __aenter__(self):
        self.ws = await self.connecting.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.connecting.__aexit__(*error)

    async def say(self, **message):
        await self.ws.send(json.dumps(message))

    async def start(self, **fields):
        await self.say(type='start', format='pcm_s16le', rate=16000, **fields)
        return await self.next('started')

    async def next(self, *kinds, within=PATIENCE):
        """The next message of these types; those before it are dropped."""
        while True:
            message = json.loads(await asyncio.wait_for(self.ws.recv(), within))
            if message['type'] in kinds:
                return message

    async def close_code(self):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.ws.recv(), PATIENCE)
        return self.ws.close_code
