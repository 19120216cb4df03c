"""The private server of a page that names `localhost:6379`: empty, with its own defaults."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

#: Where pages say that a server is.
SHOWN = "localhost:6379"
READY_SECONDS = 10.0

# The server ends with the pipe that this shell reads, so also when the tests are killed.
SHELL = 'redis-server "$@" & read -r _; kill -KILL $!; wait'


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yields host and port; ends the server on every way out. At home a missing one is a skip."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server; `make servers` fetches one")
    folder.mkdir()
    port = _free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", SHELL, "sh", "--port", str(port), "--dir", str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(port, folder / "log")
        yield f"localhost:{port}"
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(port):
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.01)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(100).startswith(b"+PONG")
    return False
