"""What really happened, written by the tasks and the producers themselves and by nobody else.

One append-only file of JSON lines. A line is one write to a file that is open for appending, so
lines of several processes never mix, and what was written survives a SIGKILL of its writer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line. Times in seconds; `steady` is no clock that anybody can set."""

    #: asking, accepted: a producer · start, failed, end: a task · ready, killed, frozen: a process.
    what: str
    #: The test's own name of a job; no two jobs share one.
    name: str = ""
    job: str = ""
    attempt: int = 0
    redeliveries: int = 0
    #: Tells one lease from every other.
    token: int = 0
    #: Wall time before which the job must not start.
    due: float = 0.0
    pid: int
    steady: float
    wall: float


class Journal:
    """The journal of one test; any process and thread may write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, what: str, *, pid: int = 0, wall: float = 0.0, **facts: object) -> None:
        """Append one line."""
        entry = Entry(
            what=what,
            pid=pid or os.getpid(),
            steady=steady(),
            wall=wall or time.time(),
            **facts,  # type: ignore[arg-type]
        )
        self.write_all([entry])

    def write_all(self, entries: Iterable[Entry]) -> None:
        """Append lines in one write."""
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            assert os.write(file, lines) == len(lines)
        finally:
            os.close(file)

    def read(self) -> list[Entry]:
        """Return every line, in the order in which they were written."""
        if not self.path.exists():
            return []
        decoder = msgspec.json.Decoder(Entry)
        return [decoder.decode(line) for line in self.path.read_bytes().splitlines()]

    def names(self, what: str) -> list[str]:
        return [entry.name for entry in self.read() if entry.what == what]


def steady() -> float:
    """Seconds on the one clock that all processes of a machine share and nobody sets."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
