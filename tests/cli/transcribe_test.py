#!/usr/bin/env python3
"""`duplex transcribe` with the sample recording and the smallest model, in pipes and at a pseudo-terminal.

Usage: transcribe_test.py DUPLEX DATA [unittest's arguments]
"""

import contextlib
import fcntl
import html
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import warnings
import wave
from pathlib import Path

from terminal import Terminal

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    import audioop
    import sunau

PATIENCE = 120

duplex, data = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
SAMPLE = data / 'samples' / 'jfk.wav'  # 11 s, 16 kHz, mono, 16 bits
SAID = 'and so my fellow americans ask not what your country can do for you ask what you can do for your country'
RATE = 16000

with wave.open(str(SAMPLE)) as sample:
    SPEECH = sample.readframes(sample.getnframes())
SILENCE = bytes(2 * 3 * RATE)


def beginning(milliseconds):
    """That of the sample's file, which promises 11 s."""
    file = SAMPLE.read_bytes()
    return file[:len(file) - (11000 - milliseconds) * 2 * RATE // 1000]


def words(text):
    return ' '.join(re.findall(r"[\w']+", text.lower()))


def transcribe(*arguments, **options):
    return subprocess.run([duplex, 'transcribe', *map(str, arguments)], capture_output=True, timeout=PATIENCE, **options)


def start(*arguments):
    return subprocess.Popen([duplex, 'transcribe', *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def is_idle(process):
    """Whether no thread of it runs: ThreadSanitizer may lose a signal that comes while one begins to wait."""
    threads = Path(f'/proc/{process.pid}/task').iterdir()
    return all(re.search(r'^State:\s*S', (thread / 'status').read_text(), re.M) for thread in threads)


def write_wav(path, audio, rate=RATE):
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, rate, 0, 'NONE', ''))
        file.writeframes(audio)
    return path


def milliseconds(clock):
    hours, minutes, seconds, fraction = map(int, re.split('[:.,]', clock))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction


def cues(blocks):
    """The times and lines of subtitles, after a look at their syntax."""
    found, now = [], 0
    for block in blocks:
        timing, *lines = block.split('\n')
        begin, end = map(milliseconds, re.fullmatch(r'(\d\d:\d\d:\d\d[.,]\d{3}) --> (\d\d:\d\d:\d\d[.,]\d{3})',
                                                    timing).groups())
        assert now <= begin <= end, timing
        assert 1 <= len(lines) <= 2 and all(0 < len(line) <= 42 for line in lines), lines
        found.append((begin, end, ' '.join(lines)))
        now = end
    return found


def parse_srt(text):
    """As SubRip's own format has it: number, times, lines, an empty line."""
    blocks = text.removesuffix('\n\n').split('\n\n')
    numbers, rest = zip(*(block.split('\n', 1) for block in blocks))
    assert list(numbers) == [str(i + 1) for i in range(len(blocks))], numbers
    assert '.' not in ''.join(re.findall('.* --> .*', text)), text
    return cues(rest)


def parse_vtt(text):
    """As W3C's WebVTT has it."""
    head, *blocks = text.removesuffix('\n\n').split('\n\n')
    assert head == 'WEBVTT', head
    assert ',' not in ''.join(re.findall('.* --> .*', text)), text
    return [(begin, end, html.unescape(line)) for begin, end, line in cues(blocks)]


class Case(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, audio=SPEECH, rate=RATE):
        return write_wav(self.folder / name, audio, rate)

    def check(self, ran, status, stdout, stderr=''):
        self.assertEqual((ran.returncode, ran.stdout.decode(), ran.stderr.decode()), (status, stdout, stderr))


class Files(Case):

    def test_text_alone_is_printed_in_a_pipe(self):
        ran = transcribe(SAMPLE)
        self.assertEqual((words(ran.stdout.decode()), ran.stderr, ran.returncode), (SAID, b'', 0))

    def test_json_is_one_line_with_times(self):
        ran = transcribe(SAMPLE, '--output', 'json')
        self.assertEqual(ran.stdout.count(b'\n'), 1)
        found = json.loads(ran.stdout)
        self.assertEqual(words(found['text']), SAID)
        self.assertEqual((found['file'], found['model'], found['lang'], found['duration_ms'], found['complete']),
                         (str(SAMPLE), 'moonshine-tiny', 'en', 11000, True))
        self.assertEqual(' '.join(segment['text'] for segment in found['segments']), found['text'])
        for segment in found['segments']:
            self.assertLess(segment['start_ms'], segment['end_ms'])
            self.assertLessEqual(segment['end_ms'], 11000)

    def test_subtitles_are_lines_in_their_times(self):
        recording = self.file('long.wav', (SPEECH + SILENCE) * 3)
        for form, parse in ('srt', parse_srt), ('vtt', parse_vtt):
            ran = transcribe(recording, '--output', form)
            found = parse(ran.stdout.decode())
            self.assertEqual(words(' '.join(text for _, _, text in found)), ' '.join([SAID] * 3))
            for begin, end, text in found:
                self.assertLess(len(text) / (end - begin) * 1000, 25, text)  # letters a second
            for i in range(3):  # each time it is said when it is
                self.assertTrue(any(abs(begin - i * 14000) < 1500 for begin, _, _ in found), found)

    def test_several_come_in_their_order_under_their_names(self):
        names = [self.file(f'{name}.wav', (SPEECH + SILENCE) * times) for name, times in (('b', 3), ('a', 1), ('c', 1))]
        ran = transcribe(*names, '--jobs', 3)
        self.assertEqual((ran.returncode, ran.stderr), (0, b''))
        parts = re.split('==> (.+) <==\n', ran.stdout.decode())
        self.assertEqual(parts[1::2], list(map(str, names)))
        self.assertEqual([words(text) for text in parts[2::2]], [' '.join([SAID] * 3), SAID, SAID])

    def test_pattern_means_its_files(self):
        for name in 'b.wav', 'a.wav', 'other.ogg':
            self.file(name, SILENCE)
        ran = transcribe('*.wav', '--output', 'json', cwd=self.folder)
        self.assertEqual([json.loads(line)['file'] for line in ran.stdout.splitlines()], ['a.wav', 'b.wav'])

    def test_one_that_fails_is_said_and_the_others_go_on(self):
        good, bad = self.file('good.wav'), self.folder / 'bad.wav'
        bad.write_bytes(b'hello')
        ran = transcribe(bad, 'none.wav', 'x*.wav', self.folder, good)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(words(ran.stdout.decode().split('<==')[1]), SAID)
        self.assertEqual(ran.stderr.decode().splitlines(), [
            f'duplex: {bad}: not an audio file that can be read: Format not recognised',
            'duplex: none.wav: cannot be read: No such file or directory',
            'duplex: x*.wav: cannot be read: No such file or directory',
            f'duplex: {self.folder}: cannot be read: Is a directory'])

    def test_silence_is_no_text(self):
        recording = self.file('silence.wav', SILENCE)
        note = f'duplex: {recording}: no speech was heard\n'
        self.check(transcribe(recording), 0, '', note)
        self.check(transcribe(recording, '--output', 'vtt'), 0, 'WEBVTT\n\n', note)
        self.check(transcribe(recording, '--output', 'srt'), 0, '', note)
        found = json.loads(transcribe(recording, '--output', 'json').stdout)
        self.assertEqual((found['segments'], found['complete']), ([], True))

    def test_recording_that_was_cut_off_is_said_to_be(self):
        cut = self.folder / 'cut.wav'
        note = f'duplex: {cut}: is cut off: its header promises 11.0 s, and 3.0 s are there\n'
        for milliseconds, told, complete in (3000, note, False), (10950, '', True), (11000, '', True):
            cut.write_bytes(beginning(milliseconds))
            ran = transcribe(cut, '--output', 'json')
            found = json.loads(ran.stdout)
            self.assertTrue(found['text'].startswith('And so'))
            self.assertEqual((ran.returncode, ran.stderr.decode(), found['complete']), (0, told, complete))

    def test_raw_audio_is_what_the_options_say(self):
        recording = self.folder / 'call.ul'
        recording.write_bytes(audioop.lin2ulaw(audioop.ratecv(SPEECH, 2, 1, RATE, 48000, None)[0], 2))
        ran = transcribe(recording, '--format', 'pcm_mulaw', '--rate', 48000)
        self.assertIn('what you can do for your country', words(ran.stdout.decode()))
        recording.write_bytes(audioop.tostereo(SPEECH, 2, 1, 1))
        self.assertEqual(words(transcribe(recording, '--format', 'pcm_s16le', '--channels', 2).stdout.decode()), SAID)

    def test_named_pipe_is_read_to_its_end(self):
        fifo = self.folder / 'fifo'
        os.mkfifo(fifo)
        process = start(fifo)
        fifo.write_bytes(SAMPLE.read_bytes())
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self.assertEqual((words(stdout.decode()), stderr), (SAID, b''))

    def test_named_pipe_that_nobody_ends_can_be_interrupted(self):
        fifo = self.folder / 'fifo'
        os.mkfifo(fifo)
        process = start(fifo)
        with open(fifo, 'wb', buffering=0) as recording:
            recording.write(b'RIFF')
            while any(fcntl.ioctl(recording, termios.FIONREAD, bytes(4))) or not is_idle(process):
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, stdout, stderr), (1, b'', b'duplex: 1 more were not begun\n'))

    def test_pipe_without_end_is_refused(self):
        self.check(transcribe('/dev/zero'), 1, '', 'duplex: /dev/zero: more than 1 GiB through a pipe: save it as a file first\n')

    def test_recording_that_is_cut_meanwhile_is_a_failure_of_its_own(self):
        cut = self.file('cut.wav', (SPEECH + SILENCE) * 60)
        process = start(cut, self.file('next.wav'), '--jobs', 1)
        lines = [process.stdout.readline() for _ in range(2)]
        os.truncate(cut, 100)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self.assertRegex(words(lines[1].decode()), '^and so my fellow americans')
        self.assertEqual((process.returncode, stderr.decode()), (1, f'duplex: {cut}: was cut while it was read\n'))
        self.assertTrue(words(stdout.decode()).endswith(SAID))

    def test_strange_names_are_told_on_one_line(self):
        long, strange = 'a' * 300, 'a\nduplex: b.wav: \x1b[31mfine'
        (self.folder / strange).write_bytes(b'hello')
        (self.folder / 'loop').symlink_to('loop')
        good = self.file('good.wav', SILENCE)
        self.check(transcribe(long, strange, 'loop', good, cwd=self.folder), 1, '', (
            f'duplex: {long}: cannot be read: File name too long\n'
            'duplex: a\\nduplex: b.wav: \\x1b[31mfine: not an audio file that can be read: Format not recognised\n'
            'duplex: loop: cannot be read: Too many levels of symbolic links\n'
            f'duplex: {good}: no speech was heard\n'))

    def test_transcripts_are_saved_beside_recordings(self):
        first, second = self.file('first.take.wav'), self.file('second.wav', SILENCE)
        ran = transcribe(first, second, '--save', '--output', 'srt')
        saved = [self.folder / 'first.take.srt', self.folder / 'second.srt']
        self.check(ran, 0, ''.join(f'{path}\n' for path in saved), f'duplex: {second}: no speech was heard\n')
        self.assertEqual(words(' '.join(text for _, _, text in parse_srt(saved[0].read_text()))), SAID)
        self.assertEqual(saved[1].read_text(), '')

    def test_transcripts_are_saved_where_it_is_said(self):
        ran = transcribe(SAMPLE, '--save-to', self.folder)
        self.check(ran, 0, f'{self.folder}/jfk.txt\n')
        self.assertEqual(words((self.folder / 'jfk.txt').read_text()), SAID)

    def test_transcript_that_cannot_be_saved_after_all_is_printed(self):
        fifo, place = self.folder / 'fifo', self.folder / 'place'
        os.mkfifo(fifo)
        place.mkdir()
        process = start(fifo, '--save-to', place)
        with open(fifo, 'wb') as recording:  # it has been opened
            place.rmdir()
            recording.write(SAMPLE.read_bytes())
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, words(stdout.decode())), (1, SAID))
        self.assertEqual(stderr.decode(), f'duplex: {fifo}: cannot write {place}/fifo.txt: No such file or directory\n')

    def test_output_that_cannot_be_written_is_a_failure(self):
        with open('/dev/full', 'wb') as full:
            ran = subprocess.run([duplex, 'transcribe', SAMPLE], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual((ran.returncode, ran.stderr), (1, b'duplex: cannot write the output: No space left on device\n'))

    def test_interruption_keeps_what_was_done(self):
        recording = self.file('hours.wav', (SPEECH + SILENCE) * 60)
        process = start(recording, self.file('next.wav'), '--jobs', 1)
        with contextlib.closing(process.stdout):
            lines = [process.stdout.readline() for _ in range(3)]
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
        self.assertEqual(lines[0].decode(), f'==> {recording} <==\n')
        self.assertRegex(words(lines[1].decode()), '^and so my fellow americans')
        self.assertEqual(process.returncode, 1)
        self.assertRegex(stderr.decode(), rf'^duplex: {recording}: interrupted after \d+:\d\d\n'
                                          r'duplex: 1 more were not begun\n$')

    def test_interrupted_transcript_is_saved(self):
        # Some of the second must have been transcribed, which takes a sanitizer's build longer.
        for processor_time in (2, 10, 50, 250):  # seconds
            stdout, status = self.interrupt_second_after(processor_time)
            found = json.loads((self.folder / 'hours.json').read_text()) if stdout else {'text': ''}
            if found['text']:
                break
        self.assertEqual((stdout, status), (f'{self.folder}/hours.json\n', 1))
        self.assertFalse(found['complete'])
        self.assertIn('fellow Americans', found['text'])

    def interrupt_second_after(self, seconds):
        process = start(self.file('short.wav', SILENCE), self.file('hours.wav', (SPEECH + SILENCE) * 60), '--jobs', 1,
                        '--output', 'json', '--save')
        self.assertEqual(process.stdout.readline().decode(), f'{self.folder}/short.json\n')
        ticks = seconds * os.sysconf('SC_CLK_TCK')
        while int(Path(f'/proc/{process.pid}/stat').read_text().split()[13]) < ticks:
            self.assertIsNone(process.poll())
            time.sleep(0.01)  # the processor is the transcriber's
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=PATIENCE)
        return stdout.decode(), process.returncode


