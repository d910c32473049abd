"""The page in Chromium, against a server in the test's hand: what it does when all is well, and when nothing is.

page_test.py SCREENSHOTS [CLASS]
"""

import asyncio
import contextlib
import os
import sys
import unittest
import wave
from pathlib import Path

from chromium import chromium, find
from double import Double, Script

SPEECH = ((300, 1500, 'And so my fellow Americans,'), (1800, 3400, 'ask not what your country can do for you.'))
READY = 'document.querySelector("#state").dataset.state === "ready"'
LIVE = 'document.querySelector("#state").dataset.state === "live"'
TROUBLE = 'document.querySelector("#state").dataset.state === "trouble"'
FINALS = '[...document.querySelectorAll(".finals .caption p")].map((p) => p.textContent)'
MESSAGE = 'document.querySelector("#message").hidden ? "" : document.querySelector("#message-text").textContent'
SOCKET_FAILED = 'WebSocket connection to'  # Chromium's own words, for any that does not open


def has_finals(number):
    return f'document.querySelectorAll(".finals .caption").length === {number}'


def recording(folder, seconds, rate=16000):
    path = Path(folder) / 'interview.wav'
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, rate, 0, 'NONE', ''))
        file.writeframes(bytes(int(rate * seconds) * 2))
    return path


class PageCase(unittest.IsolatedAsyncioTestCase):
    screenshots = '.'

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    @contextlib.asynccontextmanager
    async def opened(self, server=None, expected=(), size=(1280, 800), uri=None, **browser):
        """The page, before a server; every complaint of the browser has to begin with one of `expected`."""
        async with (server or Double(*SPEECH)).running() as self.server, chromium(**browser) as self.browser:
            page = await self.browser.page()
            await page.open(uri(self.server) if uri else self.server.uri, *size)
            yield page
            self.assertEqual([each for each in page.problems if not each.startswith(tuple(expected) or ('\0',))], [])
            self.assertEqual([each for each in page.requests if f':{self.server.port}/' not in each], [])

    async def picture(self, page, name):
        await page.screenshot(f'{self.screenshots}/{name}.png')


class Microphone(PageCase):
    async def test_captions_grow_and_become_final(self):
        async with self.opened() as page:
            await self.picture(page, 'welcome')
            # Whatever was shown as stable is looked for in all that follows.
            await page.run('''new MutationObserver(() => {
                const line = document.querySelector(".open .caption p");
                const stable = line?.firstChild.data ?? "";
                globalThis.seen = (globalThis.seen ?? []).concat(stable);
            }).observe(document.querySelector("#takes"), { subtree: true, childList: true, characterData: true })''')
            await page.click('#toggle')
            await page.until(LIVE)
            await page.until('document.querySelector(".open .caption .tail")?.textContent')
            await self.picture(page, 'live')
            await page.until(has_finals(2))
            await page.click('#toggle')
            await page.until(READY)
            self.assertEqual(await page.run(FINALS), [text for _, _, text in SPEECH])
            first = [text for text in await page.run('seen') if text and SPEECH[0][2].startswith(text)]
            self.assertGreater(len(set(first)), 1)
            self.assertEqual(first, sorted(first, key=len), 'what was stable went away')
            session, = self.server.sessions.values()
            self.assertTrue(session.ended)
            self.assertEqual(self.server.starts[0]['format'], 'pcm_s16le')
            self.assertNotEqual(session.audio.count(0), len(session.audio), 'the microphone is not silent')

    async def test_goes_on_where_it_was_when_the_connection_breaks_in_a_sentence(self):
        server = Double(*SPEECH)
        server.cuts = [60_000, 100_000, 230_000]
        async with self.opened(server, expected=[SOCKET_FAILED]) as page:
            await page.note(TROUBLE)
            await page.click('#toggle')
            await page.until('noted')
            await self.picture(page, 'reconnecting')
            await page.until(has_finals(2))
            await page.click('#toggle')
            await page.until(READY)
            self.assertEqual(await page.run(FINALS), [text for _, _, text in SPEECH])
            self.assertEqual(len(server.sessions), 1)
            self.assertEqual(len(server.resumes), 3)

    async def test_begins_anew_with_the_same_words_where_the_server_was_restarted(self):
        server = Double(SPEECH[0], (1800, 20_000, SPEECH[1][2]))
        server.scripts.append(Script((300, 1900, SPEECH[1][2])))
        async with self.opened(server, expected=[SOCKET_FAILED]) as page:
            await page.click('#toggle')
            await page.until(has_finals(1))
            await page.until('document.querySelector(".open .caption") !== null')
            await page.note(TROUBLE)
            server.sessions.clear()
            server.cuts = [0]
            await page.until('noted')
            await page.until(has_finals(2))
            await page.click('#toggle')
            await page.until(READY)
            self.assertEqual(await page.run(FINALS), [text for _, _, text in SPEECH])

    async def test_refused_is_explained(self):
        async with self.opened(allow=False) as page:
            await page.click('#toggle')
            await page.until(f'({MESSAGE}).includes("not allowed")')
            await page.until(READY)
            await self.picture(page, 'refused')

    async def test_can_be_cancelled_while_the_browser_asks_for_it(self):
        async with self.opened() as page:
            await page.run('navigator.mediaDevices.getUserMedia = () => new Promise((allow) => { globalThis.allow = allow; })')
            await page.click('#toggle')
            await page.until('globalThis.allow !== undefined')
            await page.click('#toggle')
            await page.until(READY)
            await page.run('''delete navigator.mediaDevices.getUserMedia;
                navigator.mediaDevices.getUserMedia({ audio: true }).then((late) => { globalThis.late = late; allow(late); })''')
            await page.until('late.getTracks().every((track) => track.readyState === "ended")')
            self.assertEqual(self.server.starts, [])

    async def test_needs_a_secure_page_and_says_so(self):
        rules = ['--host-resolver-rules=MAP speech.example 127.0.0.1']
        async with self.opened(uri=lambda server: f'http://speech.example:{server.port}/', arguments=rules) as page:
            page.requests.clear()
            await page.click('#toggle')
            await page.until(f'({MESSAGE}).includes("https")')
            await page.until(READY)


