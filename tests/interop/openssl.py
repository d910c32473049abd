#!/usr/bin/env python3
"""Interoperability of TLS with the openssl command: s_client to our server, our clients to s_server.

Usage: openssl.py SERVER CLIENT SYNC_CLIENT [TEST...], the programs of peer.hpp.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import unittest

from certificates import Authority, openssl

SECONDS = 30
UPGRADE = ('GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
           'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')


class OpenSSL(unittest.TestCase):
    server, clients = None, ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.authority = Authority(cls.folder)
        cls.chain, cls.key = cls.authority.issue('chain', 'key')

    @contextlib.contextmanager
    def our_server(self):
        process = subprocess.Popen([self.server], stdout=subprocess.PIPE, text=True, env=self.environment())
        try:
            yield process.stdout.readline().split()[1]
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def s_server(self, chain, key, *arguments):
        """openssl's server on a free port, which it prints; speaks no WebSocket."""
        process = subprocess.Popen(
            ['openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', chain, '-key', key, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            for line in process.stdout:
                found = re.match(r'ACCEPT .*:(\d+)', line)
                if found:
                    break
            yield found.group(1)
        finally:
            process.kill()
            process.communicate()

    def environment(self):
        return {**os.environ, 'INTEROP_TLS': self.folder}

    def s_client(self, port, *arguments, text=UPGRADE, mark='Sec-WebSocket-Accept'):
        """What openssl's client says, up to a line with the mark or to its end."""
        process = subprocess.Popen(
            ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-CAfile', self.authority.certificate,
             '-servername', 'localhost', '-verify_return_error', *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = ''
        try:
            process.stdin.write(text)
            process.stdin.flush()
            for line in process.stdout:
                output += line
                if mark in line:
                    break
        except BrokenPipeError:
            output += process.stdout.read()
        finally:
            process.kill()
            process.communicate()
        return output

    def check_refused(self, port, reason, host='localhost'):
        """Both our clients give up, for this reason."""
        for client in self.clients:
            done = subprocess.run([client, f'wss://{host}:{port}/'], env=self.environment(), text=True,
                                  capture_output=True, timeout=SECONDS)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, f'^failed TLS handshake with {re.escape(host)}:{port} failed: {reason}')

    # --- our server

    def test_s_client_opens_a_connection_with_every_version(self):
        with self.our_server() as port:
            for version in ('-tls1_2', '-tls1_3'):
                output = self.s_client(port, version, '-alpn', 'h2,http/1.1')
                self.assertIn('HTTP/1.1 101 Switching Protocols', output)
                self.assertIn('Verification: OK', output)
                self.assertIn('ALPN protocol: http/1.1', output)

    def test_our_server_refuses_what_it_cannot_speak(self):
        with self.our_server() as port:
            self.assertIn('no application protocol', self.s_client(port, '-alpn', 'h2'))
            self.assertIn('alert protocol version', self.s_client(port, '-tls1_1', '-cipher', 'ALL@SECLEVEL=0'))

    def test_our_server_does_not_negotiate_anew(self):
        with self.our_server() as port:
            output = self.s_client(port, '-tls1_2', text='R\n', mark='no renegotiation')
            self.assertIn('no renegotiation', output)

    def test_our_server_takes_up_a_session_again(self):
        with self.our_server() as port:
            for version in ('-tls1_2', '-tls1_3'):
                file = os.path.join(self.folder, 'session.pem')
                self.s_client(port, version, '-sess_out', file)
                if not os.path.exists(file):
                    self.fail('openssl got no session')
                self.assertRegex(self.s_client(port, version, '-sess_in', file), r'Reused, TLSv1')
                os.remove(file)

    # --- our clients

    def test_our_clients_refuse_an_expired_certificate(self):
        chain, key = self.authority.issue('old', 'old_key', days=-2)
        with self.s_server(chain, key) as port:
            self.check_refused(port, r'certificate expired on 20\d\d-\d\d-\d\d$')

    def test_our_clients_refuse_another_name_or_address(self):
        chain, key = self.authority.issue('other', 'other_key', names='DNS:example.org,DNS:*.example.net')
        with self.s_server(chain, key) as port:
            self.check_refused(port, r'certificate is for example.org, \*.example.net, not localhost')
            self.check_refused(port, 'certificate is for .*, not 127.0.0.1', host='127.0.0.1')

    def test_our_clients_refuse_an_unknown_authority(self):
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Authority(folder, 'stranger').issue('chain', 'key')
            with self.s_server(chain, key) as port:
                self.check_refused(port, r'certificate signed by unknown authority \(CN=interop stranger\)')

    def test_our_clients_refuse_who_signs_himself(self):
        chain = os.path.join(self.folder, 'self.pem')
        openssl('req', '-x509', '-new', '-key', str(self.key), '-out', chain, '-subj', '/CN=localhost', '-addext',
                'subjectAltName=DNS:localhost')
        with self.s_server(chain, self.key) as port:
            self.check_refused(port, r'certificate is signed by itself \(CN=localhost\)')

    def test_our_clients_tell_what_the_server_refuses(self):
        with self.s_server(self.chain, self.key, '-alpn', 'h2') as port:
            self.check_refused(port, "the peer refuses, with the alert 'no application protocol'")
        with self.s_server(self.chain, self.key, '-tls1_1', '-cipher', 'ALL@SECLEVEL=0') as port:
            self.check_refused(port, "the peer refuses, with the alert 'protocol version'|unsupported protocol")


if __name__ == '__main__':
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    OpenSSL.server, *OpenSSL.clients = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
