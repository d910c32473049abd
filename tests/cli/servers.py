"""Servers that run as programs beside a test."""

import contextlib
import subprocess

PATIENCE = 120  # seconds for one to end


@contextlib.contextmanager
def server(*command):
    """A program that prints "listening PORT"; gives the port."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line.startswith('listening '):
            raise RuntimeError(f'{command} printed {line!r}')
        yield int(line.split()[1])
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()
