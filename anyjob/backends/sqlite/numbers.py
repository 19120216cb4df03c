"""The numbers under which the file knows its queues."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

_MAKE = "INSERT OR IGNORE INTO anyjob_queues (namespace, name) VALUES (?, ?)"
_NUMBER = "SELECT number FROM anyjob_queues WHERE namespace=? AND name=?"


def number_of(connection: sqlite3.Connection, namespace: str, name: str) -> int | None:
    """The number of a queue; None if nobody made it."""
    found = connection.execute(_NUMBER, (namespace, name)).fetchone()
    return None if found is None else int(found[0])


def numbers_of(
    connection: sqlite3.Connection, namespace: str, names: Iterable[str]
) -> dict[str, int]:
    """The numbers of queues, which are made if they are new; inside a transaction."""
    numbers = {}
    for name in names:
        number = number_of(connection, namespace, name)
        if number is None:
            connection.execute(_MAKE, (namespace, name))
            number = number_of(connection, namespace, name)
        assert number is not None  # noqa: S101 - made a line above
        numbers[name] = number
    return numbers
