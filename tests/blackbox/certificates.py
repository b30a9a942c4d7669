"""Certificates made at test time with the openssl command: a root, and what it signs. P-256, valid for a day."""
import pathlib
import subprocess


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """A root in a folder; `make` gives the paths of a certificate and its key."""

    def __init__(self, folder, name="root"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        self._count = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                self.certificate, "-days", "1", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")

    def make(self, name="server", alternatives="DNS:localhost,IP:127.0.0.1", days=1, usage="serverAuth"):
        """Negative `days`: it has expired."""
        self._count += 1
        base = self.folder / f"{name}-{self._count}"
        certificate, key, request, extensions = (base.with_suffix(end) for end in (".pem", ".key", ".csr", ".ext"))
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage={usage}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out",
                certificate, "-days", days, "-extfile", extensions)
        return certificate, key
