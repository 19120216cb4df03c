"""Progress of what takes over a second: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

from anyjob.cli.session import Session
from anyjob.core.errors import AnyjobError

_QUIET = 1.0
_LINE_EVERY = 10.0
_LOOK_EVERY = 1.0
#: For verbs whose second run finds what the first has left.
GO_ON = "the same command goes on with the rest"


class Progress(AbstractContextManager["Progress"]):
    """Shows how far a verb is, on stderr. `add` is called from one thread.

    `total` None means: at least so many. A ticker thread of its own shows it, because the call that
    takes so long may be a single one; `look` then tells, in any thread and also after an interrupt,
    how many are done. Nothing is shown of what ends within a second. `go_on` says what to do about
    the rest if it ends early.
    """

    def __init__(
        self,
        doing: str,
        total: int | None,
        session: Session,
        *,
        look: Callable[[], int] | None = None,
        go_on: str = "",
    ) -> None:
        self._doing = doing
        self._total = total
        self._session = session
        self._look = look
        self._go_on = go_on
        self.done = 0
        self._seen = 0
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
        if error is not None:
            self._look_now()
            rest = f"; {self._go_on}" if self._go_on else ""
            self._session.say(f"{self._doing}: ended early, {self._so_far()}{rest}")
        elif self._shown:
            self._seen = 0  # what was counted beside the deed gives way to its own word
            self._session.say(f"{self._doing}: done, {self._so_far()}")

    def _tick(self) -> None:
        if sys.stderr.isatty():
            if not self._ended.wait(_QUIET):
                self._shown = True
                self._draw()
            return
        while not self._ended.wait(_LINE_EVERY):
            self._shown = True
            self._look_now()
            self._session.say(f"{self._doing}: {self._so_far()}")

    def _look_now(self) -> None:
        if self._look is None:
            return
        # Whatever keeps us from looking, the deed itself will meet and tell.
        with suppress(AnyjobError):
            self._seen = self._look()

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
            look_at = 0.0
            while not self._ended.wait(0.1):
                if time.monotonic() >= look_at:
                    self._look_now()
                    look_at = time.monotonic() + _LOOK_EVERY
                bar.update(task, completed=self._known, total=self._total, so_far=self._so_far())

    @property
    def _known(self) -> int:
        return max(self.done, self._seen)

    def _so_far(self) -> str:
        spent = time.monotonic() - self._began
        rate = f"{self._known / spent:,.0f}/s in {spent:.0f} s" if spent else ""
        if self._total is None:
            return f"{self._known:,}, {rate}"
        return f"{self._known:,} of {self._total:,}, {rate}"