class Input(Case):

    def test_wav_and_raw_audio_are_transcribed(self):
        header = SAMPLE.read_bytes()[:44]
        for audio, options in (
                (SAMPLE.read_bytes(), ()),
                (SPEECH, ()),
                (header[:4] + b'\xff' * 4 + header[8:36] + b'data\xff\xff\xff\xff' + SPEECH, ()),
                (audioop.ratecv(SPEECH, 2, 1, RATE, 48000, None)[0], ('--rate', 48000)),
                (struct.pack(f'<{len(SPEECH) // 2}f', *(s / 32768 for s, in struct.iter_unpack('<h', SPEECH))),
                 ('--format', 'pcm_f32le'))):
            ran = transcribe('-', *options, input=audio)
            self.assertEqual((words(ran.stdout.decode()), ran.stderr, ran.returncode), (SAID, b'', 0), options)

    def test_other_files_are_read_whole(self):
        path = self.folder / 'speech.au'
        with sunau.open(str(path), 'w') as file:
            file.setparams((1, 2, RATE, 0, 'NONE', ''))
            file.writeframes(audioop.byteswap(SPEECH, 2))
        ran = transcribe('-', '--output', 'json', input=path.read_bytes())
        found = json.loads(ran.stdout)
        self.assertEqual((words(found['text']), found['file'], ran.returncode), (SAID, '-', 0))

    def test_subtitles_come_at_the_end(self):
        ran = transcribe('-', '--output', 'srt', input=SPEECH)
        self.assertEqual(words(' '.join(text for _, _, text in parse_srt(ran.stdout.decode()))), SAID)

    def test_segment_is_printed_once_it_was_said(self):
        process = start('-')
        process.stdin.write(SPEECH + SILENCE)
        process.stdin.flush()
        self.assertIn('can do for your country', words(process.stdout.readline().decode()))  # the input is open
        process.stdin.write(SPEECH)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self.assertEqual((words(stdout.decode()), stderr, process.returncode), (SAID, b'', 0))

    def test_interruption_ends_the_input_and_loses_nothing(self):
        process = start('-')
        process.stdin.write(SPEECH + SILENCE + SPEECH[:RATE * 2 * 10])
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stdout = process.stdout.read()
        self.assertEqual(process.wait(PATIENCE), 0)
        for end in process.stdin, process.stdout, process.stderr:
            end.close()
        self.assertTrue(SAID.startswith(words(stdout.decode())[:30]))

    def test_what_is_cut_off_or_has_no_speech_is_said(self):
        ran = transcribe('-', input=beginning(3000))
        self.assertIn('fellow americans', words(ran.stdout.decode()))
        told = 'duplex: -: is cut off: its header promises 11.0 s, and 3.0 s are there\n'
        self.assertEqual((ran.returncode, ran.stderr.decode()), (0, told))
        self.assertFalse(json.loads(transcribe('-', '--output', 'json', input=beginning(3000)).stdout)['complete'])
        self.check(transcribe('-', input=beginning(100)), 0, '', (
            'duplex: -: is cut off: its header promises 11.0 s, and 0.1 s are there; no speech was heard\n'))
        self.check(transcribe('-', input=SILENCE), 0, '', 'duplex: -: no speech was heard\n')

    def test_closed_input_is_said_to_be(self):
        ran = subprocess.run(['sh', '-c', 'exec "$0" transcribe - <&-', duplex], capture_output=True, timeout=PATIENCE)
        self.check(ran, 1, '', 'duplex: cannot read standard input: Bad file descriptor\n')

    def test_what_is_no_audio_is_refused(self):
        self.check(transcribe('-', input=b''), 1, '', 'duplex: no audio on standard input\n')
        self.check(transcribe('-', input=b'RIFF1234WAVEdata1234' + SPEECH), 1, '', 'duplex: WAV header without a format\n')
        ran = transcribe('-', input=b'\x1a\x45\xdf\xa3' + bytes(100))
        self.check(ran, 1, '', 'duplex: -: not an audio file that can be read: Format not recognised\n')


