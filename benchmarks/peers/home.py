"""The virtual environment of each peer, made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

from benchmarks.peers.roster import Peer

HOMES = Path("out/benchmarks/venvs")
#: Seconds for all that pip downloads for one of them.
INSTALL_SECONDS = 120


class NotInstalled(Exception):
    """Raised when pip does not get a peer's packages."""


class Home(msgspec.Struct, frozen=True):
    """Where a peer is installed."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.program("python"))

    def program(self, name: str) -> Path:
        return self.folder / "bin" / name

    @cache  # noqa: B019 - there are a handful of homes, and they stay
    def version(self, package: str) -> str:
        """What pip installed of a package."""
        program = f"import importlib.metadata as m; print(m.version({package!r}))"
        said = subprocess.run(
            [self.python, "-c", program], capture_output=True, text=True, check=True
        )
        return said.stdout.strip()


def at_home(peer: Peer) -> Home:
    """The environment of a peer; raises NotInstalled."""
    return installed(peer.application, peer.packages)


def installed(name: str, packages: tuple[str, ...]) -> Home:
    """An environment that has these packages; raises NotInstalled. A failure is not tried again."""
    found = _home(name, packages)
    if isinstance(found, NotInstalled):
        raise found
    return found


@cache
def _home(application: str, packages: tuple[str, ...]) -> Home | NotInstalled:
    found = Home((HOMES / application).absolute())
    stamp = found.folder / "installed"
    wanted = "\n".join(packages)
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"  installing {', '.join(packages)}", flush=True)
        try:
            _make(found, packages)
        except NotInstalled as error:
            return error
        stamp.write_text(wanted)
    return found


def _make(home: Home, packages: tuple[str, ...]) -> None:
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(home.folder)],
        [home.python, *pip, *packages],
    ):
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled(f"pip took more than {INSTALL_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
            raise NotInstalled(lines[-1] if lines else error.stderr[-200:].strip()) from None
