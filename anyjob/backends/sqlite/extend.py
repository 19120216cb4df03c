"""How leases are lengthened, and given back by the consumer that ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from anyjob.backends.sqlite.clock import microseconds
from anyjob.backends.sqlite.lots import array
from anyjob.backends.sqlite.settle import held_rows
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.states import LEASED, READY
from anyjob.core.settlement import Lease

_EXTEND = "UPDATE anyjob_jobs SET at=? WHERE seq IN (SELECT value FROM json_each(?))"
# Every lease of one consumer: its session is the high half of each token.
_RELEASE = f"""
UPDATE anyjob_jobs SET state={READY}, at=9-priority, since=?, token=NULL
WHERE queue=? AND state={LEASED} AND token BETWEEN ? AND ?
"""


def extend(
    connection: sqlite3.Connection, space: Space, leases: Sequence[Lease], seconds: float
) -> list[Lease]:
    """Let leases end `seconds` from now, inside a transaction; returns those that are lost.

    One that lapsed and that nobody took is still the holder's.
    """
    rows = held_rows(connection, space, leases)
    alive = [row for row in rows if row is not None]
    if alive:
        until = space.clock.steady() + microseconds(seconds)
        connection.execute(_EXTEND, (until, array(alive)))
    return [lease for lease, row in zip(leases, rows, strict=True) if row is None]


def release(
    connection: sqlite3.Connection, space: Space, queues: Sequence[str], session: int
) -> None:
    """Make every job ready that is leased under `session`, nothing counted."""
    wall = space.clock.wall()
    first = session << 32
    for number in space.numbers(queues, connection).values():
        connection.execute(_RELEASE, (wall, number, first, first | 0xFFFF_FFFF))
