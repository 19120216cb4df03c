"""How a waiting call learns that something was committed.

Within the process a commit rings the bell. Across processes there is nothing to wait on, so a
waiting call looks at `PRAGMA data_version` of a reading connection: every 2 ms at first, every
20 ms when nothing happens. A look costs microseconds and touches no disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_FIRST_PAUSE = 0.002
_LAST_PAUSE = 0.020
_GROWTH = 1.25


class Bell:
    """Rings for everybody who waits in this process; any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self.rung = 0

    def ring(self) -> None:
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, since: int, timeout: float) -> bool:
        """Whether it rang after `since`, waiting for at most `timeout` seconds."""
        with self._condition:
            if self.rung == since:
                self._condition.wait(timeout)
            return self.rung != since


class Watch:
    """One waiting call's eye on the database; one thread at a time."""

    def __init__(self, bell: Bell, version: Callable[[], int]) -> None:
        self._bell = bell
        self._version = version
        self._pause = _FIRST_PAUSE
        self._rung = -1
        self._seen = -1

    def begin(self) -> None:
        """From now on, what is committed ends the next `wait`. Look at the database after this."""
        self._rung = self._bell.rung
        self._seen = self._version()

    def wait(self, deadline: float, stirred: Callable[[], bool]) -> bool:
        """Block until something was committed or `stirred()`; False at `deadline` (monotonic).

        `stirred` is asked at each look, so at most 20 ms after it became true without a ring.
        """
        while (left := deadline - time.monotonic()) > 0:
            rang = self._bell.wait(self._rung, min(self._pause, left))
            if rang or self._version() != self._seen:
                self._pause = _FIRST_PAUSE
                return True
            if stirred():
                return True
            self._pause = min(self._pause * _GROWTH, _LAST_PAUSE)
        return False
