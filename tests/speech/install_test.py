#!/usr/bin/env python3
"""The speech server as it is installed: from a scratch folder, with the unit's command, as a user who owns nothing.

Usage: install_test.py BUILD_DIR DATA_DIR [unittest's arguments]
"""

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from websockets.legacy.client import connect

PATIENCE = 60
NOBODY = 65534
build, data = map(Path, sys.argv[1:3])


def install(prefix, destination=''):
    subprocess.run(['cmake', '--install', build, '--prefix', prefix, '--component', 'speech'], check=True,
                   stdout=subprocess.DEVNULL, env=os.environ | {'DESTDIR': str(destination)})


def settings_of(unit, name):
    return re.findall(rf'^{name}=(.*)$', unit.read_text(), re.MULTILINE)


class Installed(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder.chmod(0o755)
        cls.prefix = cls.folder / 'prefix'
        install(cls.prefix)
        cls.unit = cls.prefix / 'lib/systemd/system/duplex-speech.service'
        cls.sample = cls.prefix / 'share/duplex-speech/duplex-speech.toml'

    def test_the_unit_names_the_program_where_it_will_be(self):
        self.assertEqual(settings_of(self.unit, 'ExecStart'),
                         [f'{self.prefix}/bin/duplex-speech --config /etc/duplex-speech.toml'])
        install('/opt/duplex', self.folder / 'image')
        image = self.folder / 'image/opt/duplex'
        self.assertTrue(os.access(image / 'bin/duplex-speech', os.X_OK))
        self.assertIn('/opt/duplex/bin/duplex-speech ', settings_of(image / 'lib/systemd/system/duplex-speech.service', 'ExecStart')[0])

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'no systemd')
    def test_the_unit_is_as_systemd_wants_it(self):
        done = subprocess.run(['systemd-analyze', '--recursive-errors=no', 'verify', self.unit], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_the_sample_has_every_option(self):
        help_text = subprocess.run([self.prefix / 'bin/duplex-speech', '--help'], check=True, capture_output=True, text=True).stdout
        options = set(re.findall(r'^  (?:-\w,)?--([\w-]+)', help_text, re.MULTILINE)) - {'help', 'version', 'config'}
        self.assertEqual(set(re.findall(r'^#?([\w-]+) = ', self.sample.read_text(), re.MULTILINE)), options)

    def test_the_client_for_javascript_loads(self):
        client = self.prefix / 'share/duplex-speech/client.mjs'
        subprocess.run(['node', '--input-type=module', '-e', f'import {{ SpeechClient }} from "{client}"'], check=True)

    def test_it_serves_as_a_user_who_owns_nothing(self):
        # What is commented out is uncommented too, but for files that are not there.
        options = self.folder / 'duplex-speech.toml'
        options.write_text(re.sub(r'^#(?!tls|token)([\w-]+ = )', r'\1', self.sample.read_text(), flags=re.MULTILINE)
                           .replace('port = 8765', 'port = 0'))
        options.chmod(0o644)
        readable = shutil.copytree(data, self.folder / 'data', ignore=shutil.ignore_patterns('.*', 'node_modules', 'moonshine-base'))
        subprocess.run(['chmod', '-R', 'a+rX', readable], check=True)

        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(ready.close)
        ready.settimeout(PATIENCE)
        ready.bind(str(self.folder / 'ready'))
        (self.folder / 'ready').chmod(0o777)

        command = settings_of(self.unit, 'ExecStart')[0].replace('/etc/duplex-speech.toml', str(options)).split()
        nobody = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if os.geteuid() == 0 else {}
        server = subprocess.Popen(command, cwd='/', stdout=subprocess.PIPE, text=True, **nobody,
                                  env={'DUPLEX_DATA': str(readable), 'NOTIFY_SOCKET': str(self.folder / 'ready')})
        try:
            self.assertEqual(ready.recv(100), b'READY=1')
            port = re.search(r'localhost:(\d+) ', server.stdout.readline())[1]
            reply = asyncio.run(self.transcribe(f'ws://localhost:{port}', readable / 'samples/jfk.wav'))
            self.assertEqual(reply['state'], 'success', reply)
            self.assertIn('fellow Americans', reply['text'])
            server.terminate()
            self.assertEqual(server.wait(PATIENCE), 0)
        finally:
            server.kill()
            server.communicate()

    @staticmethod
    async def transcribe(uri, recording):
        async with connect(uri) as ws:
            await ws.send(json.dumps({'audio_base64': base64.b64encode(recording.read_bytes()).decode()}))
            return json.loads(await asyncio.wait_for(ws.recv(), PATIENCE))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[2:])
