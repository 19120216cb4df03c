"""Room for jobs to run at once, where threads and the event loop share it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Gate:
    """Counts nothing: a worker with tasks of one colour is bounded by its threads, or by its loop."""

    def acquire(self, *, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        return


class SharedGate(Gate):
    """Counts running jobs of both colours together; any thread may call it."""

    def __init__(self, concurrency: int, on_open: Callable[[], None]) -> None:
        """`on_open` is called after each release, for whoever could not wait."""
        self._permits = threading.Semaphore(concurrency)
        self._on_open = on_open

    def acquire(self, *, blocking: bool) -> bool:
        return self._permits.acquire(blocking=blocking)

    def release(self) -> None:
        self._permits.release()
        self._on_open()
