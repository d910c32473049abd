#!/usr/bin/env python3
"""Checks that the umbrella header compiles in at most two seconds of processor, the best of three.

Usage: check_umbrella.py COMPILER INCLUDE_FOLDER
"""

import resource
import subprocess
import sys

SECONDS = 2.0


def cost(compiler, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([compiler, '-std=c++20', '-O2', '-I', folder, '-x', 'c++', '-c', '-o', '/dev/null', '-'],
                   input='#include <duplex/duplex.hpp>\n', text=True, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


if __name__ == '__main__':
    best = min(cost(*sys.argv[1:]) for _ in range(3))
    print(f'duplex/duplex.hpp compiles in {best:.2f} s')
    sys.exit(1 if best > SECONDS else 0)