class Files(PageCase):
    async def test_dropped_are_read_with_progress(self):
        async with self.opened() as page:
            await page.run('''globalThis.seen = [];
                new MutationObserver(() => seen.push(document.querySelector("progress").value)).observe(
                    document.querySelector("#takes"), { subtree: true, attributes: true, attributeFilter: ["value"] })''')
            await page.drop(recording(self.browser.folder, 30))
            await page.until(f'{has_finals(2)} && {READY}')
            seen = await page.run('seen')
            self.assertEqual(seen, sorted(seen))
            self.assertGreater(len(set(seen)), 5, 'progress in steps')
            self.assertAlmostEqual(seen[-1], 1)
            session, = self.server.sessions.values()
            self.assertEqual(len(session.audio), 30 * 32000)
            self.assertEqual(await page.run('document.querySelector(".take h2").textContent'), 'interview.wav')
            self.assertEqual(await page.run('document.querySelector(".length").textContent'), '0:30')
            await self.picture(page, 'file')

    async def test_chosen_are_read(self):
        async with self.opened() as page:
            path = str(recording(self.browser.folder, 5))
            document = await page.call('DOM.getDocument')
            node = await page.call('DOM.querySelector', nodeId=document['root']['nodeId'], selector='#file')
            await page.call('DOM.setFileInputFiles', nodeId=node['nodeId'], files=[path, path])
            await page.until(f'{has_finals(4)} && {READY}')
            self.assertEqual(len(self.server.sessions), 2)

    async def test_that_no_browser_can_read_are_named(self):
        async with self.opened() as page:
            path = Path(self.browser.folder) / 'notes.txt'
            path.write_text('no audio')
            await page.drop(path)
            await page.until(f'({MESSAGE}).startsWith("notes.txt")')
            await page.until(READY)
            self.assertEqual(self.server.starts, [])

    async def test_that_fail_among_others_are_all_named(self):
        async with self.opened() as page:
            folder = Path(self.browser.folder)
            (folder / 'notes.txt').write_text('no audio')
            (folder / 'empty.wav').touch()
            (folder / 'photos').mkdir()
            await page.drop(folder / 'notes.txt', folder / 'empty.wav', folder / 'photos', recording(folder, 5))
            await page.until(f'{has_finals(2)} && {READY}')
            told = (await page.run(MESSAGE)).split('\n')
            self.assertEqual([line.split(' ')[0] for line in told], ['notes.txt', 'empty.wav', 'photos'])
            await self.picture(page, 'failures')

    async def test_that_wait_for_the_microphone_are_read_once_it_is_stopped(self):
        async with self.opened() as page:
            await page.click('#toggle')
            await page.until(f'{LIVE} && {has_finals(1)}')
            await page.drop(recording(self.browser.folder, 5))
            self.assertEqual(await page.until(MESSAGE), 'It is read next.')
            await page.click('#toggle')
            await page.until(f'document.querySelectorAll(".take").length === 2 && {READY}')
            self.assertEqual(await page.run('[...document.querySelectorAll(".length")].at(-1).textContent'), '0:05')
            self.assertEqual(await page.run(MESSAGE), '')

    async def test_that_break_off_say_so(self):
        async with self.opened() as page:
            self.server.break_off = {'code': 'engine_failed', 'message': 'it gave up'}
            await page.drop(recording(self.browser.folder, 5))
            self.assertTrue((await page.until(MESSAGE)).startswith('interview.wav: Recognition failed'))
            await page.until(READY)
            self.assertTrue((await page.run('document.querySelector(".length").textContent')).endswith(', broken off'))

    async def test_are_offered_as_text_and_subtitles(self):
        async with self.opened() as page:
            await page.drop(recording(self.browser.folder, 5))
            await page.until(f'{has_finals(2)} && {READY}')
            await self.browser.grant(self.server.uri, 'clipboardReadWrite', 'clipboardSanitizedWrite')
            await page.run('document.querySelector(".copy").click()')
            await page.until('document.querySelector(".copy").textContent === "Copied"')
            text = ''.join(f'{text}\n' for _, _, text in SPEECH)
            self.assertEqual(await page.run('navigator.clipboard.readText()'), text)
            expected = {
                'txt': text,
                'srt': '1\n00:00:00,300 --> 00:00:01,500\nAnd so my fellow Americans,\n\n'
                       '2\n00:00:01,800 --> 00:00:03,400\nask not what your country can do for you.\n\n',
                'vtt': 'WEBVTT\n\n00:00:00.300 --> 00:00:01.500\nAnd so my fellow Americans,\n\n'
                       '00:00:01.800 --> 00:00:03.400\nask not what your country can do for you.\n\n'}
            for kind, content in expected.items():
                await page.run(f'document.querySelector("[data-kind={kind}]").click()')
                file = Path(self.browser.folder) / f'interview.{kind}'
                while not file.exists():
                    await asyncio.sleep(0.02)
                self.assertEqual(file.read_text(), content)


