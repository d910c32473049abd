"""Shows that check_includes.py catches each kind of wrong include, and lets the right ones pass."""

import tempfile
import unittest
from pathlib import Path

from check_includes import check

RIGHT = {
    'include/duplex/error.hpp': '#include <string>\n',
    'include/duplex/serve.hpp': '#include <duplex/io/loop.hpp>\n#include <duplex/error.hpp>\n',
    'include/duplex/duplex.hpp': '#include <duplex/serve.hpp>\n#include <duplex/sync/connect.hpp>\n',
    'include/duplex/coro/task.hpp': '#include <coroutine>\n#include <duplex/error.hpp>\n',
    'include/duplex/io/loop.hpp': '#include <duplex/coro/task.hpp>\n',
    'include/duplex/protocol/frame.hpp': '// #include <thread> would be wrong\n#include <chrono>\n',
    'include/duplex/sync/connect.hpp': '#include <duplex/protocol/frame.hpp>\n',
    'src/io/handle.hpp': '#include <uv.h>\n',
    'src/io/loop.cpp': '#include "handle.hpp"\n#include "io/handle.hpp"\n#include <uv.h>\n',
    'src/protocol/crypto.cpp': '#include <openssl/evp.h>\n',
    'apps/speech/audio.hpp': '',
    'apps/speech/main.cpp': '#include <duplex/duplex.hpp>\n#include "audio.hpp"\n',
}

WRONG = {
    'protocol that includes a thread': ('src/protocol/a.cpp', '#include <thread>'),
    'protocol that includes a mutex': ('include/duplex/protocol/a.hpp', '#include <mutex>'),
    'protocol that includes a socket': ('src/protocol/a.cpp', '#  include <sys/socket.h>'),
    'protocol that includes a coroutine': ('src/protocol/a.cpp', '#include <coroutine>'),
    'protocol that includes a task': ('src/protocol/a.cpp', '#include <duplex/coro/task.hpp>'),
    'protocol that includes the loop': ('src/protocol/a.cpp', '#include <duplex/io/loop.hpp>'),
    'protocol that includes the API': ('src/protocol/a.cpp', '#include <duplex/serve.hpp>'),
    'protocol that reads a clock': ('src/protocol/a.cpp', 'auto t = clock::now();'),
    'crypto outside its file': ('src/protocol/a.cpp', '#include <openssl/sha.h>'),
    'base that includes the protocol': ('src/base/a.cpp', '#include <duplex/protocol/frame.hpp>'),
    'base header that includes the API': ('include/duplex/uri.hpp', '#include <duplex/serve.hpp>'),
    'coro that includes the loop': ('src/coro/a.cpp', '#include <duplex/io/loop.hpp>'),
    'coro that includes libuv': ('src/coro/a.cpp', '#include <uv.h>'),
    'io that includes the protocol': ('src/io/a.cpp', '#include "duplex/protocol/frame.hpp"'),
    'API that includes libuv': ('src/api/a.cpp', '#include <uv.h>'),
    'API that includes the blocking twin': ('src/api/a.cpp', '#include <duplex/sync/connect.hpp>'),
    'API that includes everything': ('src/api/a.cpp', '#include <duplex/duplex.hpp>'),
    'blocking twin that includes the loop': ('src/sync/a.cpp', '#include <duplex/io/loop.hpp>'),
    'public header that includes libuv': ('include/duplex/io/a.hpp', '#include <uv.h>'),
    'public header that includes OpenSSL': ('include/duplex/a.hpp', '#include <openssl/ssl.h>'),
    'public header that includes zlib': ('include/duplex/a.hpp', '#include <zlib.h>'),
    'public header that includes simdjson': ('include/duplex/a.hpp', '#include <simdjson.h>'),
    'public header that includes a private one': ('include/duplex/io/a.hpp', '#include "io/handle.hpp"'),
    'program that includes a private header': ('apps/speech/a.cpp', '#include "io/handle.hpp"'),
    'program that reaches into src': ('examples/a.cpp', '#include "../src/io/handle.hpp"'),
    'program that includes libuv': ('tools/cli/a.cpp', '#include <uv.h>'),
}


def tree(root, files):
    for path, text in files.items():
        file = Path(root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + '\n', encoding='utf-8')


class CheckIncludes(unittest.TestCase):
    def test_right_tree_passes(self):
        with tempfile.TemporaryDirectory() as root:
            tree(root, RIGHT)
            self.assertEqual(check(root), [])

    def test_each_wrong_file_is_caught(self):
        for name, (path, text) in WRONG.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                tree(root, RIGHT | {path: text})
                problems = check(root)
                self.assertEqual(len(problems), 1, problems)
                self.assertTrue(problems[0].startswith(path), problems)


if __name__ == '__main__':
    unittest.main()
