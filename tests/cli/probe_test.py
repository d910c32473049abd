#!/usr/bin/env python3
"""What `duplex probe` tells of servers that are right, servers that differ, and servers that are broken.

Usage: probe_test.py DUPLEX ECHO_SERVER NODE [unittest's arguments]
DUPLEX: the command-line tool. ECHO_SERVER: ours. NODE: Node.js.
"""

import json
import random
import re
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

import broken_server
from servers import secure_server, server

HERE = Path(__file__).parent
PATIENCE = 120  # seconds for one run of the tool
VERDICTS = ('ok', 'wrong', 'differs', 'skipped')

duplex, echo_server, node = sys.argv[1:4]


def run(*arguments):
    return subprocess.run([duplex, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)


def probe(port, *arguments):
    return run('probe', f'ws://127.0.0.1:{port}/', *arguments)


def report(port, *arguments):
    """The report as JSON, and each case's by its name."""
    ran = probe(port, '--json', *arguments)
    found = json.loads(ran.stdout)
    found['status'] = ran.returncode
    found['by_name'] = {case['name']: case for case in found['cases']}
    return found


def verdicts(found):
    return {name: case['verdict'] for name, case in found['by_name'].items()}


def categories(table):
    """The rows of the table: category and counts."""
    rows = re.findall(r'^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)$', table, re.M)
    return {name: tuple(map(int, counts)) for name, *counts in rows}


class Ours(unittest.TestCase):
    """Our own server, of which nothing is to be said."""

    def test_server_is_spotless(self):
        with server(echo_server) as port:
            ran = probe(port, '--timeout', 20, '--jobs', 2, '--max-size', 2 ** 20)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, r'\d{3} cases: \d+ ok, 0 wrong, 0 differ, 0 skipped\n$')

    def test_json_agrees_with_table(self):
        with server(echo_server) as port:
            table = probe(port, '--timeout', 20, '--verbose').stdout
            found = report(port, '--timeout', 20)
        self.assertEqual(found['status'], 0)
        counted = {verdict: sum(case['verdict'] == verdict for case in found['cases']) for verdict in VERDICTS}
        self.assertEqual(found['counts'], counted)
        rows = categories(table)
        for category, counts in rows.items():
            expected = tuple(sum(case['category'] == category and case['verdict'] == verdict
                                 for case in found['cases']) for verdict in VERDICTS)
            self.assertEqual(counts, expected, category)
        self.assertEqual(set(rows), {case['category'] for case in found['cases']})
        self.assertEqual(re.findall(r'^(?:ok|wrong|differs|skipped) +([a-z0-9]+\.\S+) ', table, re.M),
                         [case['name'] for case in found['cases']])
        self.assertTrue(found['server']['echoes'])
        self.assertTrue(found['server']['software'].startswith('duplex/'))

    def test_one_case_at_a_time_is_enough(self):
        with server(echo_server) as port:
            found = report(port, '--jobs', 1, '--timeout', 20, '--only', 'masking', '--only', 'framing.text-12?')
        self.assertEqual(set(verdicts(found).values()), {'ok'})
        self.assertIn('masking.none-text', found['by_name'])
        self.assertIn('framing.text-126', found['by_name'])
        self.assertEqual({case['category'] for case in found['cases']}, {'masking', 'framing'})


