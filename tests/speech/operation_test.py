#!/usr/bin/env python3
"""The program duplex-speech with a real model: starting, ending, what others see of it.

Usage: operation_test.py DUPLEX_SPEECH [unittest's arguments]
"""

import array
import asyncio
import base64
import contextlib
import json
import math
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.legacy.client import connect

from speech_server import PATIENCE, Stream, get, serving

speech = sys.argv[1]


def hum(seconds):
    """Sound that is no speech."""
    return array.array('h', (int(8000 * math.sin(i / 5)) for i in range(int(16000 * seconds)))).tobytes()


def has_ipv6():
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class Ends(unittest.IsolatedAsyncioTestCase):

    async def test_a_first_signal_finishes_what_came(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with serving() as server:
                async with Stream(server) as stream:
                    started = await stream.start()
                    await stream.ws.send(hum(1))
                    await (await stream.ws.ping())  # it has come
                    server.send_signal(number)
                    self.assertGreater((await stream.next('draining'))['deadline_ms'], 1000)
                    self.assertEqual((await stream.next('error'))['code'], 'draining')
                    self.assertEqual(await stream.close_code(), 1012)
                line = json.loads(server.stdout.readline())
                self.assertEqual((line['id'], line['close_code'], line['audio_ms']), (started['session'], 1012, 1000))
                self.assertEqual(server.wait(PATIENCE), 0)

    async def test_without_clients_the_end_is_at_once(self):
        with serving('--drain-timeout', '1000') as server:
            server.terminate()
            self.assertEqual(server.wait(PATIENCE), 0)

    async def test_a_second_signal_does_not_wait(self):
        with serving('--drain-timeout', '1000') as server:
            with contextlib.suppress(ConnectionClosed):
                ws = await connect(f'ws://127.0.0.1:{server.port}/')
                header = b'RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\xff\xff\xff\xff'
                await ws.send(json.dumps({'audio_base64': base64.b64encode(header + 1000 * hum(1)).decode()}))
                while 'duplex_speech_requests_total 1' not in get(server, '/metrics'):
                    await asyncio.sleep(0.01)
                server.terminate()
                while '_draining 1' not in get(server, '/metrics'):
                    await asyncio.sleep(0.01)
                server.terminate()
                self.assertEqual(server.wait(PATIENCE), 0)


class Seen(unittest.IsolatedAsyncioTestCase):

    def test_tokens_are_in_no_list_of_processes_and_no_log(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write('second-secret\n')
            file.flush()
            with serving('--token', 'first-secret', '--token-file', file.name, '--log-level', 'debug') as server:
                self.assertNotIn(b'secret', Path(f'/proc/{server.pid}/cmdline').read_bytes().replace(file.name.encode(), b''))
                for token in ('first-secret', 'second-secret'):
                    self.assertIn('models', get(server, '/v1/models', Authorization=f'Bearer {token}'))
                    self.assertIn('models', get(server, f'/v1/models?token={token}'))
                    asyncio.run(self.connect_with(server, token))
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    get(server, '/v1/models', Authorization='Bearer third-secret')
                self.assertEqual(refused.exception.code, 401)
                server.terminate()
                said = ''.join(server.communicate(timeout=PATIENCE))
                self.assertIn('Sec-WebSocket-Protocol', said)
                self.assertNotIn('secret', said)

    @staticmethod
    async def connect_with(server, token):
        async with Stream(server, subprotocols=['duplex.speech.v1', f'bearer.{token}']) as stream:
            await stream.start()

    def test_options_come_from_a_file_and_the_environment(self):
        with tempfile.NamedTemporaryFile('w', suffix='.toml') as file:
            file.write('token = ["from-file"]\nmax-sessions = 3\n')
            file.flush()
            with serving('--config', file.name, DUPLEX_SPEECH_THREADS='1') as server:
                self.assertIn('moonshine-tiny', get(server, '/v1/models', Authorization='Bearer from-file'))

    def test_what_is_wrong_is_said_before_it_listens(self):
        for arguments, status, words in ((['--model', '/nothing'], 1, 'no model "/nothing"'),
                                         (['--tls-cert', '/no.pem', '--tls-key', '/no.key'], 1,
                                          "cannot read --tls-cert '/no.pem' (No such file or directory), nor --tls-key '/no.key'"),
                                         (['--tls-cert', __file__, '--tls-key', __file__], 1, f"--tls-cert '{__file__}'"),
                                         (['--token', 'two words'], 2, 'token'),
                                         (['--origin', 'https://example.com/path'], 2, "--origin: origins must be like 'https://example.com'"),
                                         (['--token-file', '/no.tokens'], 2, "--token-file: cannot read '/no.tokens'"),
                                         (['--host', '203.0.113.1'], 1, '203.0.113.1')):
            done = subprocess.run([speech, '--port', '0', *arguments], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, status, arguments)
            self.assertTrue(done.stderr.startswith('duplex-speech: '), done.stderr)
            self.assertIn(words, done.stderr)
            self.assertNotIn('listening', done.stdout)

    @unittest.skipUnless(has_ipv6(), 'no IPv6')
    def test_the_first_line_says_where_it_listens(self):
        for hosts, told, everywhere, addresses in ((['127.0.0.1'], '127.0.0.1', False, ['127.0.0.1']),
                                                   (['0.0.0.0'], 'localhost', True, ['127.0.0.1']),
                                                   (['::'], '[::1]', True, ['[::1]']),
                                                   (['::', '0.0.0.0'], 'localhost', True, ['127.0.0.1', '[::1]']),
                                                   ([''], 'localhost', True, ['127.0.0.1', '[::1]']),
                                                   (['::1', '127.0.0.1'], '[::1]', False, ['127.0.0.1', '[::1]'])):
            with self.subTest(hosts=hosts), serving(hosts=hosts) as server:
                self.assertEqual(server.host, told)
                self.assertEqual('on every interface' in server.line, everywhere)
                for address in {told, *addresses}:
                    with urllib.request.urlopen(f'http://{address}:{server.port}/healthz', timeout=PATIENCE) as answer:
                        self.assertEqual(answer.read(), b'ok\n')


class Renewed(unittest.TestCase):

    def test_tokens_are_read_again_after_sighup(self):
        with tempfile.NamedTemporaryFile('w') as file, \
                serving('--token', 'given', '--token-file', self.holding(file, 'old'), '--log-level', 'info') as server:
            def after_hangup():
                server.send_signal(signal.SIGHUP)
                return next(line for line in server.stderr if 'SIGHUP' in line)

            self.assertEqual(self.allowed(server, 'given', 'old', 'new'), ['given', 'old'])
            self.holding(file, 'new')
            self.assertIn('read the tokens again', after_hangup())
            self.assertEqual(self.allowed(server, 'given', 'old', 'new'), ['given', 'new'])
            self.holding(file, '# nothing')
            self.assertIn('kept the old tokens', after_hangup())
            self.assertEqual(self.allowed(server, 'given', 'old', 'new'), ['given', 'new'])

    @staticmethod
    def holding(file, token):
        Path(file.name).write_text(token + '\n')
        return file.name

    @staticmethod
    def allowed(server, *tokens):
        passed = []
        for token in tokens:
            with contextlib.suppress(urllib.error.HTTPError):
                get(server, '/v1/models', Authorization=f'Bearer {token}')
                passed.append(token)
        return passed


class Secure(unittest.TestCase):

    @staticmethod
    def certify(folder, name):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-keyout', f'{folder}/key.pem', '-out', f'{folder}/cert.pem', '-days', '2', '-subj', f'/CN={name}',
                        '-addext', 'subjectAltName=IP:127.0.0.1'], check=True, capture_output=True)
        return Path(folder, 'cert.pem').read_text()

    def test_certificates_are_read_again_after_sighup(self):
        with tempfile.TemporaryDirectory() as folder:
            first = self.certify(folder, 'first')
            with serving('--tls-cert', f'{folder}/cert.pem', '--tls-key', f'{folder}/key.pem',
                         '--log-level', 'info') as server:
                def shown():
                    return ssl.get_server_certificate(('127.0.0.1', server.port))

                def after_hangup():
                    server.send_signal(signal.SIGHUP)
                    for line in server.stderr:
                        if 'TLS certificate' in line:
                            return line

                self.assertEqual(shown().split(), first.split())
                second = self.certify(folder, 'second')
                self.assertIn('again', after_hangup())
                self.assertEqual(shown().split(), second.split())
                Path(folder, 'cert.pem').write_text('nonsense')
                self.assertIn('kept the old', after_hangup())
                self.assertEqual(shown().split(), second.split())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[1:])
