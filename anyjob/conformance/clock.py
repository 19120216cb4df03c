"""The clock that the suite hands to a backend and moves at will."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

#: 2026-01-01T00:00:00Z, far enough from now that a reading of the machine's own clock is noticed.
START = 1_767_225_600.0


class FakeClock:
    """A clock that stands still until it is moved; any thread may ask or move it."""

    def __init__(self, start: float = START) -> None:
        self._lock = threading.Lock()
        self._wall = start
        self._monotonic = 1000.0
        #: Where a server's clock is moved instead of being read from here: what moves it.
        self.remote: Callable[[float], None] | None = None
        #: Called when time has passed here, for a server that can be told what time it is.
        self.followers: list[Callable[[], None]] = []

    def time(self) -> float:
        """Seconds since the epoch."""
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        """Seconds that never jump."""
        with self._lock:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass: both readings move."""
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds
        if self.remote is not None:
            self.remote(seconds)
        for follow in self.followers:
            follow()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; no time passes."""
        if self.remote is not None:
            pytest.skip("UNTESTED: the server's clock can be moved forward, and not set")
        with self._lock:
            self._wall += seconds

    def __repr__(self) -> str:
        return f"FakeClock(time={self.time()!r})"
