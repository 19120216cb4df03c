"""One who hears of the ends of jobs in a space."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from anyjob.core.backend import Watch


class MemoryWatch(Watch):
    """Hears of ends as they happen. Nothing is called under its lock, which is taken the last."""

    def __init__(self) -> None:
        #: Guards all of it.
        self._news = threading.Condition()
        self._watched: dict[str, set[str]] = {}
        self._told: dict[str, set[str]] = {}
        self._is_woken = False

    def add(self, queue: str, ids: Collection[str]) -> None:
        with self._news:
            self._watched.setdefault(queue, set()).update(ids)

    def remove(self, queue: str, ids: Collection[str]) -> None:
        with self._news:
            for some in (self._watched, self._told):
                left = some.get(queue, set())
                left.difference_update(ids)
                if not left:
                    some.pop(queue, None)

    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        with self._news:
            self._news.wait_for(lambda: self._told or self._is_woken, timeout)
            self._is_woken = False
            told, self._told = self._told, {}
            return told

    def wake(self) -> None:
        with self._news:
            self._is_woken = True
            self._news.notify()

    def close(self) -> None:
        with self._news:
            self._watched.clear()
            self._told.clear()

    def note(self, queue: str, id: str) -> None:
        """Hear that a job ended or went; any thread."""
        with self._news:
            if id in self._watched.get(queue, ()):
                self._told.setdefault(queue, set()).add(id)
                self._news.notify()
