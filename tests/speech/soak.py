#!/usr/bin/env python3
"""What months do to duplex-speech, in minutes: it is fed real speech, left at every moment, and watched.

Usage: soak.py DUPLEX_SPEECH WORK [--recordings DIR] [--growth MIB] [--size N]

    session   one session of N minutes, as fast as the server hears it
    cycles    N clients, twenty at a time, that leave without a word at any state of a session, resumed ones too
    kills     N times, a process at every state of a session that is killed (SIGKILL) there
    drain     N clients that speak, thrice as fast as time passes, while the server is told to end (SIGTERM)

Each prints what it saw, and fails where anything said has no final, more than one of twenty recordings no text, a session is
left, or memory grew: at the end the server may have no more than MIB above what it had after a tenth (--growth, 24: a segment
longer than all before may take as much; inf for any). The recordings are WAV files of 16 kHz mono.
"""

import argparse
import array
import asyncio
import collections
import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from speech_server import PATIENCE, Stream, get, serving

BYTES_PER_MS = 32


def check(holds, *what):
    if not holds:
        raise SystemExit(' '.join(['soak.py:', *map(str, what)]))


class Recording:
    """Audio, and where in it somebody speaks (ms): where 20 ms are louder than a tenth of the loudest."""

    def __init__(self, path):
        with wave.open(str(path)) as file:
            check(file.getparams()[:3] == (1, 2, 16000), path, 'is not 16 kHz mono audio of 16 bits')
            self.audio = file.readframes(file.getnframes())
        samples = array.array('h', self.audio)
        loudness = [sum(map(abs, samples[i:i + 320])) for i in range(0, len(samples) - 319, 320)]
        loud = [20 * i for i, it in enumerate(loudness) if it > max(loudness) / 10]
        self.begin, self.end = loud[0], loud[-1] + 20


class Figures:
    """What a server says of itself."""

    def __init__(self, server):
        self.server = server

    def __getitem__(self, name):
        return float(re.search(rf'^{name} (\S+)$', get(self.server, '/metrics'), re.MULTILINE)[1])

    def memory(self):
        return self['process_resident_memory_bytes'] / 2**20

    async def wait_until_empty(self):
        """What was to be resumed is kept for 30 s."""
        end = time.monotonic() + 2 * PATIENCE
        while self['duplex_speech_sessions'] or self['duplex_speech_connections']:
            check(time.monotonic() < end, 'sessions are left')
            await asyncio.sleep(0.1)


