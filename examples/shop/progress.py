"""Showing how far the shop is: bars on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Seconds between two lines in a pipe.
LINE_EVERY = 2.0


class Display(Protocol):
    """Where progress is shown; of one thread."""

    def update(self, done: Mapping[str, int], of: Mapping[str, int]) -> None:
        """Show how many jobs of each task are done, of how many."""

    def say(self, text: str) -> None:
        """Tell what happens next."""


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """Show progress as the console allows."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        yield Bars(progress)


class Bars:
    """One bar for each task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, int] = {}

    def update(self, done: Mapping[str, int], of: Mapping[str, int]) -> None:
        for task, total in of.items():
            if task not in self._bars:
                self._bars[task] = self._progress.add_task(task, total=total)
            bar = self._progress.tasks[self._bars[task]].id
            self._progress.update(bar, completed=done.get(task, 0), total=total)

    def say(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False)


class Lines:
    """A line now and then, with all tasks in it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._next = self._began

    def update(self, done: Mapping[str, int], of: Mapping[str, int]) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_EVERY
        parts = [f"{task} {done.get(task, 0)}/{total}" for task, total in of.items()]
        self.say(", ".join(parts))

    def say(self, text: str) -> None:
        elapsed = time.monotonic() - self._began
        line = f"{elapsed:5.1f} s  {text}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