class Secure(unittest.TestCase):
    """Our own server over TLS."""

    def test_server_is_spotless_over_tls(self):
        with secure_server(duplex) as (uri, certificate):
            ran = run('probe', uri, '--ca', certificate, '--timeout', 20, '--jobs', 2, '--max-size', 2 ** 20)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, r'\d{3} cases: \d+ ok, 0 wrong, 0 differ, 0 skipped\n$')

    def test_certificates_are_checked_unless_told_not_to(self):
        with secure_server(duplex) as (uri, certificate):
            ran = run('probe', uri, '--only', 'framing.text-1')
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
            self.assertIn('certificate refused', ran.stderr)
            ran = run('probe', uri.replace('127.0.0.1', 'localhost'), '--ca', certificate, '--only', 'framing.text-1')
            self.assertEqual((ran.returncode, ran.stdout), (1, ''))  # for whom it is not
            self.assertIn('certificate refused', ran.stderr)
            self.assertEqual(run('probe', uri, '--insecure', '--only', 'framing.text-1').returncode, 0)
            ran = run('probe', uri, '--ca', '/nonexistent')
            self.assertEqual((ran.returncode, ran.stdout), (1, ''))
            self.assertIn('/nonexistent', ran.stderr)

    def test_server_without_tls_is_told(self):
        for script in (broken_server.says_nothing, lambda connection: connection.sendall(b'HTTP/1.1 400 No\r\n\r\n')):
            with broken_server.serving(script) as port:
                ran = run('probe', f'wss://127.0.0.1:{port}/', '--timeout', 1)
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
            self.assertIn('no TLS with 127.0.0.1', ran.stderr)


class Others(unittest.TestCase):
    """Other libraries: what they are known to do otherwise."""

    def check(self, found, expected):
        self.assertEqual(found['status'], 1)
        seen = verdicts(found)
        for verdict, names in expected.items():
            for name in names:
                self.assertEqual(seen[name], verdict, found['by_name'][name])

    def test_python_websockets_differs(self):
        with server(sys.executable, str(HERE / 'echo_websockets.py')) as port:
            found = report(port, '--timeout', 6, '--jobs', 8, '--only', 'handshake', '--only', 'framing',
                           '--only', 'order', '--only', 'utf8', '--only', 'opcodes', '--only', 'negotiation',
                           '--only', 'compression')
        self.assertIn('websockets', found['server']['software'])
        self.check(found, {
            'ok': ['handshake.right', 'framing.text-65536', 'utf8.good-u10ffff', 'opcodes.reserved-3',
                   'negotiation.no-takeover', 'compression.text-65536'],
            'wrong': ['handshake.host-missing', 'handshake.websocket-version-12', 'framing.not-minimal-0-in-2',
                      'negotiation.server-window-8', 'compression.final-block-then-another'],
            'differs': ['utf8.bad-byte-ff', 'order.message-before-bad-text'],
        })
        self.assertIn('500', found['by_name']['negotiation.server-window-8']['got'])
        self.assertIn('fails only once the rest has come', found['by_name']['utf8.bad-byte-ff']['note'])

    def test_node_ws_differs(self):
        with server(node, str(HERE / 'echo_ws.mjs')) as port:
            found = report(port, '--timeout', 6, '--jobs', 8, '--only', 'handshake', '--only', 'framing',
                           '--only', 'order', '--only', 'utf8', '--only', 'opcodes', '--only', 'negotiation',
                           '--only', 'compression')
        self.check(found, {
            'ok': ['handshake.right', 'framing.text-65536', 'utf8.good-u10ffff', 'opcodes.reserved-3',
                   'negotiation.no-takeover', 'compression.text-65536'],
            'wrong': ['handshake.version-1.0', 'handshake.websocket-version-013', 'framing.not-minimal-0-in-2',
                      'negotiation.invalid-server-window-08'],
            'differs': ['utf8.bad-byte-ff', 'handshake.websocket-version-8', 'negotiation.invalid-server-window-7'],
        })


class Flaws(unittest.TestCase):
    """An echo server with one flaw: the case that is about it finds it, and finds nothing without."""

    def judge(self, flaw, case):
        with broken_server.echoing(flaw) as port:
            found = report(port, '--timeout', 4 if flaw else 20, '--only', case)
        self.assertEqual(found['status'], 0 if found['by_name'][case]['verdict'] == 'ok' else 1)
        return found['by_name'][case]


def flaw_test(flaw, case, verdict, told):
    def test(self):
        self.assertEqual(self.judge(None, case)['verdict'], 'ok')
        found = self.judge(flaw, case)
        self.assertEqual(found['verdict'], verdict, found)
        self.assertIn(told, found['got'] + found['note'])
        self.assertRegex(found['section'], r'^RFC \d+ \d')
    return test


