#!/usr/bin/env python3
"""`duplex bench` against servers whose speed is known.

Usage: bench_test.py DUPLEX [unittest's arguments]
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import broken_server
from serve_test import serving
from terminal import Terminal

PATIENCE = 60

duplex = sys.argv[1]


def bench(uri, *arguments):
    return subprocess.run([duplex, 'bench', uri, *map(str, arguments)], capture_output=True, text=True,
                          timeout=PATIENCE)


def report(uri, *arguments):
    ran = bench(uri, '--json', *arguments)
    found = json.loads(ran.stdout)
    found['status'] = ran.returncode
    return found


def scripted(echo):
    """A server whose answers to messages `echo(connection, opcode, payload)` gives."""
    def script(connection):
        server = broken_server.Echo(connection, None)
        server.echo = lambda kind, payload: echo(server, kind, payload)
        server.run()
    return broken_server.serving(script)


class Bench(unittest.TestCase):

    def test_figures_agree_with_each_other(self):
        with serving('--host', '127.0.0.1') as server:
            found = report(server.uri, '--connections', 5, '--threads', 2, '--pipeline', 3, '--size', 1000,
                           '--duration', 1, '--pid', server.pid)
        self.assertEqual(found['status'], 0)
        self.assertEqual(found['errors'], {'not_opened': 0, 'ended_early': 0, 'wrong': 0, 'missing': 0})
        self.assertGreater(found['replies'], 100)
        self.assertGreaterEqual(found['seconds'], 1)
        self.assertAlmostEqual(found['replies_per_second'], found['replies'] / found['seconds'], delta=1)
        latency = found['latency_us']
        self.assertLessEqual(0, latency['p50'])
        self.assertEqual(sorted(latency.values()), [latency[name] for name in ('p50', 'p90', 'p99', 'p99.9', 'max')])
        # Little's law: what is in flight is the rate times the time of each.
        self.assertLess(found['replies_per_second'] * latency['p50'] / 1e6, 2 * 5 * 3)
        self.assertLess(0, found['server_cpu_seconds'])
        self.assertLessEqual(found['server_cpu_seconds'], found['seconds'] * 1.1)

    def test_latency_is_what_the_server_takes(self):
        def echo(server, kind, payload):
            time.sleep(0.05)  # the speed that is measured
            server.send(kind, payload)
        with scripted(echo) as port:
            found = report(f'ws://127.0.0.1:{port}/', '--duration', 1, '--text')
        self.assertGreaterEqual(found['latency_us']['p50'], 50000)
        self.assertLess(found['latency_us']['p50'], 100000)
        self.assertLessEqual(found['replies'], 20)

    def test_rate_is_kept(self):
        with serving('--host', '127.0.0.1') as server:
            found = report(server.uri, '--connections', 3, '--rate', 500, '--duration', 1)
        self.assertAlmostEqual(found['replies'], 500, delta=100)
        self.assertIn('sent_late_us', found)

    def test_stall_is_charged_for_all_it_delays(self):
        def echo(server, kind, payload, seen=[]):
            seen.append(None)
            if len(seen) == 100:
                time.sleep(0.5)  # the stall
            server.send(kind, payload)
        with scripted(echo) as port:
            found = report(f'ws://127.0.0.1:{port}/', '--rate', 200, '--duration', 2)
        # Of 400 messages some 100 came into the stall, and waited for a quarter of a second on average; sent one after
        # the other, one of them would have.
        self.assertGreaterEqual(found['latency_us']['max'], 490000)
        self.assertGreater(found['latency_us']['p90'], 100000)
        self.assertEqual(found['errors']['missing'], 0)

    def test_server_that_takes_nothing_is_charged_for_all_that_was_due(self):
        def stop(server, kind, payload, seen=[]):
            if not seen:
                seen.append(None)
                time.sleep(7)  # longer than what is late is waited for
        with scripted(stop) as port:
            found = report(f'ws://127.0.0.1:{port}/', '--rate', 500, '--size', 1 << 20, '--duration', 1, '--ping', 0)
        self.assertGreaterEqual(found['errors']['missing'], 400)
        self.assertEqual(found['status'], 1)

    def test_what_is_sent_is_as_told(self):
        received = []

        def echo(server, kind, payload):
            received.append((kind, len(payload)))
            server.send(kind, payload)
        with scripted(echo) as port:
            for size, *arguments in ((0, '--text'), (70000, '--binary')):
                self.assertEqual(bench(f'ws://127.0.0.1:{port}/', '--duration', 0.2, '--size', size,
                                       *arguments).returncode, 0)
        self.assertEqual(set(received), {(broken_server.TEXT, 0), (broken_server.BINARY, 70000)})

    def test_errors_are_counted(self):
        def wrong(server, kind, payload):
            server.send(kind, payload[:-1])

        def ends(server, _, __):
            raise ConnectionError

        def mute(*_):
            pass
        for echo, error in ((wrong, 'wrong'), (ends, 'ended_early'), (mute, 'missing')):
            with scripted(echo) as port:
                found = report(f'ws://127.0.0.1:{port}/', '--duration', 0.2, '--connections', 2)
            self.assertEqual(found['status'], 1)
            self.assertGreaterEqual(found['errors'][error], 2, found)

    def test_server_that_is_not_there_is_one_line(self):
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))  # and does not listen
            ran = bench(f'ws://127.0.0.1:{unused.getsockname()[1]}/', '--duration', 0.1)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
        self.assertIn('refused', ran.stderr)

    def test_process_that_is_not_there_is_told(self):
        ran = bench('ws://127.0.0.1:9/', '--pid', 4194304)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (1, '', 'duplex: there is no process 4194304\n'))

    def test_server_without_replies_has_no_latency(self):
        def ends(*_):
            raise ConnectionError
        with scripted(ends) as port:
            ran = bench(f'ws://127.0.0.1:{port}/', '--duration', 0.2)
            found = report(f'ws://127.0.0.1:{port}/', '--duration', 0.2)
        self.assertEqual(ran.returncode, 1)
        self.assertIn(': 1 connection, ', ran.stdout)
        self.assertRegex(ran.stdout, '(?m)^latency +none$')
        self.assertNotIn('latency_us', found)
        self.assertEqual((found['replies'], found['replies_per_second']), (0, 0))

    def test_server_that_dies_ends_the_load(self):
        for form in ('--json', '--text'):
            with serving('--host', '127.0.0.1') as server, subprocess.Popen(['sleep', '60']) as watched:
                process = subprocess.Popen([duplex, 'bench', server.uri, '--connections', '3', '--threads', '2', '--pid',
                                            str(watched.pid), '--duration', '50', form], stdout=subprocess.PIPE, text=True)
                for _ in range(3):
                    while 'connection open' not in server.stderr.readline():
                        pass
                start = time.monotonic()
                for ended in watched, server:  # the first alone is sure to be gone when it is looked for
                    ended.kill()
                    ended.wait()
                told, _ = process.communicate(timeout=PATIENCE)
                self.assertLess(time.monotonic() - start, 25)
                self.assertEqual(process.returncode, 1)
                if form == '--text':
                    self.assertRegex(told, '(?m)^server +ended, and its CPU time is not known$')
                    continue
                found = json.loads(told)
                self.assertEqual(found['errors']['ended_early'], 3)
                self.assertLess(found['seconds'], 25)
                self.assertAlmostEqual(found['replies_per_second'] * found['seconds'], found['replies'], delta=1)
                self.assertEqual(found['server_cpu_seconds'], None)

    def test_server_that_does_not_echo_is_told_soon(self):
        def mute(*_):
            pass

        def wrong(server, kind, payload):
            server.send(kind, payload + b'!')
        for echo, told in ((mute, 'nothing was echoed in 3 s: the server must echo'),
                           (wrong, 'a reply is not what was sent: the server must echo')):
            with scripted(echo) as port:
                found = report(f'ws://127.0.0.1:{port}/', '--duration', 50, '--connections', 2)
            self.assertLess(found['seconds'], 25)
            self.assertEqual((found['status'], found['problem'], found['errors']['ended_early']), (1, told, 0))

    def test_unix_socket_is_measured(self):
        with tempfile.TemporaryDirectory() as folder, serving('--unix', f'{folder}/echo', port=()) as server:
            ran = bench('ws://localhost/', '--unix', server.uri, '--duration', 0.2)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, '(?m)^errors +none$')

    def test_cpu_of_the_server_is_that_of_all_its_threads_and_of_the_system(self):
        def cpu_seconds():
            fields = Path(f'/proc/{server.pid}/stat').read_text().rpartition(')')[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')  # utime and stime
        with serving('--host', '127.0.0.1') as server:
            before = cpu_seconds()  # its start, which a sanitizer makes long
            found = report(server.uri, '--connections', 20, '--pipeline', 20, '--duration', 1.5, '--pid', server.pid)
            seconds = cpu_seconds() - before  # with the handshakes
        self.assertAlmostEqual(found['server_cpu_seconds'] / seconds, 1, delta=0.2)

    def test_text_tells_the_same(self):
        with serving('--host', '127.0.0.1') as server:
            ran = bench(server.uri, '--duration', 0.2, '--pid', server.pid)
        self.assertEqual((ran.returncode, ran.stderr), (0, ''))  # no bar: this is no terminal
        self.assertRegex(ran.stdout, r'(?m)^messages +\d+ a second')
        self.assertRegex(ran.stdout, r'(?m)^latency +p50 [\d.]+ [mu]?s, .*p99\.9 .*max ')
        self.assertRegex(ran.stdout, r'(?m)^server +\d+ % of a core')
        self.assertRegex(ran.stdout, r'(?m)^errors +none$')

    def test_terminal_has_a_bar_while_it_lasts(self):
        with serving('--host', '127.0.0.1') as server, \
                Terminal(duplex, 'bench', server.uri, '--duration', '0.5') as terminal:
            terminal.wait_for_text(r'\[#+\.+\] +\d+ %')
            self.assertEqual(terminal.wait_for_end(), 0)
            self.assertNotIn('[#', '\n'.join(terminal.lines()))

    def test_wrong_arguments_have_status_2(self):
        uri = 'ws://127.0.0.1:9/'
        for told, *arguments in (
                ('URI',), ('scheme', 'http://x/'), ('--connections', uri, '--connections', 0),
                ('--rate', uri, '--rate', 10, '--pipeline', 2), ('--text', uri, '--text', '--binary'),
                ('--duration', uri, '--duration', 0), ('not a valid proxy', uri, '--proxy', 'ftp://x')):
            ran = subprocess.run([duplex, 'bench', *map(str, arguments)], capture_output=True, text=True,
                                 timeout=PATIENCE)
            self.assertEqual((ran.returncode, ran.stdout), (2, ''), ran.stderr)
            self.assertIn(told, ran.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
