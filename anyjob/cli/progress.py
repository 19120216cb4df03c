"""Progress of what takes over a second: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from anyjob.cli.session import Session

_QUIET = 1.0
_LINE_EVERY = 10.0


class Progress(AbstractContextManager["Progress"]):
    """Shows how far a verb is, on stderr. `add` is called from one thread.

    `total` None means: at least so many. A ticker thread of its own shows it, because the call that
    takes so long may be a single one. Nothing is shown of what ends within a second.
    """

    def __init__(self, doing: str, total: int | None, session: Session) -> None:
        self._doing = doing
        self._total = total
        self._session = session
        self.done = 0
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._shown = False
        self._ticker = threading.Thread(target=self._tick, name="anyjob-progress", daemon=True)

    def add(self, count: int) -> None:
        """So many more are done."""
        self.done += count

    def reach(self, done: int, total: int) -> None:
        """So many are done of so many, which may have become known just now."""
        self.done, self._total = done, total

    def __enter__(self) -> Progress:
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._ticker.join()
        if self._shown or error is not None:
            how = "done" if error is None else "ended early"
            self._session.say(f"{self._doing}: {how}, {self._so_far()}")

    def _tick(self) -> None:
        if sys.stderr.isatty():
            if not self._ended.wait(_QUIET):
                self._shown = True
                self._draw()
            return
        while not self._ended.wait(_LINE_EVERY):
            self._shown = True
            self._session.say(f"{self._doing}: {self._so_far()}")

    def _draw(self) -> None:
        from rich import progress

        columns: list[Any] = [
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[so_far]}"),
        ]
        if self._total is not None:
            columns.append(progress.TimeRemainingColumn())
        console = self._session.console(sys.stderr)
        with progress.Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(self._doing, total=self._total, so_far="")
            while not self._ended.wait(0.1):
                bar.update(task, completed=self.done, total=self._total, so_far=self._so_far())

    def _so_far(self) -> str:
        spent = time.monotonic() - self._began
        rate = f"{self.done / spent:,.0f}/s in {spent:.0f} s" if spent else ""
        if self._total is None:
            return f"{self.done:,}, {rate}"
        return f"{self.done:,} of {self._total:,}, {rate}"
