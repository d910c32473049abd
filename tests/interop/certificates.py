"""Certificates for one run, made with the openssl command."""

import datetime
import subprocess
from pathlib import Path


def openssl(*arguments):
    subprocess.run(('openssl',) + arguments, check=True, capture_output=True, text=True)


class Authority:
    """Signs; its own certificate is NAME.pem in the folder."""

    def __init__(self, folder, name='ca'):
        self.folder = Path(folder)
        self.certificate = self.folder / f'{name}.pem'
        self.key = self.folder / f'{name}.key'
        self._new_key(self.key)
        openssl('req', '-x509', '-new', '-key', str(self.key), '-out', str(self.certificate), '-days', '2',
                '-subj', f'/CN=interop {name}', '-addext', 'keyUsage=critical,keyCertSign')

    def issue(self, certificate, key, subject='localhost', names='DNS:localhost,IP:127.0.0.1,IP:::1', days=1):
        """Writes CERTIFICATE.pem and KEY.pem and gives their paths. With negative days it has expired."""
        key_file = self.folder / f'{key}.pem'
        file = self.folder / f'{certificate}.pem'
        self._new_key(key_file)
        request = self.folder / f'{certificate}.csr'
        openssl('req', '-new', '-key', str(key_file), '-subj', f'/CN={subject}', '-out', str(request))
        config = self.folder / f'{certificate}.cnf'
        config.write_text(self._config(names), encoding='utf-8')
        (self.folder / 'index.txt').write_text('', encoding='utf-8')
        now = datetime.datetime.now(datetime.timezone.utc)
        times = sorted((now - datetime.timedelta(days=5 if days < 0 else 0, hours=1),
                        now + datetime.timedelta(days=days)))
        start, end = (time.strftime('%Y%m%d%H%M%SZ') for time in times)
        openssl('ca', '-batch', '-config', str(config), '-in', str(request), '-out', str(file), '-notext',
                '-startdate', start, '-enddate', end)
        return file, key_file

    def _config(self, names):
        return f'''[ca]
default_ca = it
[it]
database = {self.folder}/index.txt
new_certs_dir = {self.folder}
certificate = {self.certificate}
private_key = {self.key}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
basicConstraints = critical,CA:FALSE
''' + (f'subjectAltName = {names}\n' if names else '')

    @staticmethod
    def _new_key(path):
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', str(path))
