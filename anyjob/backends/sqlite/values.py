"""The store's values and claims; each function inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from anyjob.backends.sqlite.clock import microseconds, seconds
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.core.store import Claim, ClaimRequest, Delete, Entry, Put, Written

_GET = """
SELECT value, version FROM anyjob_values
WHERE namespace=? AND key=? AND (until IS NULL OR until > ?)
"""
_VERSION = _GET.replace("value, version", "version", 1)
_PUT = """
INSERT OR REPLACE INTO anyjob_values (namespace, key, version, until, value) VALUES (?, ?, ?, ?, ?)
"""
_DELETE = "DELETE FROM anyjob_values WHERE namespace=? AND key=?"
_OWNER = """
SELECT owner, fence, until FROM anyjob_claims WHERE namespace=? AND key=? AND until > ?
"""
_CLAIM = """
INSERT OR REPLACE INTO anyjob_claims (namespace, key, owner, fence, until) VALUES (?, ?, ?, ?, ?)
"""
_UNCLAIM = "DELETE FROM anyjob_claims WHERE namespace=? AND key=? AND fence=? AND until > ?"


def get(connection: sqlite3.Connection, space: Space, keys: Sequence[str]) -> list[Entry | None]:
    now = space.clock.steady()
    rows = (
        connection.execute(_GET, (space.namespace, key.encode(), now)).fetchone() for key in keys
    )
    return [None if row is None else Entry(*row) for row in rows]


def put(connection: sqlite3.Connection, space: Space, puts: Sequence[Put]) -> list[Written]:
    with Stamps(connection, space.clock) as stamps:
        return [_put(connection, space, put, stamps) for put in puts]


def delete(
    connection: sqlite3.Connection, space: Space, deletes: Sequence[Delete]
) -> list[Written]:
    written = []
    for each in deletes:
        version = _version(connection, space, each.key)
        done = each.if_version is None or each.if_version == version
        if done:
            connection.execute(_DELETE, (space.namespace, each.key.encode()))
        written.append(Written(done=done, version=None if done else version))
    return written


def claim(
    connection: sqlite3.Connection, space: Space, requests: Sequence[ClaimRequest]
) -> list[Claim]:
    with Stamps(connection, space.clock) as stamps:
        return [_claim(connection, space, request, stamps) for request in requests]


def unclaim(
    connection: sqlite3.Connection, space: Space, claims: Sequence[tuple[str, int]]
) -> list[bool]:
    now, namespace = space.clock.steady(), space.namespace
    return [
        connection.execute(_UNCLAIM, (namespace, key.encode(), fence, now)).rowcount == 1
        for key, fence in claims
    ]


def _version(connection: sqlite3.Connection, space: Space, key: str) -> int | None:
    parameters = (space.namespace, key.encode(), space.clock.steady())
    row = connection.execute(_VERSION, parameters).fetchone()
    return None if row is None else int(row[0])


def _put(connection: sqlite3.Connection, space: Space, put: Put, stamps: Stamps) -> Written:
    present = _version(connection, space, put.key)
    if (put.if_absent and present is not None) or (
        put.if_version is not None and put.if_version != present
    ):
        return Written(done=False, version=present)
    until = None if put.ttl is None else space.clock.steady() + microseconds(put.ttl)
    version = stamps.next()
    connection.execute(_PUT, (space.namespace, put.key.encode(), version, until, put.value))
    return Written(done=True, version=version)


def _claim(
    connection: sqlite3.Connection, space: Space, request: ClaimRequest, stamps: Stamps
) -> Claim:
    now, key, owner = space.clock.steady(), request.key.encode(), request.owner.encode()
    present = connection.execute(_OWNER, (space.namespace, key, now)).fetchone()
    if present is not None and present[0] != owner:
        holder, fence, until = present
        return Claim(granted=False, owner=holder.decode(), fence=fence, left=seconds(until - now))
    fence = stamps.next() if present is None else present[1]
    until = now + microseconds(request.ttl)
    connection.execute(_CLAIM, (space.namespace, key, owner, fence, until))
    return Claim(granted=True, owner=request.owner, fence=fence, left=request.ttl)
