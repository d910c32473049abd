#!/usr/bin/env python3
"""The manual page and the shells' completions know what `--help` tells, and nothing else.

Usage: help_test.py DUPLEX REPOSITORY [unittest's arguments]
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

duplex, repository = sys.argv[1], Path(sys.argv[2])
COMPLETIONS = repository / 'packaging' / 'completions'
PAGE = repository / 'docs' / 'man' / 'duplex.1'
# The commands whose options the page describes once, for both.
SHARED = {'connect', 'bench'}


def output(*command, **options):
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, **options)
    if ran.returncode != 0 or ran.stderr:
        raise AssertionError(f'{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}')
    return ran.stdout


def commands():
    return re.findall(r'^  (\w+) ', output(duplex, '--help').partition('Subcommands:')[2], re.M)


def options(command):
    """The options of a command, but for --help."""
    return set(re.findall(r'^  (--[\w-]+)', output(duplex, command, '--help'), re.M))


class Help(unittest.TestCase):
    """What `--help` tells."""

    def test_no_library_speaks(self):
        for command in ('', *commands()):
            text = output(duplex, *command.split(), '--help')
            self.assertNotRegex(text, r'REQUIRED|Excludes:|Needs:| in \[|:\{|Print this help|Display program', command)
        self.assertRegex(output(duplex, 'connect', '--help'), r'(?m)^  --log-level debug\|info\|warning\|error=warning$')


class Page(unittest.TestCase):
    """The manual page."""

    def test_nothing_is_wrong_with_it(self):
        self.assertEqual(output('mandoc', '-T', 'lint', '-W', 'style', PAGE), '')

    def test_each_option_is_in_the_section_of_its_command(self):
        sections = dict(re.findall(r'^\.Ss (.+)\n((?:(?!\.S[sh]).*\n)*)', PAGE.read_text(), re.M))
        described = {name: {'--' + option for line in re.findall(r'^\.It (Fl .*)', text, re.M)
                            for option in re.findall(r'Fl -([\w-]+)', line)}
                     for name, text in sections.items()}
        shared = described.pop('Options of connect and bench')
        self.assertEqual(set(described), set(commands()))
        for command, found in described.items():
            self.assertEqual(found | (shared if command in SHARED else set()), options(command), command)


class Completion(unittest.TestCase):
    """What the shells offer."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name, 'duplex').symlink_to(duplex)
        self.environment = dict(os.environ, PATH=f"{folder.name}:{os.environ['PATH']}", HOME=folder.name)

    def check(self, offered):
        """`offered` gives what is offered for a list of words, of which the last is being typed."""
        self.assertLessEqual(set(commands()), offered('duplex', ''))
        for command in commands():
            self.assertEqual(offered('duplex', command, '--') - {'--help'}, options(command), command)
        self.assertEqual(offered('duplex', 'ws://host/', '--') - {'--help'}, options('connect'))
        self.assertEqual(offered('duplex', 'connect', '--compression', ''), {'on', 'off'})
        self.assertEqual(offered('duplex', 'connect', '--origin', ''), set())
        self.assertEqual(offered('duplex', 'transcribe', '--output', ''), {'text', 'json', 'srt', 'vtt'})

    def test_bash_offers_each_option(self):
        def offered(*words):
            listed = ' '.join(f"'{word}'" for word in words)
            script = f'. {COMPLETIONS}/duplex.bash; COMP_WORDS=({listed}) COMP_CWORD={len(words) - 1}; _duplex; ' \
                     'printf "%s\\n" "${COMPREPLY[@]}"'
            return set(output('bash', '-c', script, env=self.environment).split())
        self.check(offered)

    def test_zsh_offers_each_option(self):
        def offered(*words):
            listed = ' '.join(f"'{word}'" for word in words)
            # What zsh defines while it completes.
            script = 'compadd() { shift; print -l -- "$@" }; _describe() { print -l -- ${(P)2%%:*} }; _files() {}; ' \
                     f'words=({listed}); CURRENT={len(words)}; . {COMPLETIONS}/_duplex'
            return {word.partition(':')[0] for word in output('zsh', '-f', '-c', script, env=self.environment).split()}
        self.check(offered)

    def test_fish_offers_each_option(self):
        def offered(*words):
            script = f'source {COMPLETIONS}/duplex.fish; complete -C "{" ".join(words)}"'
            lines = output('fish', '--no-config', '-c', script, env=self.environment).splitlines()
            return {line.partition('\t')[0] for line in lines}
        self.check(offered)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
