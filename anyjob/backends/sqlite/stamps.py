"""Numbers that only ever grow in a file: places of jobs; versions, fences, tokens and sequences of
the store.
"""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Self

from anyjob.backends.sqlite.clock import FileClock


class Stamps:
    """Gives out numbers inside a transaction, and remembers the last one when it ends.

    They are at least the time in microseconds, so that a file restored from an older copy gives out
    none a second time.
    """

    def __init__(self, connection: sqlite3.Connection, clock: FileClock) -> None:
        self._connection = connection
        self._clock = clock
        self._first = self._last = 0

    def __enter__(self) -> Self:
        stored = self._connection.execute("SELECT stamp FROM anyjob_meta").fetchone()[0]
        self._first = self._last = max(stored, self._clock.wall())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None and self._last > self._first:
            self._connection.execute("UPDATE anyjob_meta SET stamp=?", (self._last,))

    def next(self) -> int:
        return self.take(1)

    def take(self, count: int) -> int:
        """The first of `count` numbers in a row."""
        self._last += count
        return self._last - count + 1
