"""Certificates of the tests' own."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A folder with a certificate authority, and what it signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._key("ca")
        self._run(
            *("req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA"),
            # Without it, a Python from 3.13 on takes nobody for an authority (RFC 5280, 4.2.1.3).
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def sign(self, name: str, subject: str) -> tuple[Path, Path]:
        """A certificate for "DNS:..." or "IP:...", and its key."""
        self._key(name)
        self._run(
            "req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        extensions = f"subjectAltName={subject}\nauthorityKeyIdentifier=keyid\n"
        (self.folder / f"{name}.ext").write_text(extensions)
        self._run(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-out", f"{name}.pem", "-extfile", f"{name}.ext"),
        )
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _key(self, name: str) -> None:
        self._run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")

    def _run(self, *words: str) -> None:
        command = ["openssl", *words]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=30)
