#!/usr/bin/env python3
"""`duplex serve`, with clients of Python's websockets.

Usage: serve_test.py DUPLEX [unittest's arguments]
"""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.legacy.client import connect, unix_connect

PATIENCE = 30

duplex = sys.argv[1]


@contextlib.contextmanager
def serving(*arguments, port=('--port', '0')):
    """Gives the process, with the URI it printed."""
    process = subprocess.Popen([duplex, 'serve', *port, *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        process.uri = re.fullmatch(r'listening on (\S+)\n', process.stdout.readline())[1]
        yield process
    finally:
        process.kill()
        process.communicate()


class Serve(unittest.IsolatedAsyncioTestCase):

    async def test_messages_are_echoed(self):
        with serving('--host', '127.0.0.1') as server:
            self.assertRegex(server.uri, r'^ws://127\.0\.0\.1:\d+/$')
            async with connect(server.uri) as ws:
                for message in ('text', b'\0\xff', ''):
                    await ws.send(message)
                    self.assertEqual(await asyncio.wait_for(ws.recv(), PATIENCE), message)

    async def test_options_are_effective(self):
        with serving('--host', '127.0.0.1', '--subprotocol', 'v2', '--max-size', '3') as server:
            async with connect(server.uri, subprotocols=['v1', 'v2']) as ws:
                self.assertEqual(ws.subprotocol, 'v2')
                await ws.send('four')
                with self.assertRaises(ConnectionClosed):
                    await asyncio.wait_for(ws.recv(), PATIENCE)
                self.assertEqual(ws.close_code, 1009)

    async def test_files_are_shown_beside_the_echo(self):
        def get(target):
            with urllib.request.urlopen(re.sub('^ws', 'http', server.uri) + target, timeout=PATIENCE) as answer:
                return answer.headers['Content-Type'], answer.read()

        with tempfile.TemporaryDirectory() as folder:
            Path(folder, 'index.html').write_text('<p>☃')
            Path(folder, '.secret').write_text('s')
            with serving('--host', '127.0.0.1', '--static', folder) as server:
                self.assertEqual(await asyncio.to_thread(get, ''), ('text/html; charset=utf-8', '<p>☃'.encode()))
                for target in ('.secret', 'nothing'):
                    with self.assertRaisesRegex(urllib.error.HTTPError, '404') as refused:
                        await asyncio.to_thread(get, target)
                    refused.exception.close()
                async with connect(server.uri) as ws:
                    await ws.send('text')
                    self.assertEqual(await asyncio.wait_for(ws.recv(), PATIENCE), 'text')

    async def test_broadcast_goes_to_all_others(self):
        with serving('--host', '127.0.0.1', '--broadcast') as server:
            async with connect(server.uri) as one, connect(server.uri) as two, connect(server.uri) as three:
                async with connect(server.uri):
                    pass  # who has left is no trouble
                await one.send('to the others')
                for ws in (two, three):
                    self.assertEqual(await asyncio.wait_for(ws.recv(), PATIENCE), 'to the others')
                await two.send(b'to the others')
                for ws in (one, three):  # one has not got its own
                    self.assertEqual(await asyncio.wait_for(ws.recv(), PATIENCE), b'to the others')

    def test_tls_is_spoken_both_ways(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = f'{folder}/cert.pem', f'{folder}/key.pem'
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                            '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key,
                            '-out', certificate], check=True, capture_output=True)
            with serving('--host', '127.0.0.1', '--tls-cert', certificate, '--tls-key', key) as server:
                self.assertTrue(server.uri.startswith('wss://'))

                def send(*arguments):
                    return subprocess.run([duplex, server.uri, '--send', 'hi', *arguments], capture_output=True,
                                          text=True, timeout=PATIENCE)
                for trusting in (['--ca', certificate], ['--insecure']):
                    self.assertEqual((send(*trusting).stdout, send(*trusting).returncode), ('hi\n', 0))
                ran = send()
                self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count('\n')), (1, '', 1))
                self.assertIn('certificate', ran.stderr)
                self.assertEqual(send('--cert', certificate).returncode, 2)  # and no key
                for option, others in (('--cert', ('--key', key)), ('--key', ('--cert', certificate)), ('--ca', ())):
                    self.assertIn(f"{option} '/no/such'", send(option, '/no/such', *others).stderr)
            for option, others in (('--tls-cert', ('--tls-key', key)), ('--tls-key', ('--tls-cert', certificate))):
                ran = subprocess.run([duplex, 'serve', option, '/no/such', *others], capture_output=True, text=True,
                                     timeout=PATIENCE)
                self.assertIn(f"{option} '/no/such'", ran.stderr)
                self.assertEqual(ran.returncode, 1)

    async def test_signals_close_connections_and_end_it(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with serving('--host', '127.0.0.1') as server:
                async with connect(server.uri) as ws:
                    server.send_signal(number)
                    with self.assertRaises(ConnectionClosed):
                        await asyncio.wait_for(ws.recv(), PATIENCE)
                    self.assertEqual(ws.close_code, 1001)
                self.assertEqual(await asyncio.to_thread(server.wait, PATIENCE), 0)

    async def test_place_is_announced_once(self):
        with serving('--host', '127.0.0.1') as server:
            async with connect(server.uri):
                pass
            server.terminate()
            told, log = await asyncio.to_thread(server.communicate)
        self.assertNotIn('listening', told + log)  # after the line that gave the URI
        self.assertIn('connection open', log)

    async def test_unix_socket_is_served(self):
        with tempfile.TemporaryDirectory() as folder:
            file = f'{folder}/echo'
            with serving('--unix', file, port=()) as server:
                self.assertEqual(server.uri, file)
                async with unix_connect(file, 'ws://localhost/') as ws:
                    await ws.send('hi')
                    self.assertEqual(await asyncio.wait_for(ws.recv(), PATIENCE), 'hi')

    async def test_log_is_told_from_its_level_on(self):
        for level, told in (('info', True), ('error', False)):
            with serving('--host', '127.0.0.1', '--log-level', level) as server:
                async with connect(server.uri):
                    pass
                server.terminate()
                _, log = await asyncio.to_thread(server.communicate)
                self.assertEqual('connection open' in log, told, log)

    def test_what_cannot_be_is_refused(self):
        with serving('--host', '127.0.0.1') as server:
            port = re.search(r':(\d+)/', server.uri)[1]
            for status, told, *arguments in (
                    (1, 'in use', '--host', '127.0.0.1', '--port', port),
                    (2, "duplex: --port must be from 0 to 65535, got '65536'\n", '--port', '65536'),
                    (2, 'duplex: --host: a unix socket is given with --unix\n', '--host', 'unix:/x'),
                    (2, 'exclude each other', '--host', 'x', '--unix', '/x'),
                    (2, 'exclude each other', '--port', '1', '--unix', '/x'),
                    (2, 'path of a unix socket', '--unix', ''),
                    (1, '/nonexistent/x', '--unix', '/nonexistent/x'),
                    (2, 'max_size must be positive, got -3', '--max-size', '-3'),
                    (2, 'a b', '--subprotocol', 'a b'),
                    (1, "directory '/nonexistent': no such file", '--static', '/nonexistent'),
                    (2, 'directory', '--static', '/dev/null'),
                    (2, '--log-level', '--log-level', 'loud')):
                ran = subprocess.run([duplex, 'serve', *arguments], capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual((ran.returncode, ran.stdout), (status, ''), ran.stderr)
                self.assertIn(told, ran.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
