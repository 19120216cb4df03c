"""What the tests of the SQLite backend share: jobs, backends on one file, other processes."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.envelope import Envelope

MakeJob = Callable[..., Envelope]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def opened() -> Iterator[Callable[..., SQLiteBackend]]:
    """Opens backends that are closed in the end."""
    with ExitStack() as stack:

        def open_(url: str, **options: Any) -> SQLiteBackend:
            backend = SQLiteBackend(url, **options)
            stack.callback(backend.close)
            backend.open()
            return backend

        yield open_


@pytest.fixture
def backend(opened: Callable[..., SQLiteBackend], url: str) -> SQLiteBackend:
    return opened(url)


@pytest.fixture
def job() -> MakeJob:
    """Makes an envelope of its own id."""

    def make(queue: str = "mail", body: bytes = b"body", **fields: Any) -> Envelope:
        return Envelope(id=str(uuid.uuid4()), queue=queue, body=body, **fields)

    return make


@pytest.fixture
def consumer(backend: SQLiteBackend) -> Consumer:
    return backend.consume([QueueShare("mail")], lease=30, worker="worker-1")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python processes that are ended in the end; they print a line when they are ready."""
    children: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    try:
        yield run
    finally:
        for child in children:
            child.kill()
            child.communicate()
