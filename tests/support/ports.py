"""Ports for what cannot be told to take any."""

import contextlib
import socket


@contextlib.contextmanager
def kept_port():
    """Gives a port that nobody gets who asks for any; who asks for it may listen there."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(('127.0.0.1', 0))
        yield keeper.getsockname()[1]
