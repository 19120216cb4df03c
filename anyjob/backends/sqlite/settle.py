"""What settlements do to the rows, a whole lot in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from anyjob.backends.sqlite.clock import microseconds
from anyjob.backends.sqlite.insert import insert, stock
from anyjob.backends.sqlite.lots import Lots, array, one
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.stamps import Stamps
from anyjob.backends.sqlite.states import (
    CANCELLED,
    DEAD,
    ENDED,
    EXPIRED,
    LEASED,
    READY,
    SCHEDULED,
    SUCCEEDED,
)
from anyjob.core.envelope import Envelope
from anyjob.core.failpoints import reach
from anyjob.core.settlement import (
    Abandon,
    Answer,
    Bury,
    Complete,
    End,
    Lease,
    Release,
    Retry,
    Settlement,
)

#: An end is remembered for at least so many seconds, so that a resend cannot bring its job back.
DEDUP_WINDOW = 60.0

# Which of these ids are leased: index in the array, row, token.
_HELD = f"""
SELECT json_group_array(json_array(key, seq, token)) FROM json_each(?) AS asked
CROSS JOIN anyjob_jobs AS job ON queue=? AND job.id=asked.value WHERE state={LEASED}
"""
# Many completions at once, when they leave nothing behind but their end.
_COMPLETE = f"""
UPDATE anyjob_jobs SET state={SUCCEEDED}, at=?, since=?, token=NULL
WHERE seq IN (SELECT value FROM json_each(?))
"""
# Any settlement: seq, state, at, since, failed runs, lost leases, note, outcome, reason, its new
# place or NULL.
_SETTLE = Lots(
    f"""
UPDATE anyjob_jobs SET
  state=new.column2, at=CASE new.column2 WHEN {READY} THEN 9-priority ELSE new.column3 END,
  since=new.column4, token=NULL, attempts=attempts+new.column5,
  redeliveries=redeliveries+new.column6, note=coalesce(new.column7, note),
  outcome=new.column8, reason=new.column9,
  place=coalesce(new.column10, place)
FROM (VALUES {{rows}}) AS new WHERE anyjob_jobs.seq=new.column1
""",
    width=10,
)
_DROP_BODIES = "DELETE FROM anyjob_bodies WHERE seq IN (SELECT value FROM json_each(?))"

_held = msgspec.json.Decoder(list[tuple[int, int, int]])
_END = {"cancelled": CANCELLED, "expired": EXPIRED}


def settle(
    connection: sqlite3.Connection, space: Space, settlements: Sequence[Settlement]
) -> list[Answer]:
    """Settle in order, inside a transaction; one answer each. A second settlement of a lease, and
    one of a lease that is over, is LEASE_LOST and spoils no other.
    """
    rows = held_rows(connection, space, [settlement.lease for settlement in settlements])
    settled: set[int] = set()
    answers, ours = [], []
    for row, settlement in zip(rows, settlements, strict=True):
        if row is None or row in settled:
            answers.append(Answer.LEASE_LOST)
            continue
        settled.add(row)
        ours.append((row, settlement))
        answers.append(Answer.DONE)
    if ours:
        _apply(connection, space, ours)
        reach("sqlite.settle.before_commit")
    return answers


def held_rows(
    connection: sqlite3.Connection, space: Space, leases: Sequence[Lease]
) -> list[int | None]:
    """The rows of the jobs that are leased under these very tokens; None for a lost lease."""
    rows: list[int | None] = [None] * len(leases)
    places: dict[str, list[int]] = {}
    for place, lease in enumerate(leases):
        places.setdefault(lease.queue, []).append(place)
    for queue, own in places.items():
        number = space.number_in(connection, queue)
        ids = array([leases[place].id for place in own])
        for index, seq, token in _held.decode(one(connection, _HELD, (ids, number))):
            if token == leases[own[index]].token:
                rows[own[index]] = seq
    return rows


def _apply(
    connection: sqlite3.Connection, space: Space, ours: list[tuple[int, Settlement]]
) -> None:
    wall, steady = space.clock.wall(), space.clock.steady()
    plain: dict[float, list[int]] = {}
    others: list[tuple[int, Settlement]] = []
    children: list[Envelope] = []
    for seq, settlement in ours:
        children += settlement.then
        if type(settlement) is Complete and settlement.note is None and settlement.outcome is None:
            plain.setdefault(settlement.keep, []).append(seq)
        else:
            others.append((seq, settlement))
    rows = _rows(connection, space, others, wall, steady) if others else []
    gone = [seq for seqs in plain.values() for seq in seqs]
    gone += [row[0] for row in rows if row[1] in ENDED]
    for keep, seqs in plain.items():
        connection.execute(_COMPLETE, (forget_at(steady, keep), wall, array(seqs)))
    _SETTLE.run(connection, rows)
    drop_bodies(connection, gone)
    _enqueue(connection, space, children)


def drop_bodies(connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Remove what a job that is over needs no more."""
    if seqs:
        connection.execute(_DROP_BODIES, (array(seqs),))


def forget_at(steady: int, keep: float) -> int:
    """Steady time until which an end is remembered."""
    return steady + microseconds(max(keep, DEDUP_WINDOW))


def _rows(
    connection: sqlite3.Connection,
    space: Space,
    settled: list[tuple[int, Settlement]],
    wall: int,
    steady: int,
) -> list[tuple[Any, ...]]:
    rows = []
    with Stamps(connection, space.clock) as stamps:
        for seq, each in settled:
            state, at, ran, lost, reason = _move(each, wall, steady)
            # A job that fails at once would otherwise stand before all others for ever.
            place = stamps.next() if state == READY and type(each) is Retry else None
            rows.append((seq, state, at, wall, ran, lost, each.note, each.outcome, reason, place))
    return rows


def _move(settlement: Settlement, wall: int, steady: int) -> tuple[int, int, int, int, str | None]:
    """The new state and rank, failed runs, lost leases, reason."""
    match settlement:
        case Complete():
            return SUCCEEDED, forget_at(steady, settlement.keep), 0, 0, None
        case Retry(delay=delay):
            return (*_again(delay, wall), 1, 0, None)
        case Release(delay=delay):
            return (*_again(delay, wall), 0, 0, None)
        case Abandon():
            return READY, 0, 0, 1, None
        case Bury(reason=reason, ran=ran):
            return DEAD, wall, int(ran), 0, reason
        case End(state=state):
            return _END[state], forget_at(steady, settlement.keep), 0, 0, None


def _again(delay: float, wall: int) -> tuple[int, int]:
    due = wall + microseconds(delay)
    return (SCHEDULED, due) if due > wall else (READY, 0)


def _enqueue(connection: sqlite3.Connection, space: Space, children: list[Envelope]) -> None:
    if children:
        reach("sqlite.children.before")
        numbers = space.numbers(sorted({child.queue for child in children}), connection)
        insert(connection, stock(children, numbers, space.clock), space.clock)
        reach("sqlite.children.after")
