"""The store's sets and counters; each function inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from anyjob.backends.sqlite.space import Space
from anyjob.core.errors import InvalidOption
from anyjob.core.store import Member, MemberSettled

_CREATE = """
INSERT OR IGNORE INTO anyjob_sets (namespace, name, size, remaining) VALUES (?, ?, ?, ?)
"""
_SET = "SELECT number, size, remaining FROM anyjob_sets WHERE namespace=? AND name=?"
_CLOSE = 'INSERT OR IGNORE INTO anyjob_members ("set", ordinal) VALUES (?, ?)'
_COUNT_DOWN = "UPDATE anyjob_sets SET remaining=remaining-1 WHERE number=?"
_COUNTER = "SELECT value FROM anyjob_counters WHERE namespace=? AND key=?"
_COUNT = "INSERT OR REPLACE INTO anyjob_counters (namespace, key, value) VALUES (?, ?, ?)"
_LARGEST = 2**63 - 1


def create_sets(
    connection: sqlite3.Connection, space: Space, sets: Sequence[tuple[str, int]]
) -> list[bool]:
    return [
        connection.execute(_CREATE, (space.namespace, name.encode(), size, size)).rowcount == 1
        for name, size in sets
    ]


def settle_members(
    connection: sqlite3.Connection, space: Space, members: Sequence[Member]
) -> list[MemberSettled]:
    for member in members:
        _, size, _ = _set(connection, space, member.set)
        if type(member.ordinal) is not int or not 0 <= member.ordinal < size:
            raise InvalidOption(
                f"expected an ordinal of set {member.set!r} from 0 to {size - 1},"
                f" got {member.ordinal!r}"
            )
    return [_settle(connection, space, member) for member in members]


def increment(
    connection: sqlite3.Connection, space: Space, amounts: Sequence[tuple[str, int]]
) -> list[int]:
    values = []
    for key, amount in amounts:
        name = key.encode()
        found = connection.execute(_COUNTER, (space.namespace, name)).fetchone()
        value = amount + (found[0] if found else 0)
        if abs(value) > _LARGEST:
            raise InvalidOption(f"expected counter {key!r} to stay within 64 bits, got {value}")
        connection.execute(_COUNT, (space.namespace, name, value))
        values.append(value)
    return values


def _settle(connection: sqlite3.Connection, space: Space, member: Member) -> MemberSettled:
    number, _, remaining = _set(connection, space, member.set)
    changed = connection.execute(_CLOSE, (number, member.ordinal)).rowcount == 1
    if changed:
        connection.execute(_COUNT_DOWN, (number,))
        remaining -= 1
    return MemberSettled(changed, remaining)


def _set(connection: sqlite3.Connection, space: Space, name: str) -> tuple[int, int, int]:
    found = connection.execute(_SET, (space.namespace, name.encode())).fetchone()
    if found is None:
        raise InvalidOption(f"no set {name!r} was created")
    number, size, remaining = found
    return number, size, remaining
