"""The program with a wall clock that a test sets: `tests.acceptance.jumping:make()`.

Every process of a test reads by how much the clock was set from one file, so that all of them jump
together, as on one machine.
"""

from __future__ import annotations

from pathlib import Path

from anyjob import App
from anyjob.core.clock import SystemClock
from tests.acceptance import program


class JumpingClock:
    """The machine's clocks, with the wall clock set by what a file says."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ahead"
        self._system = SystemClock()

    def time(self) -> float:
        return self._system.time() + self.ahead

    def monotonic(self) -> float:
        return self._system.monotonic()

    @property
    def ahead(self) -> float:
        """Seconds by which the wall clock is ahead of the machine's own."""
        return float(self._file.read_text()) if self._file.exists() else 0.0

    def jump(self, seconds: float) -> None:
        """Set the wall clock by so much more, in every process at once."""
        new = self._file.with_suffix(".new")
        new.write_text(repr(self.ahead + seconds))
        new.replace(self._file)


def make(url: str | None = None) -> App:
    """The program's tasks in an app that goes by this clock."""
    jobs = App(url, clock=JumpingClock(program.folder()))
    for function in (program.work, program.awork):
        jobs.task(function)
    return jobs
