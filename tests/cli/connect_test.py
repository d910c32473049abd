#!/usr/bin/env python3
"""`duplex connect`: at a terminal, and in pipes.

Usage: connect_test.py DUPLEX ECHO_SERVER [unittest's arguments]
DUPLEX: the command-line tool. ECHO_SERVER: ours.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

import broken_server
from scripted_peer import peers
from servers import server
from terminal import Terminal

PATIENCE = 30  # seconds for one run of the tool
TEXT, BINARY, CLOSE = 1, 2, 8

duplex, echo_server = sys.argv[1:3]


def uri(port):
    return f'ws://127.0.0.1:{port}/'


def run(*arguments, given=None):
    return subprocess.run([duplex, *map(str, arguments)], input=given, stdin=None if given else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)


class Interactive(unittest.TestCase):
    """At a terminal."""

    def setUp(self):
        opened = peers()
        self.port, self.next_peer = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)

    def start(self, *arguments, **window):
        terminal = Terminal(duplex, uri(self.port), *arguments, **window)
        self.addCleanup(terminal.__exit__)
        peer = self.next_peer()
        terminal.wait_for_text(r'(?m)^>$')
        return terminal, peer

    def test_prompt_follows_the_connection(self):
        terminal, _ = self.start()
        self.assertEqual(terminal.lines(), [f'Connected to {uri(self.port)}.', '>'])

    def test_line_is_sent_and_answer_shown_above_the_prompt(self):
        terminal, peer = self.start()
        terminal.type('hello\r')
        self.assertEqual(peer.receive(), (TEXT, b'hello'))
        peer.say('hello yourself')
        terminal.wait_for_lines('> hello', '< hello yourself', '>')

    def test_message_while_typing_keeps_the_line(self):
        terminal, peer = self.start()
        terminal.type('half a sen')
        terminal.wait_for_lines('> half a sen')
        peer.say('news')
        terminal.wait_for_lines('< news', '> half a sen')
        terminal.type('tence\r')
        self.assertEqual(peer.receive(), (TEXT, b'half a sentence'))
        terminal.wait_for_lines('< news', '> half a sentence', '>')

    def test_message_keeps_a_line_of_several_rows(self):
        terminal, peer = self.start(columns=20)
        line = 'äöü, and 日本語 more than two rows of text'
        terminal.type(line)
        terminal.wait_for_text('text')
        peer.say('news')
        terminal.wait_for_text('(?s)< news.*text')
        # An emulator gives a blank to the second column of a wide character.
        joined = ''.join(row.ljust(20) for row in terminal.screen.display)
        self.assertEqual(joined.count('äöü'), 1)
        self.assertEqual(joined.count('text'), 1)
        terminal.type('\x01!\r')
        self.assertEqual(peer.receive()[1].decode(), '!' + line)

    def test_cursor_keeps_its_place_in_the_line(self):
        terminal, peer = self.start(columns=20)
        terminal.type('0123456789012345678901234567890123456789' + '\x1b[D' * 30)
        terminal.wait_for(lambda: terminal.screen.cursor.x == 12, 'the cursor')
        peer.say('news')
        terminal.wait_for_text('(?s)< news.*6789')
        terminal.type('X\r')
        self.assertEqual(peer.receive()[1], b'0123456789X012345678901234567890123456789'[:11] + b'012345678901234567890123456789')
        self.assertEqual(sum('< news' in row for row in terminal.lines()), 1)

    def test_arrow_up_brings_lines_back(self):
        terminal, peer = self.start()
        for line in ('first', 'second'):
            terminal.type(line + '\r')
            self.assertEqual(peer.receive()[1], line.encode())
        terminal.type('\x1b[A\x1b[A')
        terminal.wait_for_lines('> first', '> second', '> first')
        terminal.type('\x1b[B!\r')
        self.assertEqual(peer.receive()[1], b'second!')

    def test_window_that_changes_is_drawn_anew(self):
        terminal, peer = self.start(columns=40)
        peer.say('before')
        terminal.type('a line that fits forty columns')
        terminal.wait_for_lines('< before', '> a line that fits forty columns')
        terminal.resize(20, 24)  # which sends SIGWINCH, and cuts the rows off, as xterm does
        terminal.wait_for_lines('> a line that fits f', 'orty columns')
        peer.say('news')
        terminal.wait_for_lines('< before', '< news', '> a line that fits f', 'orty columns')
        terminal.resize(40, 24)
        terminal.wait_for_lines('> a line that fits forty columns')
        self.assertIn('< before', terminal.lines())
        self.assertIn('< news', terminal.lines())
        terminal.type('\r')
        self.assertEqual(peer.receive()[1], b'a line that fits forty columns')

    def test_control_d_closes(self):
        terminal, peer = self.start()
        terminal.type('\x04')
        self.assertEqual(peer.answer_close(), 1000)
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertEqual(terminal.lines()[-1], 'Connection closed: 1000 (OK).')

    def test_control_c_closes(self):
        terminal, peer = self.start()
        terminal.type('never sent\x03')
        self.assertEqual(peer.answer_close(), 1000)
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertEqual(terminal.lines()[1:], ['Connection closed: 1000 (OK).'])

    def test_end_erases_the_rows_of_the_unsent_line_and_no_more(self):
        for end in (lambda: terminal.type('\x03'), lambda: peer.close()):
            terminal, peer = self.start(columns=40)
            terminal.type('sent\r')
            self.assertEqual(peer.receive()[1], b'sent')
            peer.say('answer')
            terminal.wait_for_lines('< answer', '>')
            terminal.type('three rows ' * 10)
            terminal.wait_for_text(r'rows three rows$')
            end()
            peer.answer_close()
            self.assertEqual(terminal.wait_for_end(), 0)
            self.assertEqual(terminal.lines(), [f'Connected to {uri(self.port)}.', '> sent', '< answer',
                                                'Connection closed: 1000 (OK).'])

    def test_terminal_neither_echoes_nor_forgets_while_a_line_is_sent(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(64 << 20)  # more than fits on the way to a peer that does not read
            terminal, peer = self.start('--binary', '--compression', 'off')
            self.assertTrue(terminal.modes() & termios.NOFLSH)
            terminal.type(f'@{file.name}\r')
            peer.connection.recv(1, socket.MSG_PEEK)  # it is being sent
            modes = terminal.modes()
            self.assertFalse(modes & (termios.ECHO | termios.ICANON))
            self.assertTrue(modes & termios.NOFLSH)  # Ctrl-C leaves the input that poll told of

    def test_second_control_c_ends_at_once(self):
        terminal, peer = self.start()
        terminal.type('\x03')
        self.assertEqual(peer.receive()[0], CLOSE)
        terminal.type('\x03')
        self.assertEqual(terminal.wait_for_end(), -signal.SIGINT)

    def test_terminal_is_left_as_it_was(self):
        terminal, peer = self.start()
        peer.close()
        peer.answer_close()
        terminal.wait_for_end()
        self.assertEqual(terminal.modes() & (termios.ECHO | termios.ICANON | termios.NOFLSH),
                         termios.ECHO | termios.ICANON)

    def test_server_that_closes_ends_the_session(self):
        terminal, peer = self.start()
        terminal.type('half a line')
        terminal.wait_for_lines('> half a line')
        peer.close(1001, 'back\x1b[2J at 5')
        peer.answer_close()
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertEqual(terminal.lines()[-1], r'Connection closed: 1001 (going away) back\x1b[2J at 5.')

    def test_bad_end_has_status_1(self):
        terminal, peer = self.start()
        peer.close(1011)
        peer.answer_close()
        self.assertEqual(terminal.wait_for_end(), 1)
        self.assertEqual(terminal.lines()[-1], 'Connection closed: 1011 (internal error).')
        terminal, peer = self.start()
        peer.over.put(None)  # ends TCP
        self.assertEqual(terminal.wait_for_end(), 1)
        self.assertEqual(terminal.lines()[-1], 'Connection closed: no close frame received or sent.')

    def test_escape_sequences_do_not_reach_the_terminal(self):
        terminal, peer = self.start()
        peer.say('\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r> rm -rf\n> forged\ttab')
        terminal.wait_for_text('forged')
        shown = terminal.raw.decode()
        for forbidden in ('\x1b]0', '\x07', '\x1b[2J', '\x9b', '\u202e', 'gnp.exe\r'):
            self.assertNotIn(forbidden, shown)
        self.assertIn(r'< \x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\x0d> rm -rf', terminal.lines())
        self.assertTrue(any(line.startswith('  > forged') for line in terminal.lines()))

    def test_binary_message_is_shown_as_hexadecimal(self):
        terminal, peer = self.start()
        peer.say_bytes(b'\x00\x1b\xff')
        terminal.wait_for_lines('< (binary) 001bff', '>')

    def test_binary_input_is_hexadecimal_or_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b'\x00\x01')
            file.flush()
            terminal, peer = self.start('--binary')
            terminal.type('00 FF0a\r')
            self.assertEqual(peer.receive(), (BINARY, b'\x00\xff\n'))
            terminal.type('@' + file.name + '\r')
            self.assertEqual(peer.receive(), (BINARY, b'\x00\x01'))
        terminal.type('0g\r')
        terminal.wait_for_lines("not sent: 'g' is no hexadecimal digit", '>')

    def test_json_is_laid_out(self):
        terminal, peer = self.start('--json')
        peer.say('{"b":[1,{}],"a":12345678901234567890}')
        terminal.wait_for_lines('< {', '    "b": [', '      1,', '      {}', '    ],',
                                '    "a": 12345678901234567890', '  }', '>')
        peer.say('[' * 100000 + ']' * 100000)  # costs neither time nor the stack
        peer.say('no {json')
        terminal.wait_for_lines('< no {json', '>')

    def test_flood_is_survived_and_closed(self):
        terminal, peer = self.start()
        for _ in range(2000):
            peer.say('x' * 1000)
        peer.close()
        terminal.wait_for(lambda: terminal.raw.count(b'x' * 1000) == 2000, 'the last message')
        peer.answer_close()
        self.assertEqual(terminal.wait_for_end(), 0)

    def test_log_is_shown_above_the_line(self):
        terminal, peer = self.start('--log-level', 'debug')
        terminal.type('half')
        peer.say('news')
        terminal.wait_for_text(r"(?s)debug: < TEXT 'news' \[4 bytes\]\n.*> half$")


class Lines(unittest.TestCase):
    """In pipes and scripts."""

    def test_input_is_echoed_line_by_line(self):
        with server(echo_server) as port:
            ran = run(uri(port), given='one\ntwo\n\nthree')
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, 'one\ntwo\n\nthree\n', ''))

    def test_line_that_cannot_be_sent_is_told_and_the_rest_sent(self):
        with server(echo_server) as port:
            for given, shown, *arguments in ((b'one\n\xff\ntwo', b'one\ntwo\n'), (b'00\nzz\n01', b'00\n01\n', '--binary')):
                ran = subprocess.run([duplex, uri(port), *arguments], input=given, capture_output=True, timeout=PATIENCE)
                self.assertEqual((ran.returncode, ran.stdout), (1, shown))
                self.assertRegex(ran.stderr, rb'^duplex: not sent: [^\n]+\n$')

    def test_line_that_cannot_be_sent_is_not_recorded(self):
        with server(echo_server) as port, tempfile.NamedTemporaryFile() as file:
            subprocess.run([duplex, uri(port), '--record', file.name], input=b'\xff\none', capture_output=True,
                           timeout=PATIENCE)
            self.assertEqual([json.loads(line)['text'] for line in file], ['one', 'one'])

    def test_record_does_not_act_on_a_terminal(self):
        sent = 'é☃😀\x1b[2J\x7f\x85\x9b2J\u202e'
        with server(echo_server) as port, tempfile.NamedTemporaryFile() as file:
            run(uri(port), '--send', sent, '--record', file.name)
            line = file.readline().decode()
        self.assertEqual(json.loads(line)['text'], sent)
        self.assertIn(r'é☃😀\u001b[2J\u007f\u0085\u009b2J\u202e"', line)

    def test_messages_of_several_lines_are_told_apart_on_a_terminal(self):
        with server(echo_server) as port:
            for arguments, shown in ((('--send', 'one\n> two', '--send', 'three'), ['one', '  > two', 'three']),
                                     (('--send', '[1]', '--json'), ['[', '  1', ']'])):
                with Terminal(duplex, uri(port), *arguments) as terminal:
                    self.assertEqual(terminal.wait_for_end(), 0)
                    self.assertEqual(terminal.lines(), shown)

    def test_unix_socket_is_connected_to(self):
        with tempfile.TemporaryDirectory() as folder:
            file = f'{folder}/echo'
            process = subprocess.Popen([duplex, 'serve', '--unix', file], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            try:
                self.assertEqual(process.stdout.readline(), f'listening on {file}\n')
                ran = run('ws://app.example/x', '--unix', file, '--send', 'hi')
                self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, 'hi\n', ''))
                with Terminal(duplex, 'ws://localhost/', '--unix', file) as terminal:
                    terminal.wait_for_lines(f'Connected to ws://localhost/ through {file}.', '>')
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 0)
            ran = run('ws://localhost/', '--unix', file, '--send', 'hi')
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
        self.assertIn(file, ran.stderr)

    def test_log_tells_every_frame_where_asked(self):
        with server(echo_server) as port:
            ran = run(uri(port), '--send', 'x', '--log-level', 'debug')
        self.assertEqual((ran.returncode, ran.stdout), (0, 'x\n'))
        for line in ("debug: > TEXT 'x' [1 byte]", "debug: < TEXT 'x' [1 byte]", 'info: connection closed'):
            self.assertIn(line, ran.stderr)

    def test_word_connect_changes_nothing(self):
        with server(echo_server) as port:
            self.assertEqual(run('connect', uri(port), given='x').stdout, 'x\n')
            self.assertEqual(run('--send', 'x', uri(port)).stdout, 'x\n')

    def test_one_shot_sends_and_expects(self):
        with server(echo_server) as port:
            ran = run(uri(port), '--send', 'a', '--send', 'b', '--expect', 1)
            self.assertEqual((ran.returncode, ran.stdout), (0, 'a\n'))

    def test_reply_that_never_comes_times_out(self):
        with server(echo_server) as port:
            start = time.monotonic()
            ran = run(uri(port), '--send', 'a', '--expect', 2, '--timeout', 0.5)
        self.assertLess(time.monotonic() - start, 8)
        self.assertEqual((ran.returncode, ran.stdout), (1, 'a\n'))
        self.assertEqual(ran.stderr, 'duplex: timed out after 1 of 2 replies\n')

    def test_all_are_expected_until_the_server_closes(self):
        with peers() as (port, next_peer):
            process = subprocess.Popen([duplex, uri(port), '--expect', 'all'], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, text=True)
            peer = next_peer()
            peer.say('one')
            peer.say_bytes(b'\x02')
            peer.close()
            peer.answer_close()
            self.assertEqual(process.communicate(timeout=PATIENCE)[0], 'one\n(binary) 02\n')
            self.assertEqual(process.returncode, 0)

    def test_binary_goes_both_ways(self):
        with server(echo_server) as port:
            self.assertEqual(run(uri(port), '--binary', '--send', '00 ff').stdout, '00ff\n')

    def test_bad_end_has_status_1(self):
        with peers() as (port, next_peer):
            process = subprocess.Popen([duplex, uri(port)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            peer = next_peer()
            peer.close(1011, 'out of \x1b[2Jorder')
            peer.answer_close()
            self.assertEqual(process.wait(PATIENCE), 1)  # though its input is still open
            self.assertEqual(process.stderr.read(),
                             'duplex: connection closed: 1011 (internal error) out of \\x1b[2Jorder\n')
            process.stdin.close()
            process.stderr.close()

    def test_reader_that_leaves_ends_it(self):
        with peers() as (port, next_peer):
            process = subprocess.Popen(f'{duplex} {uri(port)} --expect all < /dev/null | head -1', shell=True,
                                       executable='/bin/bash', stdout=subprocess.PIPE, text=True)
            peer = next_peer()
            peer.say('one')
            self.assertEqual(peer.answer_close(), 1000)  # noticed without another message
            self.assertEqual(process.communicate(timeout=PATIENCE)[0], 'one\n')
            self.assertEqual(process.returncode, 0)

    def test_interruption_closes(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with peers() as (port, next_peer):
                process = subprocess.Popen([duplex, uri(port), '--expect', 'all'], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, text=True)
                peer = next_peer()
                peer.say('one')
                self.assertEqual(process.stdout.readline(), 'one\n')
                process.stdout.close()
                process.send_signal(number)
                self.assertEqual(peer.answer_close(), 1000)
                self.assertEqual(process.wait(PATIENCE), 0)

    def test_full_disk_is_told(self):
        with server(echo_server) as port, open('/dev/full', 'w') as full:
            ran = subprocess.run([duplex, uri(port), '--send', 'x'], stdout=full, stderr=subprocess.PIPE, text=True,
                                 timeout=PATIENCE)
        self.assertEqual((ran.returncode, ran.stderr), (1, 'duplex: cannot write: no space left on device\n'))

    def test_record_has_a_line_for_each_message(self):
        with server(echo_server) as port, tempfile.TemporaryDirectory() as folder:
            file = Path(folder, 'record.jsonl')
            run(uri(port), '--send', 'a"\n☃', '--record', file)
            run(uri(port), '--binary', '--send', '00ff', '--record', file)
            lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            self.assertRegex(line.pop('time'), r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
        self.assertEqual(lines, [
            {'direction': 'sent', 'type': 'text', 'text': 'a"\n☃'},
            {'direction': 'received', 'type': 'text', 'text': 'a"\n☃'},
            {'direction': 'sent', 'type': 'binary', 'hex': '00ff'},
            {'direction': 'received', 'type': 'binary', 'hex': '00ff'}])

    def test_handshake_is_as_told(self):
        received = []

        def script(connection):
            received.append(connection.recv(65536).decode())
            connection.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')

        with broken_server.serving(script) as port:
            ran = run(uri(port), '--header', 'X-Key: a: b', '--origin', 'http://example.com', '--subprotocol', 'v2',
                      '--subprotocol', 'v1', '--user-agent', 'me/1', '--compression', 'off', '--send', 'x')
            run(uri(port), '--user-agent', '', '--send', 'x')
        self.assertEqual((ran.returncode, ran.stderr.count('\n')), (1, 1))
        self.assertIn('403', ran.stderr)
        for line in ('X-Key: a: b', 'Origin: http://example.com', 'Sec-WebSocket-Protocol: v2, v1', 'User-Agent: me/1'):
            self.assertIn(f'\r\n{line}\r\n', received[0])
        self.assertNotIn('permessage-deflate', received[0])
        self.assertIn('permessage-deflate', received[1])
        self.assertNotIn('User-Agent', received[1])

    def test_proxy_is_asked_or_passed_by(self):
        asked = []

        def script(connection):
            asked.append(connection.recv(65536).decode())
            connection.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')

        with broken_server.serving(script) as proxy, server(echo_server) as port:
            ran = run(uri(port), '--send', 'x', '--proxy', f'http://127.0.0.1:{proxy}')
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
            self.assertTrue(asked[0].startswith(f'CONNECT 127.0.0.1:{port} HTTP/1.1\r\n'), asked)
            environment = dict(os.environ, ws_proxy=f'http://127.0.0.1:{proxy}', no_proxy='')
            for arguments, status in (((), 1), (('--no-proxy',), 0)):
                self.assertEqual(subprocess.run([duplex, uri(port), '--send', 'x', *arguments], env=environment,
                                                capture_output=True, timeout=PATIENCE).returncode, status)
            self.assertEqual(len(asked), 2)

    def test_limits_are_kept(self):
        with server(echo_server) as port:
            ran = run(uri(port), '--max-size', 3, '--send', 'four')
            self.assertEqual((ran.returncode, ran.stdout), (1, ''))
            self.assertIn('1009', ran.stderr)
            self.assertEqual(run(uri(port), '--max-size', 0, '--send', 'four').returncode, 0)

    def test_server_is_pinged(self):
        with peers() as (port, next_peer):
            process = subprocess.Popen([duplex, uri(port), '--ping', '0.05', '--expect', 'all'],
                                       stdin=subprocess.DEVNULL)
            peer = next_peer()
            self.assertEqual(peer.read_frame()[1], broken_server.PING)
            peer.close()
            peer.answer_close()
            self.assertEqual(process.wait(PATIENCE), 0)


class Usage(unittest.TestCase):
    """Arguments, and servers that cannot be reached."""

    def test_wrong_arguments_have_status_2(self):
        for told, *arguments in (
                ("duplex: URI is missing\nRun duplex connect --help for the options.\n", 'connect'),
                ('path of a unix socket', 'ws://127.0.0.1:9/', '--unix', ''),
                ('--proxy and --unix exclude each other', 'ws://127.0.0.1:9/', '--unix', '/x', '--proxy', 'http://x'),
                ('duplex: --send needs a value\nRun', 'ws://127.0.0.1:9/', '--send'),
                ('duplex: --cert needs --key too\n', 'ws://127.0.0.1:9/', '--cert', 'x'),
                ('duplex: --timeout must be from 0.01 to 86400, got \'0\'\n', 'ws://127.0.0.1:9/', '--timeout', '0'),
                ('duplex: --json does not take \'x\'\n', 'ws://127.0.0.1:9/', '--json=x'),
                ('duplex: --timeout is given 2 times\nRun', 'ws://127.0.0.1:9/', '--timeout', '1', '--timeout', '2'),
                ('duplex: --max-size does not take \'x\'\n', 'ws://127.0.0.1:9/', '--max-size', 'x'),
                ("duplex: 'x\\x1b' is one argument too many\nRun", 'ws://127.0.0.1:9/', 'x\x1b'),
                ("duplex: no such options or arguments: y x\nRun", 'ws://127.0.0.1:9/', 'x', 'y'),
                ('scheme', 'http://127.0.0.1/'),
                ('not a valid WebSocket URI', 'localhost:1'),
                ("duplex: no such command: 'nonsense'\nRun duplex --help for the options.\n", 'nonsense'),
                ("no such command: 'conect'; did you mean connect?\nRun", 'conect'),
                ('duplex: a URI to connect to, or a command, is missing: duplex ws://host/\nRun duplex --help',),
                ('max_size must be positive, got -3', 'ws://127.0.0.1:9/', '--max-size', '-3'),
                ("duplex: no such option: '--nonsense'\nRun", 'ws://127.0.0.1:9/', '--nonsense'),
                ('no colon', 'ws://127.0.0.1:9/', '--header', 'nonsense'),
                ("duplex: --compression must be one of on,off, got 'perhaps'\n", 'ws://127.0.0.1:9/', '--compression',
                 'perhaps'),
                ('--expect', 'ws://127.0.0.1:9/', '--expect', '-1'),
                ('hexadecimal', 'ws://127.0.0.1:9/', '--binary', '--send', 'xyz'),
                ('a b', 'ws://127.0.0.1:9/', '--subprotocol', 'a b'),
                ('not a valid proxy', 'ws://127.0.0.1:9/', '--proxy', 'ftp://x')):
            ran = run(*arguments)
            self.assertEqual((ran.returncode, ran.stdout), (2, ''), arguments)
            self.assertIn(told, ran.stderr)
            self.assertEqual('Run duplex' in ran.stderr, 'Run' in told, told)  # only where it helps

    def test_refused_connection_is_one_line(self):
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))  # and does not listen
            ran = run(uri(unused.getsockname()[1]), '--send', 'x')
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
        self.assertRegex(ran.stderr, 'connection refused')

    def test_record_that_cannot_be_written_is_told(self):
        with server(echo_server) as port:
            ran = run(uri(port), '--send', 'x', '--record', '/nonexistent/file')
        self.assertEqual((ran.returncode, ran.stdout), (1, ''))
        self.assertIn('cannot write /nonexistent/file: no such file', ran.stderr)

    def test_silent_server_times_out(self):
        with broken_server.serving(broken_server.says_nothing) as port:
            ran = run(uri(port), '--send', 'x', '--timeout', 0.3)
        self.assertEqual((ran.returncode, ran.stderr.count('\n')), (1, 1))
        self.assertIn('timed out', ran.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
