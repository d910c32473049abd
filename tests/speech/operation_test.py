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
import os
import re
import signal
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

PATIENCE = 60

speech = sys.argv[1]


@contextlib.contextmanager
def serving(*arguments, **environment):
    """Gives the process, with the port it printed."""
    process = subprocess.Popen([speech, '--host', '127.0.0.1', '--port', '0', *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=os.environ | environment)
    try:
        process.port = int(re.match(r'duplex-speech listening on wss?://127\.0\.0\.1:(\d+) ', process.stdout.readline())[1])
        yield process
    finally:
        process.kill()
        process.communicate()


def get(server, target, **headers):
    request = urllib.request.Request(f'http://127.0.0.1:{server.port}{target}', headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read().decode()


def hum(seconds):
    """Sound that is no speech."""
    return array.array('h', (int(8000 * math.sin(i / 5)) for i in range(int(16000 * seconds)))).tobytes()


class Stream:
    """A client of /v1/stream."""

    def __init__(self, server, **options):
        self.connecting = connect(f'ws://127.0.0.1:{server.port}/v1/stream', **options)

    async def __aenter__(self):
        self.ws = await self.connecting.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.connecting.__aexit__(*error)

    async def say(self, **message):
        await self.ws.send(json.dumps(message))

    async def start(self):
        await self.say(type='start', format='pcm_s16le', rate=16000)
        return await self.next('started')

    async def next(self, kind):
        while True:
            message = json.loads(await asyncio.wait_for(self.ws.recv(), PATIENCE))
            if message['type'] == kind:
                return message

    async def close_code(self):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.ws.recv(), PATIENCE)
        return self.ws.close_code


class Ends(unittest.IsolatedAsyncioTestCase):

    async def test_a_first_signal_finishes_what_came(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with serving() as server:
                async with Stream(server) as stream:
                    started = await stream.start()
                    await stream.ws.send(hum(1))
                    await stream.ws.ping()
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

    async def test_clients_that_are_killed_harm_nobody(self):
        client = '''
import asyncio, sys
from websockets.legacy.client import connect
async def main():
    async with connect(sys.argv[1]) as ws:
        for message in sys.argv[2:]:
            await ws.send(bytes(32000) if message == 'audio' else message)
        print('sent', flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
'''
        start = '{"type":"start","format":"pcm_s16le","rate":16000,"resume":true}'
        with serving() as server:
            for messages in ([], [start], [start, 'audio'], [start, 'audio', '{"type":"flush"}'],
                             [start, 'audio', '{"type":"stop"}']):
                process = subprocess.Popen([sys.executable, '-c', client, f'ws://127.0.0.1:{server.port}/v1/stream', *messages],
                                           stdout=subprocess.PIPE, text=True)
                self.assertEqual(process.stdout.readline(), 'sent\n')
                process.kill()
                process.communicate()
            while 'duplex_speech_connections 0' not in get(server, '/metrics'):
                await asyncio.sleep(0.01)
            async with Stream(server) as stream:
                await stream.start()
                await stream.say(type='stop')
                self.assertEqual((await stream.next('done'))['segments'], 0)


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
                                         (['--tls-cert', '/no.pem', '--tls-key', '/no.key'], 1, "'/no."),
                                         (['--token', 'two words'], 2, 'token'),
                                         (['--origin', 'https://example.com/path'], 1, 'https://example.com/path'),
                                         (['--host', '203.0.113.1'], 1, '203.0.113.1')):
            done = subprocess.run([speech, '--port', '0', *arguments], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn(words, done.stderr)
            self.assertNotIn('listening', done.stdout)


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
                self.assertIn('stays as it was', after_hangup())
                self.assertEqual(shown().split(), second.split())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[1:])