class Screen(Case):

    def test_what_is_being_said_is_shown_until_it_was_said(self):
        fifo = self.folder / 'fifo'
        os.mkfifo(fifo)
        with Terminal('sh', '-c', f'cat {fifo} | {duplex} transcribe -', columns=200) as terminal:
            with open(fifo, 'wb', buffering=0) as microphone:
                # Past the first words, and no further: it is shown although nothing more comes.
                microphone.write(SPEECH[:2 * RATE * 3])
                terminal.wait_for_text(r'(?i)and so,? my fellow')
                self.assertIn(b'\x1b[2m', terminal.raw)
                self.assertNotIn(b'\n', terminal.raw)
                microphone.write(SPEECH[2 * RATE * 3:] + SILENCE)
                terminal.wait_for_text(r'(?i)for your country\.')
            self.assertEqual(terminal.wait_for_end(), 0)
            self.assertEqual(words(' '.join(terminal.lines())), SAID)

    def test_long_recordings_have_progress_and_time_left(self):
        recording = self.file('long.wav', (SPEECH + SILENCE) * 12)
        with Terminal(duplex, 'transcribe', recording) as terminal:
            terminal.wait_for_text(r'(?m)^\d+ %, \d+:\d\d left$')
            self.assertEqual(terminal.wait_for_end(), 0)
            self.assertNotIn('left', '\n'.join(terminal.lines()))
            self.assertIn('for your country.', '\n'.join(terminal.lines()))

    def test_narrow_terminal_shows_the_end_on_one_line(self):
        fifo = self.folder / 'fifo'
        os.mkfifo(fifo)
        with Terminal('sh', '-c', f'cat {fifo} | {duplex} transcribe -', columns=20) as terminal:
            with open(fifo, 'wb', buffering=0) as microphone:
                microphone.write(SPEECH[:2 * RATE * 9])
                terminal.wait_for_text('(?i)ask what you')
                self.assertEqual(len(terminal.lines()), 1)

    def test_typing_is_no_audio(self):
        with Terminal(duplex, 'transcribe', '-') as terminal:
            self.assertEqual(terminal.wait_for_end(), 2)
            self.assertIn('-: standard input is a terminal: pipe audio into it', ' '.join(terminal.lines()))


