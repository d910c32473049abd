"""Servers that run as programs beside a test."""

import contextlib
import re
import subprocess
import tempfile

PATIENCE = 120  # seconds for one to end


@contextlib.contextmanager
def server(*command):
    """A program that prints "listening PORT"; gives the port."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line.startswith('listening '):
            raise RuntimeError(f'{command} printed {line!r}')
        yield int(line.split()[1])
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


@contextlib.contextmanager
def secure_server(duplex):
    """`duplex serve` with a certificate for 127.0.0.1 that it signed itself; gives its URI and the certificate's file."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = f'{folder}/cert.pem', f'{folder}/key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key,
                        '-out', certificate], check=True, capture_output=True)
        process = subprocess.Popen([duplex, 'serve', '--host', '127.0.0.1', '--port', '0', '--log-level', 'error',
                                    '--tls-cert', certificate, '--tls-key', key], stdout=subprocess.PIPE, text=True)
        try:
            yield re.fullmatch(r'listening on (\S+)\n', process.stdout.readline())[1], certificate
        finally:
            process.terminate()
            process.wait(PATIENCE)
            process.stdout.close()
