"""One application's part of a database file: its namespace."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from anyjob.backends.sqlite.clock import FileClock
from anyjob.backends.sqlite.database import Database
from anyjob.backends.sqlite.numbers import number_of, numbers_of


class Space:
    """A namespace in a database; any thread."""

    def __init__(self, database: Database, namespace: str) -> None:
        self.database = database
        self.namespace = namespace

    @property
    def clock(self) -> FileClock:
        return self.database.clock

    def numbers(
        self, queues: Sequence[str], connection: sqlite3.Connection | None = None
    ) -> dict[str, int]:
        """The numbers of queues, which are made if they are new: inside the transaction of
        `connection`, or in one of their own.
        """
        known = self._known(queues)
        missing = [name for name in queues if name not in known]
        if not missing:
            return known
        if connection is not None:
            # Not remembered: the transaction may be rolled back.
            return known | numbers_of(connection, self.namespace, missing)
        made: dict[str, int] = self.database.write(
            lambda connection: numbers_of(connection, self.namespace, missing)
        )
        self._remember(made)
        return known | made

    def names(self) -> set[str]:
        """The queues known so far, whose names are therefore legal."""
        return {name for space, name in self.database.queues() if space == self.namespace}

    def number(self, queue: str) -> int | None:
        """The number of a queue that somebody made."""
        known = self._known([queue])
        if known:
            return known[queue]
        number = self.database.look(lambda connection: number_of(connection, self.namespace, queue))
        if number is not None:
            self._remember({queue: number})
        return number

    def number_in(self, connection: sqlite3.Connection, queue: str) -> int | None:
        """The number of a queue that somebody made, as `connection` sees it."""
        known = self._known([queue])
        return known[queue] if known else number_of(connection, self.namespace, queue)

    def _known(self, queues: Sequence[str]) -> dict[str, int]:
        numbers, namespace = self.database.queues(), self.namespace
        return {name: numbers[namespace, name] for name in queues if (namespace, name) in numbers}

    def _remember(self, numbers: Mapping[str, int]) -> None:
        known = self.database.queues()
        for name, number in numbers.items():
            known[self.namespace, name] = number
