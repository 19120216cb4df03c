"""What the tasks wrote about their runs: the only witness of what was lost or run twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec


class Life(msgspec.Struct):
    """One run of a job; `ended` is None where its process died before."""

    number: int
    pid: int
    began: float
    ended: float | None = None


class Witness:
    """Follows a journal while it grows; reads each line once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        #: Processes that began a job, and the jobs that ran to their end.
        self.pids: set[int] = set()
        self.ended: set[int] = set()

    def look(self) -> None:
        """Read what came since the last look; a process may not have begun to write yet."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        self._read += len(lines)
        for line in lines.splitlines():
            kind, number, pid, _ = line.split()
            if kind == b"S":
                self.pids.add(int(pid))
            else:
                self.ended.add(int(number))


class Journal(msgspec.Struct, frozen=True):
    """Every run, in the order in which they began."""

    lives: Sequence[Life]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read lines of S or E, number, process and time; each was one write."""
        lives: list[Life] = []
        open_lives: dict[tuple[int, int], Life] = {}
        for line in path.read_text().splitlines():
            kind, number, pid, at = line.split()
            key = int(number), int(pid)
            if kind == "S":
                open_lives[key] = Life(*key, float(at))
                lives.append(open_lives[key])
            else:
                open_lives.pop(key).ended = float(at)
        return cls(lives)

    def by_number(self) -> dict[int, list[Life]]:
        """The runs of each job."""
        runs: dict[int, list[Life]] = {}
        for life in self.lives:
            runs.setdefault(life.number, []).append(life)
        return runs
