"""The Redis server that the demo starts: private, on a free port, its file in the demo's folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.shop.errors import ShopError

#: What a server may take to answer.
READY_SECONDS = 10.0


class NoServer(ShopError):
    """Raised when there is no redis-server, or it does not start."""


class RedisServer:
    """A server that lives as long as the `with` block, but for a crash in between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
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
        """End it with SIGKILL, and start it again on its append-only file."""
        self._kill()
        self._start()

    def _start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program(),
                    *("--port", str(self._port), "--bind", "127.0.0.1"),
                    *("--dir", str(self._folder), "--appendonly", "yes", "--save", ""),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = (self._folder / "log").read_text(errors="replace")
                raise NoServer(f"redis-server does not start: ...{words[-1000:]}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"+PONG")
        except OSError:
            return False

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def program() -> str:
    """The machine's redis-server, or the one that `make` put into this repository."""
    own = Path(__file__).parents[2] / ".servers" / "bin"
    found = shutil.which("redis-server", path=os.pathsep.join([str(own), os.environ["PATH"]]))
    if found is None:
        raise NoServer("there is no redis-server; 'make .servers/.complete' fetches one")
    return found
