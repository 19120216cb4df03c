"""Several things at once: calls that start together, and one that waits in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from anyjob.conformance.stage import SETTLED_IN

T = TypeVar("T")


class Background(Generic[T]):
    """A call in a thread of its own, begun at once."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: list[T] = []
        self._error: BaseException | None = None
        #: `time.monotonic()` at which it ended.
        self.ended = 0.0
        self._thread = threading.Thread(target=self._run, name="conformance", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # whatever it raises is raised again by result()
            self._error = error
        finally:
            self.ended = time.monotonic()

    def is_waiting(self) -> bool:
        """Whether it has not ended after a moment."""
        self._thread.join(SETTLED_IN)
        return self._thread.is_alive()

    def result(self, within: float) -> T:
        """What it returned; raises what it raised; fails if it has not ended in so many seconds."""
        self._thread.join(within)
        assert not self._thread.is_alive(), f"still blocked after {within:g} s"
        if self._error is not None:
            raise self._error
        return self._result[0]


def at_once(calls: Sequence[Callable[[], T]], within: float = 60.0) -> list[T]:
    """Start all calls together and return what they returned, in order; raises what the first of
    them raised.
    """
    barrier = threading.Barrier(len(calls))

    def started(call: Callable[[], T]) -> Callable[[], T]:
        def run() -> T:
            barrier.wait(within)
            return call()

        return run

    running = [Background(started(call)) for call in calls]
    return [each.result(within) for each in running]
