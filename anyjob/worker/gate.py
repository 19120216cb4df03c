"""Room for jobs to run at once, where threads and the event loop share it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Gate:
    """Counts nothing: with tasks of one colour, its threads or its loop are the bound."""

    def acquire(self, *, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        return


class SharedGate(Gate):
    """Counts running jobs of both colours together; any thread may call it.

    Permits lie in a deque, whose single steps are atomic: no lock is taken while there are some.
    """

    def __init__(self, concurrency: int, on_open: Callable[[], None]) -> None:
        """`on_open` is called after each release, for whoever could not wait."""
        self._permits = deque([None] * concurrency)
        self._opened = threading.Condition()
        #: Guarded by the condition: how many threads wait for a permit.
        self._blocked = 0
        self._on_open = on_open

    def acquire(self, *, blocking: bool) -> bool:
        if self._take():
            return True
        return blocking and self._wait()

    def release(self) -> None:
        self._permits.append(None)
        if self._blocked:
            with self._opened:
                self._opened.notify()
        self._on_open()

    def _take(self) -> bool:
        try:
            self._permits.pop()
        except IndexError:
            return False
        return True

    def _wait(self) -> bool:
        with self._opened:
            # Counted before the next look, so that a release in between sees somebody wait.
            self._blocked += 1
            while not self._take():
                self._opened.wait()
            self._blocked -= 1
        return True