class Trouble(PageCase):
    async def test_every_error_is_explained(self):
        codes = ('bad_json bad_state bad_field unsupported_format invalid_base64 bad_audio forbidden_origin model_not_found '
                 'too_many_sessions overloaded message_too_big idle_timeout session_limit resume_unknown resume_expired '
                 'engine_failed draining internal').split()
        async with self.opened() as page:
            path = recording(self.browser.folder, 1)
            told = {}
            for code in codes:
                self.server.refusal = {'code': code, 'message': 'rate must be high', 'retry_after_ms': 7000}
                await page.drop(path)
                told[code] = await page.until(MESSAGE)
                await page.until(READY)
                await page.click('#message-close')
                self.assertEqual(await page.run(MESSAGE), '')
            self.assertEqual(len(set(told.values())), len(codes), 'each has words of its own')
            self.assertIn('rate must be high', told['bad_field'])
            self.assertIn('in 7 seconds', told['overloaded'])
            self.assertEqual(await page.run('document.querySelectorAll(".take").length'), 0)

    async def test_a_server_that_is_full_says_when_to_come_again(self):
        async with self.opened(expected=[SOCKET_FAILED, 'Failed to load resource']) as page:
            self.server.full = 7
            await page.drop(recording(self.browser.folder, 1))
            self.assertIn('in 7 seconds', await page.until(MESSAGE))

    async def test_a_server_that_is_gone_is_said_to_be(self):
        async with self.opened(expected=[SOCKET_FAILED, 'Failed to load resource']) as page:
            path = recording(self.browser.folder, 1)
            self.server.vanish()
            await page.drop(path)
            self.assertIn('cannot be reached', await page.until(MESSAGE))

    async def test_a_token_is_asked_for_until_it_is_right(self):
        server = Double(*SPEECH)
        server.token = 'open-sesame'
        async with self.opened(server, expected=[SOCKET_FAILED, 'Failed to load resource']) as page:
            await page.until('document.querySelector("#token-dialog").open')
            await self.picture(page, 'token')
            for token in ('wrong', server.token):
                await page.type(token)
                await page.press('Enter', '\r')
                if token == 'wrong':
                    await page.until('!document.querySelector("#token-wrong").hidden')
            await page.until('!document.querySelector("#token-dialog").open')
            await page.drop(recording(self.browser.folder, 5))
            await page.until(f'{has_finals(2)} && {READY}')


