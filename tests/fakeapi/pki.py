"""Certificates of the fake API server, good and bad, made by openssl(1)."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

NAMES = ["IP:127.0.0.1", "IP:::1", "IP:192.168.99.20", "IP:fd00:99::20", "DNS:localhost"]
CERTIFICATES = ("good", "rotated", "expired", "other-ca", "wrong-name")


class Pki:
    """A CA, another CA, one serving certificate of each sort, and a client certificate."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / "done").exists():
            return
        for ca in ("ca", "alien"):
            self._self_signed(ca)
        for name in ("good", "rotated"):
            self._issue(name, "ca", NAMES)
        self._issue("expired", "ca", NAMES, days=("20200101000000Z", "20200201000000Z"))
        self._issue("other-ca", "alien", NAMES)
        self._issue("wrong-name", "ca", ["DNS:elsewhere.example"])
        self._issue("client", "ca", [])
        (directory / "done").touch()

    @property
    def ca(self) -> Path:
        """What a client must trust."""
        return self.cert("ca")

    def cert(self, name: str) -> Path:
        """A certificate's file."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        """A private key's file."""
        return self.directory / f"{name}.key"

    def context(self, name: str = "good") -> ssl.SSLContext:
        """A server's TLS context with that certificate; client certificates are optional."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert(name), self.key(name))
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    # ---- openssl -----------------------------------------------------------------------------

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def _new_key(self) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    def _self_signed(self, name: str) -> None:
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        words = ["req", "-x509", *self._new_key(), *files, "-days", "3650"]
        self._openssl(*words, "-subj", f"/CN=fake API {name}")

    def _issue(
        self, name: str, ca: str, names: list[str], days: tuple[str, str] | None = None
    ) -> None:
        """Sign with `openssl ca`, as only that can give a certificate a past."""
        request = ["-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"]
        self._openssl("req", *self._new_key(), *request)
        (self.directory / "index.txt").write_text("")
        (self.directory / "index.txt.attr").write_text("unique_subject = no\n")
        (self.directory / "ca.cnf").write_text(_CA_CONFIG.format(ca=ca, extensions=_names(names)))
        dates = ["-startdate", days[0], "-enddate", days[1]] if days else ["-days", "3650"]
        files = ["-in", f"{name}.csr", "-out", f"{name}.crt"]
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", *dates, *files)


def _names(names: list[str]) -> str:
    return f"subjectAltName = {','.join(names)}" if names else "extendedKeyUsage = clientAuth"


_CA_CONFIG = """\
[ca]
default_ca = this
[this]
new_certs_dir = .
database = index.txt
certificate = {ca}.crt
private_key = {ca}.key
default_md = sha256
rand_serial = yes
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
{extensions}
"""
