"""Watching jobs of a backend that tells nobody of their ends: they are looked at now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

from anyjob.core.backend import Watch

#: The part of the time since the last one came that is waited until the next look, and its bounds.
_PART, _SHORTEST, _LONGEST = 1 / 20, 0.05, 1.0


class Asking(Watch):
    """Names all its jobs: often while some are new, and the less often the longer nobody came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched: dict[str, set[str]] = {}
        self._woken = threading.Event()
        self._came_at = self._look_at = 0.0

    def add(self, queue: str, ids: Collection[str]) -> None:
        self._watched.setdefault(queue, set()).update(ids)
        self._came_at = self._clock()
        self._look_at = min(self._look_at, self._came_at + _SHORTEST)

    def remove(self, queue: str, ids: Collection[str]) -> None:
        left = self._watched.get(queue, set())
        left.difference_update(ids)
        if not left:
            self._watched.pop(queue, None)

    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        left = self._look_at - self._clock()
        if left > 0 and (self._woken.wait(min(left, timeout)) or left > timeout):
            self._woken.clear()
            return {}
        now = self._clock()
        self._look_at = now + min(max(_SHORTEST, _PART * (now - self._came_at)), _LONGEST)
        return {queue: set(ids) for queue, ids in self._watched.items()}

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._watched.clear()
