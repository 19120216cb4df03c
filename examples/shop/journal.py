"""The journal: what really happened, written by the tasks themselves, one JSON line an event.

The report is counted from it, so nothing here asks the product what it believes. A line is one
`write` to a file opened for appending: lines of several processes never mix, and what was written
survives the death of its writer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from anyjob import current_job


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=str.lower):
    """One line. `at` is seconds since the epoch."""

    at: float


class Enqueued(Event, frozen=True, kw_only=True):
    """The shop handed in a job. `about` is the order or the photograph it is for."""

    job: str
    task: str
    about: str
    #: The plan of the order, None for a photograph.
    plan: str | None
    #: Seconds that it has to wait on purpose.
    delay: float


class Started(Event, frozen=True, kw_only=True):
    """An attempt begins in the process `pid`."""

    job: str
    task: str
    attempt: int
    pid: int


class Ended(Event, frozen=True, kw_only=True):
    """An attempt is over; `error` is None if it succeeded."""

    job: str
    task: str
    attempt: int
    pid: int
    error: str | None


class Killed(Event, frozen=True, kw_only=True):
    """A worker process was killed."""

    pid: int


class Restarted(Event, frozen=True, kw_only=True):
    """The server that holds the jobs was killed, and started again."""


class Revived(Event, frozen=True, kw_only=True):
    """A dead letter was edited and sent on its way again."""

    job: str


AnyEvent = Enqueued | Started | Ended | Killed | Restarted | Revived
_decoder = msgspec.json.Decoder(AnyEvent)


class Journal:
    """The file `journal.jsonl` of a run. Any thread and any process may write."""

    def __init__(self, out: Path) -> None:
        self._path = out / "journal.jsonl"

    def write(self, event: AnyEvent) -> None:
        line = msgspec.json.encode(event) + b"\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def read(self, offset: int = 0) -> tuple[list[AnyEvent], int]:
        """Return the events from `offset` on, and the offset to go on from."""
        if not self._path.exists():
            return [], offset
        with self._path.open("rb") as file:
            file.seek(offset)
            lines = file.read()
        complete = lines[: lines.rfind(b"\n") + 1]
        return [_decoder.decode(line) for line in complete.splitlines()], offset + len(complete)

    @contextmanager
    def attempt(self, task: str) -> Iterator[None]:
        """Note the start and the end of the attempt that runs in this block."""
        job = current_job()
        pid = os.getpid()
        self.write(Started(at=time.time(), job=job.id, task=task, attempt=job.attempt, pid=pid))
        error: str | None = None
        try:
            yield
        except BaseException as raised:
            error = repr(raised)
            raise
        finally:
            self.write(
                Ended(
                    at=time.time(), job=job.id, task=task, attempt=job.attempt, pid=pid, error=error
                )
            )
