"""A server that the demo starts: private, on a free port, its files in the demo's folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from examples.shop.errors import ShopError

HOST = "127.0.0.1"


class NoServer(ShopError):
    """Raised when a server's program is missing, or it does not start."""


class Server(ABC):
    """A server that lives as long as the `with` block, but for a crash in between."""

    #: Its program, on PATH or in the folder that `make servers` fills.
    program: ClassVar[str]
    #: Seconds that it may take to answer.
    patience: ClassVar[float]
    #: Whether it finds its jobs again after a SIGKILL; one that does not is left alone.
    survives: ClassVar[bool] = True
    #: What it says of itself once it takes connections, and what it has to be told for that.
    greeting: ClassVar[tuple[bytes, bytes]]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _log(self) -> Path:
        return self.folder / "output.txt"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is, as anyjob is told."""

    @property
    @abstractmethod
    def arguments(self) -> list[str]:
        """What follows its program."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What it has to find there beside the demo's own."""
        return {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()

    def crash_and_restart(self) -> None:
        """End it with SIGKILL, and start it again on its files."""
        self._kill()
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [find(self.program), *self.arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        deadline = time.monotonic() + self.patience
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = self._log.read_text(errors="replace")
                raise NoServer(f"{self.program} does not start: ...{words[-1000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        said, told = self.greeting
        with suppress(OSError), socket.create_connection((HOST, self.port), 1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(said)
            return connection.recv(100).startswith(told)
        return False

    def _kill(self) -> None:
        """End it, and what it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def find(program: str) -> str:
    """The machine's, or the one that `make` put into this repository."""
    own = Path(__file__).parents[2] / ".servers" / "bin"
    found = shutil.which(program, path=os.pathsep.join([str(own), os.environ["PATH"]]))
    if found is None:
        raise NoServer(f"there is no {program}; 'make servers' fetches one")
    return found
