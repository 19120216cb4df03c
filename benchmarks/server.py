"""A private Redis that keeps nothing on disk, for the length of a measurement."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

#: What a server may take to answer.
READY_SECONDS = 10.0


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start one on a free port with its log in `folder`; the URL is valid within the block."""
    port = _free_port()
    url = f"redis://127.0.0.1:{port}/0"
    log = folder / "redis.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                _program(),
                *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
                *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(url, process, log)
        yield url
    finally:
        process.kill()
        process.wait()


def client(url: str) -> redis.Redis:
    """Somebody who looks at a server from outside; replies are bytes."""
    return redis.Redis.from_url(url, socket_timeout=60.0)


def empty(url: str) -> None:
    """Take everything from a server but its scripts."""
    with client(url) as connection:
        connection.flushall()


def version() -> str:
    """The program's version; empty where there is none."""
    try:
        said = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
    return next((word[2:] for word in said.stdout.split() if word.startswith("v=")), "")


def _program() -> str:
    found = shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("there is no redis-server on PATH; `make servers` fetches one")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with client(url) as connection:
        while True:
            try:
                connection.ping()
                return
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = log.read_text(errors="replace")[-1000:]
                    raise RuntimeError(f"redis-server does not start: {said}") from None
            time.sleep(0.01)