def check_growth(memory, limit):
    """Of the process, from its first tenth to its end."""
    tenths = [memory[min(len(memory) * i // 10, len(memory) - 1)] for i in range(1, 11)]
    print('MiB after each tenth:', *(f'{it:.1f}' for it in tenths), f'and {max(memory):.1f} at most')
    first, last = tenths[0], memory[-1]
    check(last - first <= limit, f'memory grew by {last - first:.1f} MiB')


async def session(server, recordings, minutes, growth):
    figures = Figures(server)
    memory, finals, spoken = [], [], []
    sent = processed = 0
    moved = asyncio.Condition()

    async def speak(stream, window):
        nonlocal sent
        for recording in iter(lambda: random.choice(recordings), None):
            spoken.append((sent // BYTES_PER_MS + recording.begin, sent // BYTES_PER_MS + recording.end))
            audio = recording.audio + bytes(1500 * BYTES_PER_MS)
            for i in range(0, len(audio), 100 * BYTES_PER_MS):
                async with moved:
                    await moved.wait_for(lambda: sent - processed <= window - 100 * BYTES_PER_MS)
                await stream.ws.send(audio[i:i + 100 * BYTES_PER_MS])
                sent += len(audio[i:i + 100 * BYTES_PER_MS])
            if sent >= minutes * 60_000 * BYTES_PER_MS:
                return await stream.say(type='stop')

    async with Stream(server) as stream:
        speaking = asyncio.create_task(speak(stream, (await stream.start())['limits']['window_bytes']))
        while (message := await stream.next('ack', 'final', 'done', 'error'))['type'] != 'done':
            check(message['type'] != 'error', message)
            if message['type'] == 'final':
                finals.append((message['start_ms'], message['end_ms'], message['text']))
                continue
            async with moved:
                processed = message['processed']
                moved.notify_all()
            if processed * 100 >= len(memory) * minutes * 60_000 * BYTES_PER_MS:
                memory.append(figures.memory())
        await speaking
    check(message['audio_ms'] == sent // BYTES_PER_MS, 'done tells of', message['audio_ms'], 'ms of', sent // BYTES_PER_MS)
    check(message['segments'] == len(finals), message['segments'], 'segments had', len(finals), 'finals')
    empty = 0
    for begin, end in spoken:
        texts = [text for first, last, text in finals if first < end and last > begin]
        check(texts, f'no final for {begin} to {end} ms')
        empty += not any(texts)
    check(empty <= len(spoken) / 20, empty, 'of', len(spoken), 'recordings had no text')
    await figures.wait_until_empty()
    memory.append(figures.memory())
    print(f'{sent // BYTES_PER_MS // 1000} s of audio, {len(spoken)} recordings, {len(finals)} finals, {empty} recordings without text')
    check_growth(memory, growth)


# What a client did before it leaves.
STATES = ('connected', 'started', 'speaking', 'heard', 'flushed', 'stopped', 'resumed')


async def live_until(server, state, recording, resume):
    """A client in that state, its connection open."""
    stream = Stream(server, compression=None, ping_interval=None)
    await stream.__aenter__()
    if state == 'connected':
        return stream
    started = await stream.start(resume=resume)
    if state == 'started':
        return stream
    begin = recording.begin * BYTES_PER_MS
    # What most models make a first partial of, and what may be cut in the middle of a message.
    length = 1500 if state != 'speaking' else random.randint(1, 1500)
    await stream.ws.send(recording.audio[begin:begin + length * BYTES_PER_MS])
    if state == 'heard':
        # Partials are given up where there is no time for them; a final comes in any case.
        with contextlib.suppress(asyncio.TimeoutError):
            await stream.next('partial', 'final', within=PATIENCE / 6)
            return stream
        await stream.say(type='flush')
        await stream.next('partial', 'final')
    elif state == 'flushed':
        await stream.say(type='flush')
    elif state == 'stopped':
        await stream.say(type='stop')
    elif state == 'resumed':
        leave(stream)
        stream = await live_until(server, 'connected', recording, resume)
        await stream.say(type='resume', session=started['session'], token=started['resume_token'], last_seq=0)
        await stream.next('resumed')
        await stream.ws.send(recording.audio[:640 * BYTES_PER_MS])
    return stream


def leave(stream):
    stream.ws.transport.abort()


async def cycles(server, recordings, count, growth):
    figures = Figures(server)
    memory, begun, slots = [], collections.Counter(), asyncio.Semaphore(20)
    await goes_on(server, recordings[0])

    async def one():
        async with slots:
            state = random.choice(STATES)
            stream = await live_until(server, state, random.choice(recordings), state == 'resumed' or random.random() < 0.5)
            if state != 'connected' and random.random() < 0.3:
                with contextlib.suppress(asyncio.TimeoutError, ConnectionClosed):
                    await asyncio.wait_for(stream.ws.recv(), random.random())
            leave(stream)
            begun[state] += 1

    for part in range(20):
        await asyncio.gather(*(one() for _ in range(count * part // 20, count * (part + 1) // 20)))
        memory.append(figures.memory())
        print(f'{memory[-1]:8.1f} MiB, {figures["duplex_speech_sessions"]:.0f} sessions', flush=True)
    await goes_on(server, recordings[0])
    await figures.wait_until_empty()
    memory.append(figures.memory())
    print(*(f'{state} {begun[state]},' for state in STATES), f'finals {figures["duplex_speech_finals_total"]:.0f}')
    check_growth(memory, growth)


async def goes_on(server, recording):
    """That somebody is heard as ever."""
    async with Stream(server) as stream:
        await stream.start()
        await stream.ws.send(recording.audio[:10_000 * BYTES_PER_MS])
        await stream.say(type='stop')
        check((await stream.next('done'))['text'], 'a client was not heard')


async def kills(server, recordings, rounds, growth):
    figures = Figures(server)
    await goes_on(server, recordings[0])
    memory = [figures.memory()]
    for _ in range(rounds):
        clients = {state: subprocess.Popen([sys.executable, '-B', *sys.argv, f'--client={server.port},{state}'],
                                           stdout=subprocess.PIPE, text=True) for state in STATES}
        for state, client in clients.items():
            check(client.stdout.readline() == f'{state}\n', 'a client did not get to be', state)
            client.kill()
            client.communicate()
        await goes_on(server, recordings[0])
        memory.append(figures.memory())
    await figures.wait_until_empty()
    memory.append(figures.memory())
    print(f'{rounds} clients killed at each of:', *STATES)
    check_growth(memory, growth)


async def be_killed(port, state, recording):
    stream = await live_until(argparse.Namespace(port=int(port)), state, recording, state == 'resumed')
    print(state, flush=True)
    while state == 'speaking':
        await stream.ws.send(recording.audio[:100 * BYTES_PER_MS])
        await asyncio.sleep(0.01)
    await asyncio.sleep(PATIENCE)


class Speaker:
    """Somebody who speaks until the server ends."""

    def __init__(self, server, recording):
        self.stream, self.recording = Stream(server), recording
        self.heard, self.sent, self.arrived = asyncio.Event(), 0, 0
        self.events = collections.defaultdict(list)

    async def run(self):
        async with self.stream as stream:
            window = (await stream.start())['limits']['window_bytes']
            speaking = asyncio.create_task(self.speak(window))
            with contextlib.suppress(ConnectionClosed):
                while True:
                    event = json.loads(await asyncio.wait_for(stream.ws.recv(), 5 * PATIENCE))
                    self.events[event['type']].append(event)
                    if event['type'] == 'ack':
                        self.heard.set()
            speaking.cancel()

    async def speak(self, window):
        audio = self.recording.audio + bytes(1500 * BYTES_PER_MS)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(0.033)
                if self.sent < window + (self.events['ack'] or [{'processed': 0}])[-1]['processed']:
                    at = self.sent % len(audio)
                    await self.stream.ws.send(audio[at:at + 100 * BYTES_PER_MS])
                    self.sent += len(audio[at:at + 100 * BYTES_PER_MS])

    async def arrive(self):
        """What was sent so far has arrived."""
        sent = self.sent
        await (await self.stream.ws.ping())
        self.arrived = sent

    def check(self):
        check(self.stream.ws.close_code == 1012, 'closed with', self.stream.ws.close_code)
        check([it['code'] for it in self.events['error']] == ['draining'], self.events['error'])
        last = self.events['ack'][-1]
        check(last['processed'] == last['received'] >= self.arrived, 'of', self.arrived, 'bytes:', last)
        finals = self.events['final']
        check([it['seg'] for it in finals] == list(range(len(finals))), 'finals of', [it['seg'] for it in finals])
        check({it['seg'] for it in self.events['partial']} <= {it['seg'] for it in finals}, 'a segment without a final')
        check(len(self.events['speech_start']) <= len(finals), 'speech without a final')
        # Every recording of which a second was said, in whatever number of finals.
        round_ms, end = len(self.recording.audio) / BYTES_PER_MS + 1500, last['received'] / BYTES_PER_MS
        for number in range(int(end // round_ms) + 1):
            first, until = (min(number * round_ms + it, end) for it in (self.recording.begin, self.recording.end))
            ends = [it['end_ms'] for it in finals if it['end_ms'] > first and it['start_ms'] < until]
            check(until - first < 1000 or (ends and ends[-1] > until - 1000), f'no final for {first} to {until} ms: {finals}')
        return len(finals)


async def drain(server, recordings, count, _):
    speakers = [Speaker(server, random.choice(recordings)) for _ in range(count)]
    running = asyncio.gather(*(it.run() for it in speakers))
    await asyncio.gather(*(asyncio.wait_for(it.heard.wait(), 5 * PATIENCE) for it in speakers))
    await asyncio.gather(*(it.arrive() for it in speakers))
    server.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    await running
    finals = sum(it.check() for it in speakers)
    check(server.wait(PATIENCE) == 0, 'the server ended with', server.returncode)
    print(f'{count} clients had {finals} finals, the last within {time.monotonic() - begin:.1f} s')


def main():
    works = {'session': (session, 60), 'cycles': (cycles, 10_000), 'kills': (kills, 20), 'drain': (drain, 16)}
    parser = argparse.ArgumentParser()
    parser.add_argument('server')
    parser.add_argument('work', choices=works)
    parser.add_argument('--recordings', type=Path, required=True)
    parser.add_argument('--growth', type=float, default=24)
    parser.add_argument('--size', type=float)
    parser.add_argument('--client', help=argparse.SUPPRESS)
    given = parser.parse_args()
    recordings = [Recording(file) for file in sorted(given.recordings.rglob('*.wav'))]
    check(recordings, 'no recordings in', given.recordings)
    if given.client:
        return asyncio.run(be_killed(*given.client.split(','), recordings[0]))
    work, size = works[given.work]
    # So many sessions wait to be resumed, too, and are waiting before a tenth of the cycles is over.
    with serving('--max-sessions', '50', '--drain-timeout', '300') as server:
        for lines in (server.stdout, server.stderr):  # a server that waits for its reader would be another test
            threading.Thread(target=collections.deque, args=(lines, 0), daemon=True).start()
        asyncio.run(work(server, recordings, type(size)(given.size or size), given.growth))


if __name__ == '__main__':
    main()
