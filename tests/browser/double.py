"""A server of duplex.speech.v1 that a test has in its hand: it serves the page, hears what its script says at any audio,
and fails at exact points.
"""

import asyncio
import contextlib
import http
import json
import mimetypes
from pathlib import Path

import websockets

WEB = Path(__file__).parents[2] / 'apps/speech/web'
POLICY = "default-src 'self'; form-action 'none'; base-uri 'none'"
WIDTHS = {'pcm_s16le': 2, 'pcm_f32le': 4, 'pcm_mulaw': 1, 'pcm_alaw': 1}


class Script:
    """What is said: segments of (start_ms, end_ms, text). Partials come every 200 ms."""

    def __init__(self, *segments):
        self.segments = segments

    def between(self, before, now):
        """The events of the audio from `before` to `now`, in milliseconds; `now` is None at the end."""
        last = float('inf') if now is None else now
        for number, (start, end, text) in enumerate(self.segments):
            if before <= start < last and now is not None:
                yield {'type': 'speech_start', 'at_ms': start}
            words = text.split(' ')
            for time in range(start + 200, end, 200):
                if before <= time < last and now is not None:
                    count = max(1, len(words) * (time - start) // (end - start))
                    yield {'type': 'partial', 'seg': number, 'rev': (time - start) // 200,
                           'stable': ' '.join(words[:max(0, count - 2)]), 'text': ' '.join(words[:count]),
                           'start_ms': start, 'end_ms': time, 'lag_ms': 120}
            if before <= end < last and (now is not None or start < before):
                if now is not None:
                    yield {'type': 'speech_end', 'at_ms': end}
                yield {'type': 'final', 'seg': number, 'text': text, 'start_ms': start, 'end_ms': end, 'lang': 'en',
                       'reason': 'silence' if now is not None else 'stop'}


class Session:
    def __init__(self, name, start, script):
        self.name = name
        self.script = script
        self.bytes_per_ms = start.get('rate', 16000) * start.get('channels', 1) * WIDTHS.get(start['format'], 2) / 1000
        self.audio = b''
        self.events = []
        self.ended = False

    def add(self, event):
        self.events.append({**event, 'seq': len(self.events) + 1})

    def hear(self, audio):
        before = len(self.audio) / self.bytes_per_ms
        self.audio += audio
        for event in self.script.between(before, len(self.audio) / self.bytes_per_ms):
            self.add(event)
        self.add({'type': 'ack', 'received': len(self.audio), 'processed': len(self.audio), 'window_ms': 5000})

    def stop(self):
        heard = len(self.audio) / self.bytes_per_ms
        for event in self.script.between(heard, None):
            self.add(event)
        finals = [event['text'] for event in self.events if event['type'] == 'final']
        self.add({'type': 'done', 'audio_ms': round(heard), 'segments': len(finals), 'text': ' '.join(finals)})
        self.ended = True


class Double:
    """The server. What a test sets: `script`, of each session the next; `token`; `cuts`, numbers of bytes of audio after which
    a connection breaks; `refusal`, the fields of an error for every `start`; `break_off`, those of one after a final; `models`;
    `full`, a number of seconds. What it sees: `sessions`, `resumes`, `starts`.
    """

    def __init__(self, *segments):
        self.scripts = [Script(*segments)]
        self.token = None
        self.cuts = []
        self.refusal = None
        self.break_off = None
        self.full = None
        self.models = ['moonshine-tiny']
        self.sessions = {}
        self.resumes = []
        self.starts = []

    @contextlib.asynccontextmanager
    async def running(self, port=0):
        async with websockets.serve(self._serve, '127.0.0.1', port, process_request=self._answer, max_size=None,
                                    subprotocols=['duplex.speech.v1'], compression=None) as server:
            self._server = server
            self.port = server.sockets[0].getsockname()[1]
            self.uri = f'http://127.0.0.1:{self.port}/'
            yield self

    def vanish(self):
        """Nobody listens any more."""
        self._server.server.close()

    def _authorized(self, headers):
        offered = headers.get('Authorization', '') + headers.get('Sec-WebSocket-Protocol', '')
        return self.token is None or self.token in offered

    async def _answer(self, path, headers):
        if path in ('/v1/stream', '/v1/models') and not self._authorized(headers):
            return http.HTTPStatus.UNAUTHORIZED, [], b''
        if path in ('/v1/stream', '/v1/models') and self.full:
            return http.HTTPStatus.SERVICE_UNAVAILABLE, [('Retry-After', str(self.full))], b''
        if path == '/v1/stream':
            return None
        if path == '/v1/models':
            body = json.dumps({'models': [{'name': name} for name in self.models]}).encode()
            return http.HTTPStatus.OK, [('Content-Type', 'application/json')], body
        file = WEB / ('index.html' if path == '/' else path.lstrip('/'))
        if not file.is_file():
            return http.HTTPStatus.NOT_FOUND, [], b''
        kind = mimetypes.guess_type(file)[0]
        return http.HTTPStatus.OK, [('Content-Type', kind), ('Content-Security-Policy', POLICY)], file.read_bytes()

    async def _serve(self, socket, path):
        with contextlib.suppress(websockets.ConnectionClosed):
            session = await self._open(socket)
            if session:
                await self._stream(socket, session)

    async def _open(self, socket):
        message = json.loads(await socket.recv())
        if message['type'] == 'resume':
            self.resumes.append(message)
            session = self.sessions.get(message['session'])
            if session is None:
                return await self._refuse(socket, {'code': 'resume_unknown', 'message': 'no such session'}, 1008)
            await socket.send(json.dumps({'type': 'resumed', 'seq': message['last_seq'], 'received': len(session.audio),
                                          'replay_from_seq': message['last_seq'] + 1}))
            session.sent = message['last_seq']
            return session
        self.starts.append(message)
        if self.refusal:
            return await self._refuse(socket, self.refusal, 1008)
        name = f's{len(self.starts)}'
        session = Session(name, message, self.scripts[min(len(self.starts), len(self.scripts)) - 1])
        self.sessions[name] = session
        session.add({'type': 'started', 'session': name, 'resume_token': f'secret of {name}', 'effective': message,
                     'limits': {'window_ms': 5000, 'window_bytes': int(5000 * session.bytes_per_ms), 'max_msg': 1 << 20,
                                'idle_ms': 60000, 'max_session_ms': 3600000}})
        session.sent = 0
        return session

    async def _refuse(self, socket, error, code):
        await socket.send(json.dumps({'type': 'error', 'seq': 1, 'fatal': True, **error}))
        await socket.close(code, error['code'])

    async def _stream(self, socket, session):
        await self._send(socket, session)
        async for message in socket:
            if isinstance(message, bytes):
                session.hear(message)
                if self.break_off and any(event['type'] == 'final' for event in session.events):
                    await self._send(socket, session)
                    return await self._refuse(socket, {'seq': len(session.events) + 1, **self.break_off}, 1011)
                if self.cuts and len(session.audio) >= self.cuts[0]:
                    self.cuts.pop(0)
                    return socket.transport.abort()
            elif json.loads(message)['type'] == 'stop':
                session.stop()
            elif json.loads(message)['type'] == 'cancel':
                return
            await self._send(socket, session)
            if session.ended:
                return

    async def _send(self, socket, session):
        for event in session.events[session.sent:]:
            await socket.send(json.dumps(event))
        session.sent = len(session.events)