class People(PageCase):
    async def test_a_keyboard_is_enough(self):
        async with self.opened() as page:
            await page.press(' ', ' ')
            await page.until(LIVE)
            await page.until(has_finals(1))
            await page.press(' ', ' ')
            await page.until(READY)
            reached = set()
            for _ in range(12):
                await page.press('Tab')
                reached.add(await page.run('document.activeElement.id || document.activeElement.textContent.trim()'))
            self.assertLessEqual({'choose', 'toggle', 'Copy', 'TXT', 'SRT', 'VTT'}, reached)
            await page.run('document.querySelector("#toggle").focus()')
            await page.press('Enter', '\r')
            await page.until(LIVE)
            self.assertEqual(await page.run('document.activeElement.id'), 'toggle', 'the focus stays')

    async def test_a_screen_reader_hears_finals_once_and_no_partials(self):
        async with self.opened() as page:
            await page.drop(recording(self.browser.folder, 5))
            await page.until(f'{has_finals(2)} && {READY}')
            nodes = (await page.call('Accessibility.getFullAXTree'))['nodes']
            named = {(node['role']['value'], node.get('name', {}).get('value')) for node in nodes if not node['ignored']}
            for control in (('button', 'Start'), ('button', 'Open a file'), ('button', 'Copy'), ('heading', 'Live captions')):
                self.assertIn(control, named)
            self.assertNotIn(('button', ''), named)
            self.assertEqual(await page.run('document.querySelector(".finals").getAttribute("aria-live")'), 'polite')
            self.assertEqual(await page.run('document.querySelector(".open").ariaHidden'), 'true')

    async def test_a_browser_that_keeps_nothing_will_do(self):
        async with self.opened() as page:
            await page.call('Page.addScriptToEvaluateOnNewDocument', source='''for (const name of ["localStorage", "sessionStorage"])
                Object.defineProperty(globalThis, name, { get() { throw new DOMException("denied", "SecurityError"); } });
                globalThis.fresh = true;''')
            await page.call('Page.reload')
            await page.until('globalThis.fresh && document.querySelector("#model").options.length === 1')
            await page.drop(recording(self.browser.folder, 5))
            await page.until(f'{has_finals(2)} && {READY}')
            self.assertEqual(await page.run(MESSAGE), '')

    async def test_a_model_can_be_chosen_and_is_remembered(self):
        server = Double(*SPEECH)
        server.models = ['moonshine-tiny', 'moonshine-base']
        async with self.opened(server) as page:
            await page.until('document.querySelector("#model").options.length === 2')
            await page.run('''(() => { const model = document.querySelector("#model"); model.value = "moonshine-base";
                model.dispatchEvent(new Event("change")); })()''')
            await page.run('globalThis.old = true')
            await page.call('Page.reload')
            await page.until('!globalThis.old && document.querySelector("#model").value === "moonshine-base"')
            await page.drop(recording(self.browser.folder, 1))
            await page.until('document.querySelector(".length")?.textContent')
            self.assertEqual(server.starts[0]['model'], 'moonshine-base')

    async def test_a_small_screen_shows_everything(self):
        long = Double(*[(i * 300, i * 300 + 250, f'Sentence {i} is said to somebody on the way.') for i in range(30)])
        long.models = ['moonshine-tiny', 'moonshine-base']
        async with self.opened(long) as page:
            await page.resize(360, 640, phone=True)
            await page.media(prefers_color_scheme='dark', prefers_reduced_motion='reduce')
            await self.picture(page, 'phone-welcome')
            await page.drop(recording(self.browser.folder, 10))
            await page.until(f'{has_finals(30)} && {READY}')
            await self.picture(page, 'phone')
            self.assertLessEqual(await page.run('document.documentElement.scrollWidth'), 360, 'nothing to scroll sideways')
            boxes = await page.run('''[...document.querySelectorAll("#toggle, #choose, #model")].map((e) => {
                const { left, right, bottom, height } = e.getBoundingClientRect(); return [left, right, bottom, height]; })''')
            for left, right, bottom, height in boxes:
                self.assertTrue(left >= 16 and right <= 344 and bottom <= 640 and height >= 44)
            last = await page.run('''(() => {
                const text = [...document.querySelectorAll(".caption")].at(-1).getBoundingClientRect().bottom;
                return document.querySelector(".dock").getBoundingClientRect().top - text; })()''')
            self.assertGreaterEqual(last, 0, 'the newest words are in sight')


if __name__ == '__main__':
    if find() is None:
        print('skipped: no chromium; script/bootstrap installs it')
        sys.exit(77)
    PageCase.screenshots = sys.argv.pop(1)
    os.makedirs(PageCase.screenshots, exist_ok=True)
    unittest.main()
