#!/usr/bin/env python3
"""Runs a server and then a client, both on the tutorial's port 8765, and checks what the client prints.

Usage: run.py [--audio FILE] SERVER CLIENT LINE...
SERVER and CLIENT are commands, in one argument each; LINE is a regular expression for each line of the client's output.
With --audio the client finds that file as ./audio.wav.
"""

import argparse
import contextlib
import ctypes
import fcntl
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PORT = 8765
PATIENCE = 60  # seconds


def enter_own_network():
    """Gives this process a network of its own, with loopback alone, where port 8765 is free; false where the system
    does not allow that."""
    new_user, new_network = 0x10000000, 0x40000000  # CLONE_NEWUSER and CLONE_NEWNET of sched.h
    unshare = ctypes.CDLL(None).unshare
    if unshare(new_network) != 0 and unshare(new_user | new_network) != 0:
        return False
    get_flags, set_flags, up = 0x8913, 0x8914, 1  # SIOCGIFFLAGS and SIOCSIFFLAGS of sockios.h, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = struct.unpack('16sh', fcntl.ioctl(any_socket, get_flags, struct.pack('16sh', b'lo', 0)))
        fcntl.ioctl(any_socket, set_flags, struct.pack('16sh', name, flags | up))
    return True


def someone_listens():
    with contextlib.suppress(OSError), socket.create_connection(('localhost', PORT), 1):
        return True
    return False


def wait_until_listening(server):
    end = time.monotonic() + PATIENCE
    while not someone_listens():
        if server.poll() is not None:
            sys.exit(f'the server ended with status {server.returncode} before it listened')
        if time.monotonic() > end:
            sys.exit(f'the server does not listen on port {PORT} after {PATIENCE} s')
        time.sleep(0.01)  # a server of three lines does not tell when it is ready


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--audio', type=Path)
    arguments.add_argument('server')
    arguments.add_argument('client')
    arguments.add_argument('lines', nargs='+')
    wanted = arguments.parse_args()
    if not enter_own_network() and someone_listens():
        sys.exit(f'port {PORT} is taken by another program, and this system allows no network namespace')
    with tempfile.TemporaryDirectory() as folder:
        if wanted.audio:
            Path(folder, 'audio.wav').symlink_to(wanted.audio.resolve(strict=True))
        server = subprocess.Popen(shlex.split(wanted.server))
        try:
            wait_until_listening(server)
            client = subprocess.run(shlex.split(wanted.client), cwd=folder, stdout=subprocess.PIPE, timeout=PATIENCE)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE)
    output = client.stdout.decode()
    print(output, end='')
    if client.returncode != 0:
        sys.exit(f'the client ended with status {client.returncode}')
    lines = output.splitlines()
    if len(lines) != len(wanted.lines) or not all(map(re.fullmatch, wanted.lines, lines)):
        sys.exit(f'the client printed {lines}, expected {wanted.lines}')
    if server.returncode not in (0, -signal.SIGTERM):
        sys.exit(f'the server ended with status {server.returncode}')


if __name__ == '__main__':
    main()
