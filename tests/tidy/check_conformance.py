#!/usr/bin/env python3
"""Checks that the documentation tells the truth about tests: each that the pages on conformance and parameters name exists,
as do the files that they name, and each test of conformance is named.

Usage: check_conformance.py [repository]
A test is written `suite.name`, as GoogleTest has it, or with the name ctest has, and `name.*` stands for all that begin so.
"""

import fnmatch
import re
import sys
from pathlib import Path

PAGES = ('docs/conformance.md', 'docs/parameters.md')
NAME = re.compile(r'`([A-Za-z0-9_]+(?:\.[A-Za-z0-9_*]+)+)`')
TEST = re.compile(r'^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)', re.MULTILINE)
CTEST = re.compile(r'NAME\s+([\w.${}]+)')
FILE = re.compile(r'\.(?:cpp|hpp|json|md|py|mjs|txt)$')
LINK = re.compile(r'\]\(([\w.-]+\.md)|`(examples/[\w.]+)`')


def tests_of(root):
    """The names of GoogleTest's tests, and those of ctest with * for what CMake puts in."""
    names = set()
    for source in (root / 'tests').rglob('*.cpp'):
        names.update(f'{suite}.{name}' for suite, name in TEST.findall(source.read_text(encoding='utf-8')))
    lists = [*(root / 'tests').rglob('CMakeLists.txt'), *(root / 'fuzz').glob('CMakeLists.txt'), root / 'examples/CMakeLists.txt']
    patterns = {re.sub(r'\$\{\w+\}', '*', name) for file in lists for name in CTEST.findall(file.read_text())}
    patterns.discard('fuzz.*')
    patterns.update(f'fuzz.{folder.name}' for folder in (root / 'fuzz/corpus').iterdir())
    return names, patterns


def check(root):
    """Every problem, as lines of text."""
    root = Path(root)
    names, patterns = tests_of(root)
    for page in PAGES:
        text = (root / page).read_text(encoding='utf-8')
        told = {name for name in NAME.findall(text) if not FILE.search(name)}
        for name in sorted(told):
            known = fnmatch.filter(names, name) or any(fnmatch.fnmatch(name, each) for each in patterns)
            if not known and not fnmatch.filter(patterns, name):
                yield f'{page}: there is no test {name}'
        for link, example in LINK.findall(text):
            if not (root / (example or f'docs/{link}')).exists():
                yield f'{page}: there is no file {example or link}'
        if page != PAGES[0]:
            continue
        for name in sorted(names):
            if name.startswith('conformance.') and not any(fnmatch.fnmatch(name, each) for each in told):
                yield f'{page} does not tell of {name}'


if __name__ == '__main__':
    found = list(check(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]))
    print('\n'.join(found) if found else 'every test the pages name exists')
    sys.exit(1 if found else 0)