for flaw, case, verdict, told in (
        ('text as binary', 'framing.text-1', 'wrong', 'binary'),
        ('loses a byte', 'framing.text-127', 'wrong', 'wrong from byte 126 of 127'),
        ('echoes twice', 'framing.text-1', 'wrong', 'text "X", text "X"'),
        ('never answers', 'framing.text-1', 'wrong', 'nothing more in time'),
        ('escapes the terminal', 'framing.text-1', 'wrong', r'\x1b[2J\x1b]0;owned\x07'),
        ('masks its frames', 'framing.text-1', 'wrong', 'masked'),
        ('takes unmasked frames', 'masking.none-text', 'wrong', 'text "hello"'),
        ('takes reserved bits', 'reserved.bits-2', 'wrong', 'text "hello"'),
        ('answers no ping', 'control.ping-text', 'wrong', 'nothing more in time'),
        ('answers with empty pongs', 'control.ping-text', 'wrong', 'pong ""'),
        ('never closes', 'close.code-1000', 'wrong', 'nothing more in time'),
        ('goes on after a close', 'close.code-1000', 'wrong', 'one more thing'),
        ('leaves the connection open', 'close.server-ends-connection', 'differs', 'only after the client'),
        ('fails with 1005', 'opcodes.reserved-3', 'wrong', 'close 1005'),
        ('fails without a code', 'opcodes.reserved-3', 'differs', 'fails without a code'),
        ('fails without a close frame', 'opcodes.reserved-3', 'differs', 'without a close frame'),
        ('resets', 'framing.text-1', 'wrong', 'a reset of the connection'),
        ('sends without end', 'framing.text-1', 'wrong', ''),
        ('announces 2^62 bytes', 'framing.text-1', 'wrong', 'nothing more in time')):
    setattr(Flaws, 'test_' + re.sub(r'\W', '_', flaw) + '_is_seen', flaw_test(flaw, case, verdict, told))


class Broken(unittest.TestCase):
    """Servers that open no connection: one line on standard error, no report, and soon."""

    def check(self, script, told):
        with broken_server.serving(script) as port:
            start = time.monotonic()
            ran = probe(port, '--timeout', 1)
            self.assertLess(time.monotonic() - start, 20)
        self.assertEqual((ran.returncode, ran.stdout), (1, ''))
        self.assertEqual(ran.stderr.count('\n'), 1, ran.stderr)
        self.assertTrue(ran.stderr.isprintable() or ran.stderr.rstrip('\n').isprintable(), ran.stderr)
        self.assertIn(told, ran.stderr)

    def test_silence_is_told(self):
        self.check(broken_server.says_nothing, 'no answer in time')

    def test_garbage_is_told(self):
        self.check(broken_server.says_garbage, 'no HTTP response')

    def test_escape_sequences_are_shown_not_acted_on(self):
        self.check(broken_server.says_escapes, 'no HTTP response')

    def test_reset_is_told(self):
        self.check(broken_server.resets, 're')

    def test_end_is_told(self):
        self.check(broken_server.hangs_up, 'the end of the connection')

    def test_endless_headers_are_told(self):
        self.check(broken_server.sends_headers_without_end, 'no HTTP response')

    def test_refusal_is_told(self):
        self.check(broken_server.refuses, '403 Forbidden')

    def test_wrong_accept_is_told(self):
        self.check(lambda connection: broken_server.Echo(connection, 'wrong accept').run(),
                   'without the right Sec-WebSocket-Accept')

    def test_noise_is_survived(self):
        for seed in range(3):
            noise = random.Random(seed)

            def script(connection, noise=noise):
                echo = broken_server.Echo(connection, None)
                echo.echo = lambda kind, message: echo.send(kind, message) if message == b'duplex probe' else \
                    connection.sendall(noise.randbytes(noise.randrange(1, 2000)))
                echo.run()

            with broken_server.serving(script) as port:
                found = report(port, '--timeout', 0.5, '--jobs', 16, '--only', 'framing', '--only', 'fragmentation')
            self.assertEqual(found['status'], 1)
            self.assertGreater(found['counts']['wrong'], 20)

    def test_closed_port_is_told(self):
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))  # and does not listen
            ran = probe(unused.getsockname()[1])
        self.assertEqual((ran.returncode, ran.stdout), (1, ''))
        self.assertIn('cannot connect to 127.0.0.1:', ran.stderr)

    def test_server_without_echo_skips_what_needs_one(self):
        with broken_server.echoing('never echoes') as port:
            found = report(port, '--timeout', 1, '--only', 'framing.text-1', '--only', 'control.ping-text')
        self.assertEqual(verdicts(found), {'framing.text-1': 'skipped', 'control.ping-text': 'ok'})
        self.assertEqual(found['by_name']['framing.text-1']['note'], 'the server does not echo')
        self.assertFalse(found['server']['echoes'])


