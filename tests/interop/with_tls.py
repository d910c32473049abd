#!/usr/bin/env python3
"""Runs a command whose peers then speak TLS to each other.

Usage: with_tls.py COMMAND...
Makes an authority and a certificate for this run, in a folder that INTEROP_TLS names: ca.pem, chain.pem, key.pem.
"""

import os
import subprocess
import sys
import tempfile

from certificates import Authority


def main(command):
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        authority.issue('chain', 'key')
        return subprocess.run(command, env={**os.environ, 'INTEROP_TLS': folder}).returncode


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
