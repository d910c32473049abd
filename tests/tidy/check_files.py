#!/usr/bin/env python3
"""Checks what a reader expects of every source file: a bounded length, and nothing left to do.

Usage: check_files.py [repository]
"""

import re
import sys
from pathlib import Path

FOLDERS = ('include', 'src', 'tests', 'apps', 'tools', 'examples', 'bench', 'fuzz', 'script', 'cmake')
DATA = 'fuzz/corpus'
SUFFIXES = {'.hpp', '.cpp', '.py', '.mjs', '.js', '.cmake', '.html', '.css', '.sh', ''}
LINES_MAX = 600
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX)\b')


def check(root):
    """Every problem below `root`, as lines of text."""
    root = Path(root)
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob('*')):
            if not file.is_file() or file.suffix not in SUFFIXES:
                continue
            path = file.relative_to(root)
            if path.is_relative_to(DATA):
                continue
            lines = file.read_text(encoding='utf-8').splitlines()
            if len(lines) > LINES_MAX:
                yield f'{path}: {len(lines)} lines, and {LINES_MAX} is the most'
            for number, line in enumerate(lines, 1):
                if match := UNFINISHED.search(line):
                    yield f'{path}:{number}: {match.group()} is for an issue, not for the code'


if __name__ == '__main__':
    found = list(check(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]))
    print('\n'.join(found) if found else 'files are bounded and finished')
    sys.exit(1 if found else 0)
