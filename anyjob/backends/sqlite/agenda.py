"""The store's schedule sets and series; each function inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from anyjob.backends.sqlite.clock import microseconds, seconds
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.core.store import Due, Point

#: Points past keeping that one append drops at most.
_DROP = 1000

_ADD = """
INSERT OR IGNORE INTO anyjob_due (namespace, "set", id, due, at, value) VALUES (?, ?, ?, ?, ?, ?)
"""
_TAKE_BACK = """
UPDATE anyjob_due SET held=0, at=due WHERE namespace=? AND "set"=? AND held=1 AND at <= ?
"""
_FIRST = """
SELECT number, id, due, value FROM anyjob_due
WHERE namespace=? AND "set"=? AND held=0 AND at <= ? ORDER BY at, number LIMIT ?
"""
_HOLD = "UPDATE anyjob_due SET held=1, at=?, token=? WHERE number=?"
_SETTLE = 'DELETE FROM anyjob_due WHERE namespace=? AND "set"=? AND id=? AND token=?'
_REMOVE = """
DELETE FROM anyjob_due WHERE namespace=? AND "set"=? AND id=? AND (held=0 OR at <= ?)
"""
_LAST = "SELECT max(at) FROM anyjob_series WHERE namespace=? AND name=?"
_APPEND = """
INSERT INTO anyjob_series (namespace, name, at, sequence, value) VALUES (?, ?, ?, ?, ?)
"""
_OLD = f"""
DELETE FROM anyjob_series WHERE (namespace, name, at, sequence) IN (
  SELECT namespace, name, at, sequence FROM anyjob_series
  WHERE namespace=? AND name=? AND at < ? ORDER BY at, sequence LIMIT {_DROP})
"""
_READ = """
SELECT at, sequence, value FROM anyjob_series
WHERE namespace=? AND name=? AND (at, sequence) > (?, ?) ORDER BY at, sequence LIMIT ?
"""


def schedule(
    connection: sqlite3.Connection, space: Space, entries: Sequence[tuple[str, str, float, bytes]]
) -> list[bool]:
    added = []
    for name, id, due, value in entries:
        at = microseconds(due)
        row = (space.namespace, name.encode(), id.encode(), at, at, value)
        added.append(connection.execute(_ADD, row).rowcount == 1)
    return added


def take_due(
    connection: sqlite3.Connection, space: Space, name: str, limit: int, lease: float
) -> list[Due]:
    own, steady = (space.namespace, name.encode()), space.clock.steady()
    connection.execute(_TAKE_BACK, (*own, steady))
    rows = connection.execute(_FIRST, (*own, space.clock.wall(), limit)).fetchall()
    taken = []
    with Stamps(connection, space.clock) as stamps:
        for number, id, due, value in rows:
            token = stamps.next()
            connection.execute(_HOLD, (steady + microseconds(lease), token, number))
            taken.append(Due(name, id.decode(), seconds(due), value, token))
    return taken


def settle_due(connection: sqlite3.Connection, space: Space, taken: Sequence[Due]) -> list[bool]:
    return [
        connection.execute(
            _SETTLE, (space.namespace, due.set.encode(), due.id.encode(), due.token)
        ).rowcount
        == 1
        for due in taken
    ]


def unschedule(
    connection: sqlite3.Connection, space: Space, entries: Sequence[tuple[str, str]]
) -> list[bool]:
    steady = space.clock.steady()
    return [
        connection.execute(_REMOVE, (space.namespace, name.encode(), id.encode(), steady)).rowcount
        == 1
        for name, id in entries
    ]


def append(
    connection: sqlite3.Connection, space: Space, points: Sequence[tuple[str, bytes]], keep: float
) -> None:
    wall = space.clock.wall()
    with Stamps(connection, space.clock) as stamps:
        for name, value in points:
            own = (space.namespace, name.encode())
            last = connection.execute(_LAST, own).fetchone()[0]
            # A wall clock that steps back must not put a point before one a reader has seen.
            at = wall if last is None else max(wall, last)
            connection.execute(_APPEND, (*own, at, stamps.next(), value))
    for own in {(space.namespace, name.encode()) for name, _ in points}:
        connection.execute(_OLD, (*own, wall - microseconds(keep)))


def series(
    connection: sqlite3.Connection,
    space: Space,
    name: str,
    after: tuple[float, int] | None,
    limit: int,
) -> list[Point]:
    at, sequence = (-1, -1) if after is None else (microseconds(after[0]), after[1])
    rows = connection.execute(_READ, (space.namespace, name.encode(), at, sequence, limit))
    return [Point(seconds(at), sequence, value) for at, sequence, value in rows.fetchall()]
