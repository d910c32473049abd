#!/usr/bin/env python3
"""Checks that includes go one way, from the API down to the base. Tests and benchmarks may look anywhere.

Usage: check_includes.py [repository]
Prints one line for each include that is not allowed, and fails if there is any.
"""

import fnmatch
import re
import sys
from pathlib import Path

# Public headers that are values which every layer knows; what else stands in include/duplex is the API.
BASE = {
    f'include/duplex/{name}.hpp'
    for name in (
        'broadcast_options', 'buffer', 'close_code', 'coro/limit', 'deflate_options', 'error', 'handshake',
        'handshake_steps', 'http', 'inbox', 'io/address', 'log', 'message', 'options', 'origin', 'payload',
        'reconnect_options', 'stats', 'tls', 'uri', 'version', 'view_list',
    )
}

# What each layer may include of the library, itself aside.
LAYERS = {
    'base': set(),
    'protocol': {'base'},
    'coro': {'base'},
    'net': {'base'},
    'tls': {'base'},
    'io': {'base', 'coro', 'net', 'tls'},
    'sync': {'base', 'protocol', 'net', 'tls'},
    'api': {'base', 'protocol', 'coro', 'io', 'tls'},
}

# The header that includes everything belongs to no layer.
UMBRELLA = 'include/duplex/duplex.hpp'

# Libraries behind our own interfaces, and the only sources that may know them; never a public header.
WRAPPED = {
    'uv.h': ['src/io/*'],
    'uv/*': ['src/io/*'],
    'openssl/*': ['src/tls/*', 'src/protocol/crypto.cpp', 'apps/*', 'examples/*'],
    'zlib.h': ['src/protocol/deflate.cpp', 'apps/*'],
    'isa-l/*': ['src/protocol/deflate.cpp'],
    'simdjson*': ['src/base/*', 'src/protocol/*', 'apps/*', 'tools/*', 'examples/*'],
}

# Programs know the library by its public headers alone.
PROGRAMS = ('apps/', 'tools/', 'examples/')

THREADS = [
    'atomic', 'barrier', 'condition_variable', 'future', 'latch', 'mutex', 'semaphore',
    'shared_mutex', 'stop_token', 'thread', 'pthread.h',
]
SOCKETS = [
    'arpa/*', 'fcntl.h', 'net/*', 'netdb.h', 'netinet/*', 'poll.h', 'sys/epoll.h', 'sys/socket.h',
    'sys/un.h', 'unistd.h',
]

# System headers a layer does without.
WITHOUT = {
    'base': SOCKETS + ['coroutine'],
    'protocol': THREADS + SOCKETS + ['coroutine'],
    'coro': SOCKETS,
    'tls': SOCKETS + ['coroutine'],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.DOTALL)


def layer_of(path):
    """The layer a file of the library belongs to, given its path in the repository, or None."""
    if path in BASE:
        return 'base'
    parts = Path(path).parts
    if parts[:2] == ('include', 'duplex'):
        return parts[2] if len(parts) > 3 else 'api'
    return parts[1] if parts[0] == 'src' and len(parts) > 2 else None


def resolve(root, path, quoted, name):
    """The path in the repository of what an include names, or None if it is not ours."""
    places = ['include', 'src']
    if quoted:
        places = [str(Path(path).parent)] + places
    for place in places:
        candidate = (root / place / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate.relative_to(root).as_posix()
    if name.startswith('duplex/'):
        return f'include/{name}'
    return None


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def check_include(path, name, target):
    """What is wrong with the file at `path` including `name`, which is `target` if it is ours; or None."""
    for pattern, allowed in WRAPPED.items():
        if fnmatch.fnmatch(name, pattern) and not matches(path, allowed):
            return f'<{name}> is for {", ".join(allowed)} only'
    layer = layer_of(path)
    if target is None:
        if matches(name, WITHOUT.get(layer, [])):
            return f'{layer} does without <{name}>'
        return None
    if path.startswith(PROGRAMS):
        return f'{name} is private to the library' if target.startswith('src/') else None
    if path.startswith('include/') and target.startswith('src/'):
        return f'a public header includes the private {name}'
    if path == UMBRELLA:
        return None
    if target == UMBRELLA:
        return f'{name} is for users'
    other = layer_of(target)
    if other != layer and other not in LAYERS.get(layer, set()):
        return f'{layer} may not include {name}, which is {other}'
    return None


def check_file(root, path):
    text = COMMENT.sub('', (root / path).read_text(encoding='utf-8'))
    for bracket, name in INCLUDE.findall(text):
        problem = check_include(path, name, resolve(root, path, bracket == '"', name))
        if problem:
            yield f'{path}: {problem}'
    if layer_of(path) == 'protocol' and '::now()' in text:
        yield f'{path}: time is an argument here, not ::now()'


def check(root):
    """Every wrong include below `root`, as lines of text."""
    root = Path(root).resolve()
    problems = []
    for folder in ('include', 'src', 'apps', 'tools', 'examples'):
        for file in sorted((root / folder).rglob('*.[ch]pp')):
            problems.extend(check_file(root, file.relative_to(root).as_posix()))
    return problems


if __name__ == '__main__':
    found = check(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2])
    print('\n'.join(found) if found else 'includes go one way')
    sys.exit(1 if found else 0)
