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
