"""Ctrl-C, taken at a moment of our own choice.

A KeyboardInterrupt may strike between the start of a process and the note that it was started.
Here a signal only leaves word, and whoever waits looks for it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """Raised where it is safe, after SIGINT or SIGTERM; `signal` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


class Interruption:
    """Whether the program has been asked to stop."""

    def __init__(self) -> None:
        # No threading.Event: its lock may be held by the very thread that the handler interrupts.
        self._signal: int | None = None

    def remember(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self._signal is not None:
            raise Interrupted(self._signal)


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Take SIGINT and SIGTERM while the block runs; only in the main thread."""
    asked = Interruption()
    before = {number: signal.signal(number, asked.remember) for number in STOPPING}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


STOPPING = (signal.SIGINT, signal.SIGTERM)
