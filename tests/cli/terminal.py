"""A program in a pseudo-terminal, and what someone in front of it would see."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pyte

PATIENCE = 120  # seconds for anything to happen


class Terminal:
    """Runs a program on a screen of so many columns. Use it as a context manager."""

    def __init__(self, *command, columns=80, rows=24):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b''
        self.parent, child = pty.openpty()
        self.resize(columns, rows)
        # setsid(1) becomes the program. A preexec_fn is unsafe where this process has threads.
        self.process = subprocess.Popen(
            ['setsid', '--ctty', *map(str, command)], stdin=child, stdout=child, stderr=child,
            env=dict(os.environ, TERM='xterm', LC_ALL='C.UTF-8'))
        os.close(child)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.parent)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.parent, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def type(self, text):
        os.write(self.parent, text.encode())

    def modes(self):
        """The local modes (termios(3)) that the program has given the terminal."""
        return termios.tcgetattr(self.parent)[3]

    def lines(self):
        """What is on the screen, without the blank rest of it."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def read(self, seconds):
        """Takes in what the program writes; false at its end."""
        if not select.select([self.parent], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.parent, 65536)
        except OSError:  # what Linux gives once nobody has the other end
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def wait_for(self, reached, what):
        deadline = time.monotonic() + PATIENCE
        while not reached():
            alive = self.read(0.1)
            if not reached() and (not alive or time.monotonic() > deadline):
                raise AssertionError(f'{what} did not come; on the screen:\n' + '\n'.join(self.lines()))

    def wait_for_lines(self, *expected):
        """Until these are the last lines on the screen; the first of them may begin anywhere."""
        self.wait_for(lambda: self.lines()[-len(expected):] == list(expected), repr(expected))

    def wait_for_text(self, pattern):
        self.wait_for(lambda: re.search(pattern, '\n'.join(self.lines())), pattern)

    def wait_for_end(self):
        """The exit status, once everything it wrote was read."""
        deadline = time.monotonic() + PATIENCE
        while self.read(0.1):
            if time.monotonic() > deadline:
                self.process.send_signal(signal.SIGKILL)
                raise AssertionError('no end; on the screen:\n' + '\n'.join(self.lines()))
        return self.process.wait(PATIENCE)
