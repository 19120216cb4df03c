"""How a waiting call learns that something was committed.

Within the process a commit rings the bell. Across processes there is nothing to wait on, so a
waiting call looks at `PRAGMA data_version` of a reading connection: every 2 ms at first, every
25 ms when nothing happens. A look costs microseconds and touches no disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FIRST_PAUSE = 0.002
_LAST_PAUSE = 0.025
_GROWTH = 1.25


class Bell:
    """Rings for everybody who waits in this process; any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._alarms: set[threading.Lock] = set()
        self.rung = 0

    def ring(self) -> None:
        with self._guard:
            self.rung += 1
            alarms, self._alarms = self._alarms, set()
        for alarm in alarms:
            alarm.release()

    def ring_for(self, alarm: threading.Lock) -> None:
        """Ring for one who listens; in vain if it rang for that one already."""
        with self._guard:
            if alarm not in self._alarms:
                return
            self._alarms.discard(alarm)
        alarm.release()

    @contextmanager
    def listening(self, since: int) -> Iterator[threading.Lock]:
        """A lock that can be acquired as soon as it rang after `since`."""
        alarm = threading.Lock()
        alarm.acquire()
        with self._guard:
            late = self.rung != since
            if not late:
                self._alarms.add(alarm)
        if late:
            alarm.release()
        try:
            yield alarm
        finally:
            with self._guard:
                self._alarms.discard(alarm)


class Watch:
    """One waiting call's eye on the database; one thread at a time, and `stir` for any."""

    def __init__(self, bell: Bell, version: Callable[[], int]) -> None:
        self._bell = bell
        self._version = version
        self._pause = _FIRST_PAUSE
        self._rung = -1
        self._seen = -1
        self._alarm: threading.Lock | None = None

    def begin(self) -> None:
        """From now on, what is committed ends the next `wait`. Look at the database after this."""
        self._rung = self._bell.rung
        self._seen = self._version()

    def has_changed(self) -> bool:
        """Whether something was committed since `begin`."""
        return self._bell.rung != self._rung or self._version() != self._seen

    def stir(self) -> None:
        """Let a `wait` ask at once whether it is stirred."""
        if (alarm := self._alarm) is not None:
            self._bell.ring_for(alarm)

    def wait(self, deadline: float, stirred: Callable[[], bool]) -> bool:
        """Block until something was committed or `stirred()`; False at `deadline` (monotonic).

        `stirred` is asked at first and at each look, so at most 25 ms after it became true without
        a ring.
        """
        # One alarm for all looks: this loop is what an idle worker spends its time on.
        with self._bell.listening(self._rung) as self._alarm:
            alarm = self._alarm
            if stirred():
                return True
            while (left := deadline - time.monotonic()) > 0:
                rang = alarm.acquire(timeout=min(self._pause, left))
                if rang or self._version() != self._seen:
                    self._pause = _FIRST_PAUSE
                    return True
                if stirred():
                    return True
                self._pause = min(self._pause * _GROWTH, _LAST_PAUSE)
        return False
