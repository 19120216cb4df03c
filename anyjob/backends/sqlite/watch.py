"""One eye on a file for everybody in the process who waits for results."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping

from anyjob.backends.sqlite.database import Database
from anyjob.core.backend import Watch


class SQLiteWatch(Watch):
    """Names all its jobs whenever something was committed, whose file tells no more than that."""

    def __init__(self, database: Database) -> None:
        self._eye = database.watch()
        self._watched: dict[str, set[str]] = {}
        self._woken = threading.Event()

    def add(self, queue: str, ids: Collection[str]) -> None:
        if not self._watched:
            self._eye.begin()
        self._watched.setdefault(queue, set()).update(ids)

    def remove(self, queue: str, ids: Collection[str]) -> None:
        left = self._watched.get(queue, set())
        left.difference_update(ids)
        if not left:
            self._watched.pop(queue, None)

    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        self._eye.wait(time.monotonic() + timeout, self._woken.is_set)
        self._woken.clear()
        if not self._watched or not self._eye.has_changed():
            return {}
        self._eye.begin()
        return {queue: set(ids) for queue, ids in self._watched.items()}

    def wake(self) -> None:
        self._woken.set()
        self._eye.stir()

    def close(self) -> None:
        self._watched.clear()
