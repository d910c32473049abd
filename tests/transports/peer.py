"""Our program of transports_peer.cpp as a process, and what else the scripts of this folder share."""

import asyncio
import contextlib
import sys
import tempfile
import traceback

SECONDS = 60


class Ours:
    """transports_peer, and the lines it prints."""

    def __init__(self, process):
        self.process = process

    async def line(self, beginning):
        """The rest of the next line, which must begin so."""
        line = (await self.process.stdout.readline()).decode().rstrip('\n')
        check(line[:len(beginning)], beginning)
        return line[len(beginning):]

    async def listening(self):
        return await self.line('listening ')

    async def port(self):
        return int((await self.listening()).rpartition(':')[2])


@contextlib.asynccontextmanager
async def ours(*command, **options):
    """Runs a command that is our program, and ends it by SIGTERM."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, **options)
    try:
        yield Ours(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def check(actual, expected):
    if actual != expected:
        raise AssertionError(f'{shown(actual)}, expected {shown(expected)}')


def shown(value):
    text = repr(value)
    return text if len(text) <= 200 else f'{text[:200]}... ({len(text)} characters)'


def run(cases):
    """Runs every case, a coroutine function that is given an empty folder; exits with 1 where one fails."""
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix='duplex-') as folder:
            try:
                asyncio.run(asyncio.wait_for(case(folder), SECONDS))
                print('passed', case.__name__)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print('FAILED', case.__name__)
                traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failed else 0)
