"""What time brings about: jobs that become due, leases that lapse, ends that are forgotten."""

from __future__ import annotations

import sqlite3

from anyjob.backends.sqlite.clock import FileClock
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.backends.sqlite.states import ENDED, LEASED, READY, SCHEDULED

#: Rows that one transaction touches at most.
SLICE = 1000

# Due jobs become ready last of their priority, among themselves in the order of their due times.
_PROMOTE = f"""
UPDATE anyjob_jobs SET state={READY}, at=9-priority, place=:place+due.key, since=at
FROM json_each(:seqs) AS due WHERE seq=due.value
"""
_DUE = f"""
SELECT count(*), json_group_array(seq) FROM (
  SELECT seq FROM anyjob_jobs WHERE queue=? AND state={SCHEDULED} AND at<=?
  ORDER BY at, place LIMIT {SLICE})
"""
# A lost lease counts one redelivery and leaves everything else as it was, the place included.
_REAP = f"""
UPDATE anyjob_jobs SET state={READY}, at=9-priority, since=:wall-(:steady-at), token=NULL,
  redeliveries=redeliveries+1
WHERE seq IN (
  SELECT seq FROM anyjob_jobs WHERE queue=:queue AND state={LEASED} AND at<=:steady
  ORDER BY at LIMIT {SLICE})
"""
_FORGET = f"""
DELETE FROM anyjob_jobs WHERE seq IN (
  SELECT seq FROM anyjob_jobs WHERE queue=:queue AND state=:state AND at<=:steady
  ORDER BY at LIMIT {SLICE})
"""
#: One row for each named queue: number, paused, whether a job is ready, the next due time, the next
#: end of a lease.
LOOK = f"""
SELECT number, paused,
  EXISTS (SELECT 1 FROM anyjob_jobs WHERE queue=number AND state={READY}),
  (SELECT min(at) FROM anyjob_jobs WHERE queue=number AND state={SCHEDULED}),
  (SELECT min(at) FROM anyjob_jobs WHERE queue=number AND state={LEASED})
FROM anyjob_queues WHERE number IN (SELECT value FROM json_each(?))
"""
#: When the next end of a queue is to be forgotten, by state.
FORGET_AT = " UNION ALL ".join(
    f"SELECT {state}, min(at) FROM anyjob_jobs WHERE queue=:queue AND state={state}"
    for state in ENDED
)


_READY = f"SELECT count(*) FROM (SELECT 1 FROM anyjob_jobs WHERE queue=? AND state={READY} LIMIT ?)"


def ready(connection: sqlite3.Connection, queue: int, most: int) -> int:
    """How many jobs of a queue are ready, up to `most`."""
    return int(connection.execute(_READY, (queue, most)).fetchone()[0])


def promote(connection: sqlite3.Connection, queue: int, clock: FileClock) -> int:
    """Make due jobs of a queue ready, at most a slice; returns how many."""
    count, due = connection.execute(_DUE, (queue, clock.wall())).fetchone()
    with Stamps(connection, clock) as stamps:
        place = stamps.take(count)
    return connection.execute(_PROMOTE, {"seqs": due, "place": place}).rowcount


def reap(connection: sqlite3.Connection, queue: int, wall: int, steady: int) -> int:
    """Take back lapsed leases of a queue, at most a slice; returns how many."""
    parameters = {"queue": queue, "wall": wall, "steady": steady}
    return connection.execute(_REAP, parameters).rowcount


def forget(connection: sqlite3.Connection, queue: int, state: int, steady: int) -> int:
    """Drop what is remembered of ended jobs past their time, at most a slice; returns how many."""
    parameters = {"queue": queue, "state": state, "steady": steady}
    return connection.execute(_FORGET, parameters).rowcount
