"""A private Redis that keeps nothing on disk, for the length of a measurement."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running

_COMMAND = [
    "redis-server",
    *("--port", "{port}", "--bind", "{host}", "--dir", "{dir}"),
    *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
]


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start one on a free port with its files in `folder`; the URL is valid within the block."""
    _program()
    running = OwnProcess(_COMMAND, url="redis://{host}:{port}/0").start(_answers, folder)
    try:
        yield running.url
    finally:
        running.stop()


def client(url: str) -> redis.Redis:
    """Somebody who looks at a server from outside; replies are bytes."""
    return redis.Redis.from_url(url, socket_timeout=60.0)


def empty(url: str) -> None:
    """Take everything from one of a server's databases."""
    with client(url) as connection:
        connection.flushdb()


def used_memory(url: str) -> int:
    """The bytes that a server has allocated."""
    with client(url) as connection:
        found: Any = connection.info("memory")
    return int(found["used_memory"])


def database(url: str, number: int) -> str:
    """The URL of another database of the same server, of 16."""
    return f"{url.rpartition('/')[0]}/{number}"


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


def _answers(running: Running) -> bool:
    with client(running.url) as connection:
        return bool(connection.ping())
