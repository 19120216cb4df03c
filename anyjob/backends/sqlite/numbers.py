"""The numbers under which the file knows its queues."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

_MAKE = "INSERT OR IGNORE INTO anyjob_queues (namespace, name) VALUES (?, ?)"
_NUMBER = "SELECT number FROM anyjob_queues WHERE namespace=? AND name=?"


def numbers_of(
    connection: sqlite3.Connection, namespace: str, names: Iterable[str]
) -> dict[str, int]:
    """The numbers of queues, which are made if they are new; inside a transaction."""
    numbers = {}
    for name in names:
        found = connection.execute(_NUMBER, (namespace, name)).fetchone()
        if found is None:
            connection.execute(_MAKE, (namespace, name))
            found = connection.execute(_NUMBER, (namespace, name)).fetchone()
        numbers[name] = int(found[0])
    return numbers
