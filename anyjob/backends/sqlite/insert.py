"""How jobs get into the file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from anyjob.backends.sqlite.clock import FileClock, microseconds
from anyjob.backends.sqlite.lots import Lots, one
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.backends.sqlite.states import ENDED, READY, SCHEDULED
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Unique

#: queue, id, state, at, since, priority, ukey, key_ttl, key_until
Row = tuple[int, str, int, int, int, int, bytes | None, int | None, int | None]

_JOBS = Lots(
    "INSERT OR IGNORE INTO anyjob_jobs"
    " (seq, place, queue, id, state, at, since, priority, ukey, key_ttl, key_until) VALUES {rows}",
    width=11,
)
# A body without a job, which no release of ours leaves behind, must not stop those to come.
_BODIES = Lots("INSERT OR REPLACE INTO anyjob_bodies (seq, body) VALUES {rows}", width=2)
_LAST = "SELECT coalesce(max(seq), 0) FROM anyjob_jobs"
_STORED = "SELECT json_group_array(seq) FROM anyjob_jobs WHERE seq BETWEEN ? AND ?"
_BY_ID = "SELECT seq, state, at FROM anyjob_jobs WHERE queue=? AND id=?"
# The id as bytes: on a caller's connection, texts come as that caller wants them.
_BY_KEY = (
    "SELECT seq, CAST(id AS BLOB), key_until FROM anyjob_jobs"
    " WHERE queue=? AND ukey=? AND ukey IS NOT NULL AND state < 3"
    " AND (key_ttl IS NULL OR key_until IS NOT NULL)"
)
_LOSE_KEY = "UPDATE anyjob_jobs SET key_until=NULL WHERE seq=?"
_NO_KEY = (None, None, None)
_FORGET = "DELETE FROM anyjob_jobs WHERE seq=?"


class Stock(msgspec.Struct, frozen=True):
    """Jobs ready to be written."""

    rows: list[Row]
    bodies: list[bytes]
    #: Steady time at which they were made.
    steady: int


def stock(jobs: Sequence[Envelope], numbers: Mapping[str, int], clock: FileClock) -> Stock:
    """Turn envelopes into rows; `numbers` are those of their queues."""
    wall, steady = clock.wall(), clock.steady()
    return Stock(
        [_row(job, numbers[job.queue], wall, steady) for job in jobs],
        [job.body for job in jobs],
        steady,
    )


def insert(connection: sqlite3.Connection, jobs: Stock, clock: FileClock) -> list[Receipt]:
    """Store jobs, in order, inside a transaction; one receipt each."""
    first = one(connection, _LAST) + 1
    with Stamps(connection, clock) as stamps:
        # Not the seq, which comes again when the newest rows are forgotten.
        ahead = stamps.take(len(jobs.rows)) - first
    numbered = [(seq, ahead + seq, *row) for seq, row in enumerate(jobs.rows, first)]
    bodies = list(enumerate(jobs.bodies, first))
    receipts: list[Receipt] = [ACCEPTED] * len(numbered)
    for start, end, stored in _JOBS.execute(connection, numbered):
        if stored == end - start:
            _BODIES.run(connection, bodies[start:end])
            continue
        there = msgspec.json.decode(one(connection, _STORED, (first + start, first + end - 1)))
        _BODIES.run(connection, [bodies[seq - first] for seq in there])
        for index in sorted(set(range(start, end)) - {seq - first for seq in there}):
            receipts[index] = _settle_conflict(
                connection, numbered[index], bodies[index], jobs.steady
            )
    return receipts


def _row(job: Envelope, queue: int, wall: int, steady: int) -> Row:
    due = job.due
    at = wall if due is None else _due(due, wall)
    key = _NO_KEY if job.unique is None else _key(job.unique, steady)
    if at > wall:
        return (queue, job.id, SCHEDULED, at, wall, job.priority, *key)
    return (queue, job.id, READY, 9 - job.priority, wall, job.priority, *key)


def _due(due: float | datetime, wall: int) -> int:
    if isinstance(due, datetime):
        return microseconds(due.timestamp())
    return wall + microseconds(due)


def _key(unique: Unique, steady: int) -> tuple[bytes, int | None, int | None]:
    key = hashlib.blake2b(unique.key.encode(), digest_size=16).digest()
    if unique.ttl is None:
        return key, None, None
    ttl = microseconds(unique.ttl)
    return key, ttl, steady + ttl


def _settle_conflict(
    connection: sqlite3.Connection, row: tuple[Any, ...], body: tuple[int, bytes], steady: int
) -> Receipt:
    """Answer for a job that was not stored: store it after all if what stood in its way is over."""
    queue, job_id, key = row[2], row[3], row[8]
    while True:
        found = connection.execute(_BY_ID, (queue, job_id)).fetchone()
        if found is not None:
            seq, state, at = found
            if state not in ENDED or at > steady:
                return Duplicate(job_id)
            connection.execute(_FORGET, (seq,))
        holder = key and connection.execute(_BY_KEY, (queue, key)).fetchone()
        if holder:
            seq, holder_id, until = holder
            if until is None or until > steady:
                return Duplicate(bytes(holder_id).decode())
            connection.execute(_LOSE_KEY, (seq,))
        if _JOBS.run(connection, [row]):
            _BODIES.run(connection, [body])
            return ACCEPTED
