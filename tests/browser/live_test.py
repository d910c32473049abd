"""The page in Chromium and the example in Node.js against duplex-speech with its model: the sample recording, spoken into the
microphone, dropped as a file, sent over a connection that breaks.

live_test.py DUPLEX-SPEECH RECORDING NODE_MODULES NODE SCREENSHOTS [CLASS]
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
import wave
from pathlib import Path

from chromium import chromium, find

sys.path.append(str(Path(__file__).parents[1] / 'support'))
from ports import kept_port

ROOT = Path(__file__).parents[2]
PROGRAM = RECORDING = MODULES = NODE = SCREENSHOTS = None
READY = 'document.querySelector("#state").dataset.state === "ready"'
TROUBLE = 'document.querySelector("#state").dataset.state === "trouble"'
WORDS = '[...document.querySelectorAll(".finals .caption p")].map((p) => p.textContent).join(" ")'
SOCKET_FAILED = 'WebSocket connection to'


@contextlib.contextmanager
def server(*arguments, port=0, end=subprocess.Popen.terminate):
    """Gives the port of duplex-speech."""
    process = subprocess.Popen([PROGRAM, '--host', '127.0.0.1', '--port', str(port), *arguments],
                               stdout=subprocess.PIPE, text=True)
    try:
        yield int(re.search(r':(\d+) ', process.stdout.readline())[1])
    finally:
        end(process)
        process.wait(60)
        process.stdout.close()


class Proxy:
    """Passes bytes on to a port, until its connections are broken."""

    def __init__(self, port):
        self.to = port
        self._writers = set()

    @contextlib.asynccontextmanager
    async def running(self):
        listening = await asyncio.start_server(self._pass_on, '127.0.0.1', 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listening.close()
            self.cut()

    def cut(self):
        """Breaks them, as a network does: without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _pass_on(self, reader, writer):
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection('127.0.0.1', self.to)
            self._writers |= {writer, there_writer}
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))

    @staticmethod
    async def _copy(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()


def errors(text):
    """Words that are wrong, of those of the sample recording."""
    said = re.findall(r'\w+', text.lower())
    meant = ('and so my fellow americans ask not what your country can do for you '
             'ask what you can do for your country').split()
    row = list(range(len(said) + 1))
    for i, word in enumerate(meant, 1):
        row, before = [i], row
        for j, other in enumerate(said, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


class Page(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    @contextlib.asynccontextmanager
    async def opened(self, expected=(), arguments=(), **browser):
        with server(*arguments) as port:
            async with Proxy(port).running() as self.proxy, chromium(**browser) as self.browser:
                page = await self.browser.page()
                await page.open(f'http://127.0.0.1:{self.proxy.port}/')
                yield page
                self.assertEqual([each for each in page.problems if not each.startswith(tuple(expected) or ('\0',))], [])
                self.assertEqual([each for each in page.requests if f':{self.proxy.port}/' not in each], [])

    # Yields once words are there; then until the recording has been played.
    async def speak(self, page):
        await page.click('#toggle')
        await page.until('document.querySelector(".open .caption .tail")?.textContent')
        await page.screenshot(f'{SCREENSHOTS}/spoken.png')
        yield
        await page.until(f'/your country\\W*$/i.test({WORDS})')
        await page.click('#toggle')
        await page.until(READY)
        await page.screenshot(f'{SCREENSHOTS}/spoken-final.png')

    async def test_writes_what_is_spoken_into_the_microphone(self):
        async with self.opened(microphone=RECORDING) as page:
            async for _ in self.speak(page):
                pass
            self.assertLessEqual(errors(await page.run(WORDS)), 3)
            self.assertEqual(await page.run('document.querySelectorAll(".take").length'), 1)

    async def test_loses_no_word_when_the_connection_breaks_in_a_sentence(self):
        async with self.opened(microphone=RECORDING, expected=[SOCKET_FAILED]) as page:
            async for _ in self.speak(page):
                await page.note(TROUBLE)
                self.proxy.cut()
                await page.until('noted')
                await page.until('document.querySelector("#state").dataset.state === "live"')
            self.assertLessEqual(errors(await page.run(WORDS)), 3)

    async def test_loses_no_word_when_the_server_is_replaced_in_a_sentence(self):
        with server() as other:
            async with self.opened(microphone=RECORDING, expected=[SOCKET_FAILED]) as page:
                async for _ in self.speak(page):
                    self.proxy.to = other  # which knows nothing of the session
                    self.proxy.cut()
                self.assertLessEqual(errors(await page.run(WORDS)), 3)

    async def test_asks_for_the_token(self):
        refused = [SOCKET_FAILED, 'Failed to load resource']
        async with self.opened(arguments=['--token', 'open-sesame'], expected=refused) as page:
            await page.until('document.querySelector("#token-dialog").open')
            await page.type('open-sesame')
            await page.press('Enter', '\r')
            await page.until('!document.querySelector("#token-dialog").open')
            await page.drop(RECORDING)
            await page.until(f'{READY} && {WORDS}')
            self.assertLessEqual(errors(await page.run(WORDS)), 3)

    async def test_reads_a_dropped_file_faster_than_it_was_spoken(self):
        async with self.opened() as page:
            long = Path(self.browser.folder) / 'speech.wav'
            with wave.open(RECORDING, 'rb') as one, wave.open(str(long), 'wb') as six:
                six.setparams(one.getparams())
                six.writeframes(one.readframes(one.getnframes()) * 6)
            await page.run('''globalThis.seen = [];
                new MutationObserver(() => seen.push(document.querySelector("progress").value)).observe(
                    document.querySelector("#takes"), { subtree: true, attributes: true, attributeFilter: ["value"] })''')
            await page.drop(long)
            await page.until('document.querySelector("progress")?.value > 0.3')
            await page.screenshot(f'{SCREENSHOTS}/dropped.png')
            await page.until(READY)
            seen = await page.run('seen')
            self.assertEqual(seen, sorted(seen))
            self.assertGreater(len(set(seen)), 3)
            self.assertEqual(await page.run('document.querySelector(".length").textContent'), '1:06')
            spoken = await page.run(WORDS)
            self.assertGreaterEqual(len(re.findall('what you can do for your country', spoken)), 5, spoken)

    async def test_shows_no_text_for_silence(self):
        async with self.opened() as page:
            silence = Path(self.browser.folder) / 'silence.wav'
            with wave.open(str(silence), 'wb') as file:
                file.setparams((2, 2, 44100, 0, 'NONE', ''))
                file.writeframes(bytes(44100 * 4 * 3))
            await page.drop(silence)
            await page.until(f'document.querySelector(".nothing") && !document.querySelector(".nothing").hidden && {READY}')


class Example(unittest.TestCase):
    def setUp(self):
        """A project of somebody's own: the client as the server gives it, the examples copied beside it, ws installed."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for example in 'live_captions.mjs', 'transcribe.mjs':
            shutil.copy(ROOT / 'examples/js' / example, self.folder)
        (self.folder / 'package.json').write_text('{"name": "own", "version": "1.0.0", "type": "commonjs"}')
        os.symlink(MODULES, self.folder / 'node_modules')

    def node(self, port, example, *arguments, **options):
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/client.mjs') as client:
            (self.folder / 'client.mjs').write_bytes(client.read())
        return subprocess.Popen([NODE, self.folder / example, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, **options)

    def run_example(self, *arguments, serve=(), timeout=120, **options):
        with server(*serve) as port:
            process = self.node(port, 'live_captions.mjs', f'ws://127.0.0.1:{port}/v1/stream', *arguments, **options)
            stdout, stderr = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def check_captions(self, stdout, most=3):
        lines = stdout.splitlines()
        self.assertGreater(sum(line.startswith('... ') for line in lines), 0)
        self.assertLessEqual(errors(' '.join(line[10:] for line in lines if not line.startswith('... '))), most, stdout)

    def test_prints_partials_and_finals_of_a_file(self):
        result = self.run_example(RECORDING)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        self.check_captions(result.stdout)

    def test_loses_no_word_of_a_file_when_the_server_is_restarted(self):
        for end, most in (subprocess.Popen.kill, 3), (subprocess.Popen.terminate, 5):  # which cuts a word
            with kept_port() as port, contextlib.ExitStack() as first, self.subTest(end.__name__):
                first.enter_context(server(port=port, end=end))
                process = self.node(port, 'live_captions.mjs', f'ws://127.0.0.1:{port}/v1/stream', RECORDING)
                heard = ''
                while '... ' not in heard:
                    heard += process.stdout.readline()
                first.close()
                with server(port=port):
                    stdout, stderr = process.communicate(timeout=120)
                self.assertEqual((process.returncode, stderr), (0, 'the connection broke; trying again\n'))
                self.check_captions(heard + stdout, most)

    def test_that_is_short_prints_what_is_said_in_a_file(self):
        with server() as port:
            process = self.node(port, 'transcribe.mjs', RECORDING, f'ws://127.0.0.1:{port}/v1/stream')
            stdout, stderr = process.communicate(timeout=120)
        self.assertEqual((process.returncode, stderr), (0, ''))
        self.assertLessEqual(errors(stdout), 3)

    def test_reads_raw_audio_from_standard_input(self):
        with wave.open(RECORDING, 'rb') as file, tempfile.TemporaryFile() as raw:
            raw.write(file.readframes(file.getnframes()))
            raw.seek(0)
            result = self.run_example(stdin=raw)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        self.assertIn('for your country', result.stdout)

    def test_says_what_is_wrong(self):
        result = self.run_example('/nowhere.wav', timeout=20)  # it does not wait for the server to lose patience
        self.assertEqual(result.returncode, 1)
        self.assertIn('live_captions: ENOENT', result.stderr)
        bad = self.folder / 'bad.wav'
        for content in b'RIFF', b'hello' * 100:
            bad.write_bytes(content)
            result = self.run_example(bad, timeout=20)
            self.assertEqual((result.returncode, result.stderr), (1, f'live_captions: {bad} is no WAV file\n'))
        result = self.run_example('a', 'b')
        self.assertEqual((result.returncode, result.stderr.split(' ')[0]), (2, 'usage:'))

    def test_says_that_a_token_is_wanted(self):
        for environment, status in ({}, 1), ({'TOKEN': 'wrong'}, 1), ({'TOKEN': 'open-sesame'}, 0):
            result = self.run_example(serve=('--token', 'open-sesame'), stdin=subprocess.DEVNULL, env={**os.environ, **environment})
            told = 'live_captions: the server wants a token, or another one\n' if status else ''
            self.assertEqual((result.returncode, result.stderr), (status, told))

    def test_is_short_enough_to_be_copied(self):
        for example in 'live_captions.mjs', 'transcribe.mjs':
            self.assertLessEqual(len((ROOT / 'examples/js' / example).read_text().splitlines()), 60)


if __name__ == '__main__':
    if find() is None and 'Example' not in sys.argv:
        print('skipped: no chromium; script/bootstrap installs it')
        sys.exit(77)
    PROGRAM, RECORDING, MODULES, NODE, SCREENSHOTS = (sys.argv.pop(1) for _ in range(5))
    os.makedirs(SCREENSHOTS, exist_ok=True)
    unittest.main()
