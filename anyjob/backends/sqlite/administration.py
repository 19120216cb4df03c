"""What an administrator does to the jobs of a queue; each function inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from anyjob.backends.sqlite.lots import array, ids_array
from anyjob.backends.sqlite.settle import drop_bodies, forget_at
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.backends.sqlite.states import CANCELLED, DEAD, ENDED, LEASED, READY, SCHEDULED
from anyjob.backends.sqlite.tend import SLICE
from anyjob.core.backend import CancelResult

_STATES = """
SELECT id, seq, state, at FROM anyjob_jobs
WHERE queue=? AND id IN (SELECT value FROM json_each(?))
"""
_CANCEL = f"""
UPDATE anyjob_jobs SET state={CANCELLED}, at=?, since=?
WHERE seq IN (SELECT value FROM json_each(?))
"""
_OF_STATE = "SELECT seq FROM anyjob_jobs WHERE queue=? AND state=? ORDER BY at LIMIT ?"
# The plus sign keeps SQLite from looking through all the dead for a few ids.
_DEAD_BY_ID = f"""
SELECT seq FROM anyjob_jobs
WHERE queue=? AND +state={DEAD} AND id IN (SELECT value FROM json_each(?))
"""
# Behind a place, because those that cannot be revived stay where they are.
_DEAD_AFTER = f"""
SELECT seq, at, place FROM anyjob_jobs
WHERE queue=? AND state={DEAD} AND (at, place) > (?, ?) ORDER BY at, place LIMIT {SLICE}
"""
_REMOVE = "DELETE FROM anyjob_jobs WHERE seq IN (SELECT value FROM json_each(?))"
_SET_BODY = "UPDATE anyjob_bodies SET body=? WHERE seq=?"
# A key whose time is over is in nobody's way.
_LOSE_EXPIRED = f"""
UPDATE anyjob_jobs SET key_until=NULL
WHERE queue=:queue AND state < {DEAD} AND key_until <= :steady AND ukey IN (
  SELECT ukey FROM anyjob_jobs WHERE seq IN (SELECT value FROM json_each(:seqs)))
"""
# OR IGNORE: a job whose unique key has a living holder stays dead.
_REVIVE = f"""
UPDATE OR IGNORE anyjob_jobs SET state={READY}, at=9-priority, since=:wall, attempts=0,
  redeliveries=0, outcome=NULL, reason=NULL, key_until=:steady+key_ttl, place=:place+asked.key
FROM json_each(:seqs) AS asked WHERE seq=asked.value
"""
_STILL_DEAD = f"""
SELECT seq FROM anyjob_jobs WHERE state={DEAD} AND seq IN (SELECT value FROM json_each(?))
"""


def cancel(
    connection: sqlite3.Connection, space: Space, queue: int, ids: Sequence[str], keep: float
) -> list[CancelResult]:
    """End waiting jobs; say what every other one is doing."""
    steady = space.clock.steady()
    rows = connection.execute(_STATES, (queue, ids_array(ids))).fetchall()
    found = {id: _answer(state, at, steady) for id, _, state, at in rows}
    waiting = [seq for _, seq, state, _ in rows if state in (READY, SCHEDULED)]
    if waiting:
        forget = forget_at(steady, keep)
        connection.execute(_CANCEL, (forget, space.clock.wall(), array(waiting)))
        drop_bodies(connection, waiting)
    results = []
    for id in ids:
        results.append(found.get(id, CancelResult.UNKNOWN))
        if results[-1] is CancelResult.CANCELLED:
            found[id] = CancelResult.ENDED  # named twice
    return results


def remove_slice(connection: sqlite3.Connection, queue: int, state: int) -> int:
    """Remove jobs of a state, at most a slice; returns how many."""
    rows = connection.execute(_OF_STATE, (queue, state, SLICE)).fetchall()
    return _remove(connection, [seq for (seq,) in rows])


def discard(connection: sqlite3.Connection, queue: int, ids: Sequence[str]) -> int:
    """Remove dead jobs by id; returns how many."""
    rows = connection.execute(_DEAD_BY_ID, (queue, ids_array(ids))).fetchall()
    return _remove(connection, [seq for (seq,) in rows])


def revive(
    connection: sqlite3.Connection,
    space: Space,
    queue: int,
    ids: Sequence[str],
    edit: Mapping[str, bytes],
) -> int:
    """Make dead jobs ready again by id; returns how many."""
    rows = connection.execute(_DEAD_BY_ID, (queue, ids_array(ids))).fetchall()
    return _revive(connection, space, queue, [seq for (seq,) in rows], edit)


def revive_slice(
    connection: sqlite3.Connection,
    space: Space,
    queue: int,
    after: tuple[int, ...],
    edit: Mapping[str, bytes],
) -> tuple[int, tuple[int, ...] | None]:
    """Make the dead jobs behind a place ready, at most a slice; how many, and the next place."""
    rows = connection.execute(_DEAD_AFTER, (queue, *after)).fetchall()
    revived = _revive(connection, space, queue, [row[0] for row in rows], edit)
    return revived, rows[-1][1:] if len(rows) == SLICE else None


def _revive(
    connection: sqlite3.Connection,
    space: Space,
    queue: int,
    seqs: Sequence[int],
    edit: Mapping[str, bytes],
) -> int:
    if not seqs:
        return 0
    with Stamps(connection, space.clock) as stamps:
        place = stamps.take(len(seqs))
    parameters: dict[str, Any] = {
        "queue": queue,
        "wall": space.clock.wall(),
        "steady": space.clock.steady(),
        "seqs": array(seqs),
        "place": place,
    }
    connection.execute(_LOSE_EXPIRED, parameters)
    connection.execute(_REVIVE, parameters)
    rows = connection.execute(_STILL_DEAD, (parameters["seqs"],)).fetchall()
    revived = set(seqs) - {seq for (seq,) in rows}
    for seq, body in _edits(connection, queue, edit):
        if seq in revived:
            connection.execute(_SET_BODY, (body, seq))
    return len(revived)


def _edits(
    connection: sqlite3.Connection, queue: int, edit: Mapping[str, bytes]
) -> list[tuple[int, bytes]]:
    if not edit:
        return []
    rows = connection.execute(_STATES, (queue, ids_array(list(edit)))).fetchall()
    return [(seq, edit[id]) for id, seq, _, _ in rows]


def _remove(connection: sqlite3.Connection, seqs: Sequence[int]) -> int:
    if seqs:
        drop_bodies(connection, seqs)
        connection.execute(_REMOVE, (array(seqs),))
    return len(seqs)


def _answer(state: int, at: int, steady: int) -> CancelResult:
    if state == LEASED:
        return CancelResult.RUNNING
    if state in ENDED and at <= steady:
        return CancelResult.UNKNOWN  # past keeping, and not swept yet
    if state in (READY, SCHEDULED):
        return CancelResult.CANCELLED
    return CancelResult.ENDED