class Usage(unittest.TestCase):
    """Arguments."""

    def check_refused(self, told, *arguments):
        ran = run(*arguments)
        self.assertEqual((ran.returncode, ran.stdout), (2, ''))
        self.assertIn(told, ran.stderr)

    def test_wrong_arguments_have_status_2(self):
        uri = 'ws://127.0.0.1:9/'
        self.check_refused('a URI to connect to, or a command, is missing')
        self.check_refused('URI', 'probe')
        self.check_refused('--key', 'probe', 'wss://127.0.0.1:9/', '--cert', 'c.pem')
        self.check_refused('scheme', 'probe', 'http://127.0.0.1:9/')
        self.check_refused('--timeout', 'probe', uri, '--timeout', '0')
        self.check_refused('--jobs', 'probe', uri, '--jobs', '0')
        self.check_refused('--nonsense', 'probe', uri, '--nonsense')
        self.check_refused('no case matches', 'probe', uri, '--only', 'nonsense')
        self.check_refused('no colon', 'probe', uri, '--header', 'nonsense')
        self.check_refused('invalid value of header X', 'probe', uri, '--header', 'X: a\nY: b')
        self.check_refused('subprotocol', 'probe', uri, '--subprotocol', 'a b')

    def test_help_tells_exit_statuses(self):
        ran = run('probe', '--help')
        self.assertEqual(ran.returncode, 0)
        for part in ('Exit status', '0  nothing is wrong', '1  something is wrong', '2  the arguments', '--only'):
            self.assertIn(part, ran.stdout)

    def test_version_is_told(self):
        ran = run('--version')
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(ran.stdout, r'^duplex \d+\.\d+\.\d+\n$')

    def test_list_names_each_case_once_with_its_section(self):
        lines = run('probe', '--list').stdout.splitlines()
        rows = [re.match(r'([a-z0-9]+\.\S+) +(RFC \d+ [\d.]+) +\S', line) for line in lines]
        self.assertTrue(all(rows), [line for line, row in zip(lines, rows) if not row])
        names = [row[1] for row in rows]
        self.assertGreaterEqual(len(names), 150)
        self.assertEqual(len(names), len(set(names)))

    def test_list_can_be_narrowed(self):
        lines = run('probe', '--list', '--only', 'masking').stdout.splitlines()
        self.assertTrue(lines and all(line.startswith('masking.') for line in lines))

    def test_handshake_options_are_sent(self):
        received = []

        def script(connection):
            received.append(connection.recv(65536).decode())

        with broken_server.serving(script) as port:
            probe(port, '--timeout', 1, '--header', 'X-Key: a: b', '--header', 'Authorization: Basic eDp5',
                  '--origin', 'http://example.com', '--subprotocol', 'v2', '--subprotocol', 'v1')
        for line in ('X-Key: a: b', 'Authorization: Basic eDp5', 'Origin: http://example.com',
                     'Sec-WebSocket-Protocol: v2, v1'):
            self.assertIn(f'\r\n{line}\r\n', received[0])


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
