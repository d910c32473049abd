"""Chromium without a window, driven by the DevTools protocol: what a page does, and what it should not do."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile

import websockets

PATIENCE = 60  # seconds for a condition to come true


def find():
    """The program, or None."""
    return shutil.which('chromium')


class Page:
    """A tab. What it complains of is in `problems`, the addresses it asks for in `requests`."""

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session
        self.problems = []
        self.requests = []

    async def call(self, method, **params):
        return await self._browser.call(method, params, self._session)

    async def open(self, uri, width=1280, height=800):
        for domain in ('Page', 'Runtime', 'Log', 'Network', 'DOM'):
            await self.call(f'{domain}.enable')
        await self.resize(width, height)
        await self.call('Page.navigate', url=uri)
        await self.until('document.readyState === "complete"')

    async def resize(self, width, height, phone=False):
        await self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                        deviceScaleFactor=2 if phone else 1, mobile=phone)
        await self.call('Emulation.setTouchEmulationEnabled', enabled=phone)

    async def media(self, **features):
        """Such as prefers_color_scheme='dark'."""
        await self.call('Emulation.setEmulatedMedia', features=[
            {'name': name.replace('_', '-'), 'value': value} for name, value in features.items()])

    async def run(self, expression):
        """The value of an expression, a promise's too."""
        reply = await self.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True,
                                userGesture=True)
        if 'exceptionDetails' in reply:
            raise RuntimeError(f'{expression}: {reply["exceptionDetails"]["exception"].get("description")}')
        return reply['result'].get('value')

    async def until(self, expression, patience=PATIENCE):
        """Waits for an expression to have a value that is true; gives it."""
        async def look():
            while True:
                with contextlib.suppress(RuntimeError):  # the page may be on its way to another one
                    if value := await self.run(expression):
                        return value
                await asyncio.sleep(0.02)
        try:
            return await asyncio.wait_for(look(), patience)
        except asyncio.TimeoutError:
            state = await self.run('document.body.innerText')
            raise AssertionError(f'not within {patience} s: {expression}; the page says:\n{state}\n'
                                 f'problems: {self.problems}') from None

    async def note(self, expression):
        """Has the page note once an expression is true, for however short a time: then `noted` is."""
        await self.run(f'''globalThis.noted = false; new MutationObserver(() => {{ noted ||= {expression}; }})
            .observe(document, {{ subtree: true, attributes: true }})''')

    async def click(self, selector):
        """Where a finger would: the middle of an element that is in sight."""
        x, y = await self.run(f'''(() => {{
            const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()''')
        for kind in ('mousePressed', 'mouseReleased'):
            await self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    async def press(self, key, text=None):
        """A key by its name in events, such as Tab; `text` is what it types."""
        code = {'Tab': 9, 'Enter': 13, 'Escape': 27, ' ': 32}.get(key, ord(key[0].upper()))
        text = {'text': text} if text else {}
        await self.call('Input.dispatchKeyEvent', type='keyDown', key=key, windowsVirtualKeyCode=code, **text)
        await self.call('Input.dispatchKeyEvent', type='keyUp', key=key, windowsVirtualKeyCode=code)

    async def type(self, text):
        await self.call('Input.insertText', text=text)

    async def drop(self, *paths):
        """Drags files from outside to the middle of the page."""
        x, y = await self.run('[innerWidth / 2, innerHeight / 3]')
        data = {'items': [], 'files': [str(path) for path in paths], 'dragOperationsMask': 1}
        for kind in ('dragEnter', 'dragOver', 'drop'):
            await self.call('Input.dispatchDragEvent', type=kind, x=x, y=y, data=data)

    async def screenshot(self, path):
        reply = await self.call('Page.captureScreenshot', format='png')
        with open(path, 'wb') as file:
            file.write(base64.b64decode(reply['data']))

    def _event(self, method, params):
        if method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
            self.problems.append(' '.join(str(each.get('value', each.get('description'))) for each in params['args']))
        elif method == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.problems.append(details.get('exception', {}).get('description') or details['text'])
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            self.problems.append(f'{params["entry"]["text"]} {params["entry"].get("url", "")}')
        elif method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'])
        elif method == 'Network.webSocketCreated':
            self.requests.append(params['url'])


class Browser:
    def __init__(self, socket, folder):
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies = {}
        self._pages = {}
        self.folder = folder
        self._reader = asyncio.create_task(self._read())

    async def call(self, method, params=None, session=None):
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        message = {'id': number, 'method': method, 'params': params or {}}
        await self._socket.send(json.dumps({**message, 'sessionId': session} if session else message))
        message = await asyncio.wait_for(reply, PATIENCE)
        if 'error' in message:
            raise RuntimeError(f'{method}: {message["error"]["message"]}')
        return message['result']

    async def page(self):
        target = (await self.call('Target.createTarget', {'url': 'about:blank'}))['targetId']
        session = (await self.call('Target.attachToTarget', {'targetId': target, 'flatten': True}))['sessionId']
        page = self._pages[session] = Page(self, session)
        await self.call('Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': self.folder})
        return page

    async def grant(self, origin, *permissions):
        await self.call('Browser.grantPermissions', {'origin': origin, 'permissions': permissions})

    async def _read(self):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if 'id' in message:
                    self._replies.pop(message['id']).set_result(message)
                elif page := self._pages.get(message.get('sessionId')):
                    page._event(message['method'], message['params'])


@contextlib.asynccontextmanager
async def chromium(microphone=None, allow=True, arguments=()):
    """A browser whose microphone plays a WAV file once, or beeps, or is refused."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [find(), '--headless', '--remote-debugging-port=0', f'--user-data-dir={folder}/profile', '--no-first-run',
                   '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars', '--lang=en-GB',
                   '--disable-background-networking', '--disable-component-update', '--disable-sync',
                   '--use-fake-device-for-media-stream', *arguments]
        if os.geteuid() == 0:
            command.append('--no-sandbox')
        if allow:
            command.append('--use-fake-ui-for-media-stream')
        else:
            command.append('--deny-permission-prompts')
        if microphone:
            command.append(f'--use-file-for-fake-audio-capture={microphone}%noloop')
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            async with websockets.connect(await _address(f'{folder}/profile/DevToolsActivePort', process),
                                          max_size=None, ping_interval=None) as socket:
                yield Browser(socket, folder)
        finally:
            process.terminate()
            process.wait(PATIENCE)


# The browser writes where it listens into a file.
async def _address(file, process):
    for _ in range(PATIENCE * 20):
        with contextlib.suppress(FileNotFoundError):
            with open(file, encoding='ascii') as lines:
                port, _, path = lines.read().partition('\n')
                if path:
                    return f'ws://127.0.0.1:{port}{path.strip()}'
        if process.poll() is not None:
            break
        await asyncio.sleep(0.05)
    raise RuntimeError(f'chromium ended with {process.poll()} before it could be driven')