class Usage(Case):

    def refused(self, *arguments):
        ran = transcribe(*arguments)
        self.assertEqual((ran.returncode, ran.stdout), (2, b''), arguments)
        told = ran.stderr.decode().split('\n')[0]
        self.assertTrue(told.startswith('duplex: '), told)
        return told.removeprefix('duplex: ')

    def test_arguments_that_make_no_sense_are_refused(self):
        a, b = self.file('a.wav', SILENCE), self.folder / 'a.flac'
        b.write_bytes(a.read_bytes())
        self.assertIn('FILE is missing', self.refused())
        self.assertIn("--output must be one of text,json,srt,vtt, got 'doc'", self.refused(a, '--output', 'doc'))
        self.assertIn('--jobs must be from 1 to 256', self.refused(a, '--jobs', 0))
        self.assertIn('--format must be one of', self.refused(a, '--format', 'opus'))
        self.assertEqual('sample rate 7999 Hz is outside 8000 to 192000 Hz',
                         self.refused('-', '--rate', 7999))
        self.assertEqual('number of channels 9 is outside 1 to 8',
                         self.refused(a, '--format', 'pcm_alaw', '--channels', 9))
        self.assertEqual('--rate and --channels are of raw audio: give --format too', self.refused(a, '--rate', 8000))
        self.assertEqual('-: standard input is transcribed alone', self.refused(a, '-'))
        self.assertEqual('--output: subtitles of several recordings: give --save too',
                         self.refused(a, b, '--output', 'vtt'))
        self.assertEqual('--save: standard input has no name to save it by', self.refused('-', '--save'))

    def test_transcript_never_overwrites_another_or_a_recording(self):
        a, b = self.file('a.wav', SILENCE), self.folder / 'a.flac'
        b.write_bytes(a.read_bytes())
        self.assertIn('would overwrite', self.refused(a, b, '--save'))
        text = self.folder / 'a.txt'
        text.write_bytes(SILENCE)
        self.assertIn('would overwrite', self.refused(text, '--save', '--format', 'pcm_s16le'))
        self.assertEqual(text.read_bytes(), SILENCE)
        os.chdir(self.folder)
        self.assertIn('would overwrite', self.refused('a.wav', self.folder / 'a.flac', '--save'))
        self.assertIn('would overwrite', self.refused('a.txt', '--save-to', self.folder, '--format', 'pcm_s16le'))

    def test_place_of_transcripts_is_looked_at_first(self):
        none, long = self.folder / 'none', self.folder / ('a' * 251 + '.au')
        (self.folder / 'jfk.txt').mkdir()
        file = self.file('a.wav', SILENCE)
        for place, why in (none, 'No such file or directory'), (file, 'Not a directory'):
            self.assertEqual(f'--save: cannot write to {place}: {why}', self.refused(SAMPLE, '--save-to', place))
        self.assertEqual(f"--save: cannot write to {self.folder / 'jfk.txt'}: Is a directory",
                         self.refused(SAMPLE, '--save-to', self.folder))
        self.assertTrue(self.refused(long, '--save', '--output', 'json').endswith(': File name too long'))

    @unittest.skipIf(os.geteuid() == 0, 'root may write everywhere')
    def test_place_that_is_not_to_be_written_to_is_refused(self):
        file = self.file('a.wav', SILENCE)
        file.with_suffix('.txt').touch(0o444)
        self.assertIn('Permission denied', self.refused(file, '--save'))
        file.with_suffix('.txt').unlink()
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        self.assertIn('Permission denied', self.refused(file, '--save'))

    def test_language_that_the_model_does_not_understand_is_refused(self):
        self.check(transcribe(SAMPLE, '--lang', 'fr'), 1, '', 'duplex: lang: model moonshine-tiny understands en, not fr\n')
        self.assertEqual(words(transcribe(SAMPLE, '--lang', 'en-GB').stdout.decode()), SAID)

    def test_wrong_model_says_which_there_are(self):
        ran = transcribe(SAMPLE, '--model', 'huge')
        self.check(ran, 1, '', f'duplex: no model "huge": neither a directory nor in {data}/models, which has '
                               'moonshine-base, moonshine-tiny\n')

    def test_machine_without_models_says_what_to_run(self):
        nothing = dict(os.environ, DUPLEX_DATA=str(self.folder))
        ran = transcribe(SAMPLE, env=nothing)
        self.check(ran, 1, '', f'duplex: no model "tiny": neither a directory nor in {self.folder}/models '
                               '(run script/bootstrap)\n')
        (self.folder / 'models').symlink_to(data / 'models')
        ran = transcribe(SAMPLE, env=nothing)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr.decode(), 'script/bootstrap')
        subprocess.run([duplex, '--version'], env=nothing, check=True, stdout=subprocess.DEVNULL)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
