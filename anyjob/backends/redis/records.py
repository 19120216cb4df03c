"""What scripts answer, as values of the contract."""

from __future__ import annotations

import re
from typing import Any

from anyjob.core.backend import CancelResult, Counts, JobRecord
from anyjob.core.settlement import Lease, Verdict
from anyjob.core.state import State

_CURSORS = {
    State.READY: re.compile(r"[0-9]:-?[0-9]{1,15}"),
    State.SCHEDULED: re.compile(r"[0-9.e+]{1,25}:[0-9]:.*", re.DOTALL),
    State.DEAD: re.compile(r"[0-9]{1,16}:.*", re.DOTALL),
    State.LEASED: re.compile(r"id:.*", re.DOTALL),
}
#: A value is the priority, six bytes of time, and the body.
_BODY = 7
_STATES = {
    b"R": State.READY,
    b"W": State.SCHEDULED,
    b"L": State.LEASED,
    b"D": State.DEAD,
    b"S": State.SUCCEEDED,
    b"X": State.EXPIRED,
    b"C": State.CANCELLED,
}
_CANCELLED = {
    "C": CancelResult.CANCELLED,
    "R": CancelResult.RUNNING,
    "E": CancelResult.ENDED,
    "U": CancelResult.UNKNOWN,
}


def leases(
    queue: str, reply: list[Any], token: int, now: float, until: float, into: list[Lease]
) -> None:
    """Append the leases that a fetch gave on one queue."""
    run = Verdict.RUN
    for job, value, meta in zip(reply[3], reply[4], reply[5], strict=True):
        attempt, redeliveries, note = 1, 0, b""
        if meta:
            tried, lost, _, note = meta.split(b":", 3)
            attempt, redeliveries = int(tried) + 1, int(lost)
        into.append(
            Lease(
                job.decode(), queue, token, value[_BODY:], value[0] - 48, attempt, redeliveries,
                note, now, until, run,
            )
        )  # fmt: skip


def record(queue: str, row: list[Any] | None) -> JobRecord | None:
    """A job as a row of lua/show.lua tells of it."""
    if row is None:
        return None
    id, letter, priority, attempts, redeliveries, note, value, time, reason, outcome = row
    state = _STATES[letter]
    seconds = int(time) / 1000 if time else None
    return JobRecord(
        id=id.decode(),
        queue=queue,
        state=state,
        priority=int(priority),
        attempts=int(attempts),
        redeliveries=int(redeliveries),
        body=value[_BODY:] if value else None,
        note=note,
        due=seconds if state is State.SCHEDULED else None,
        until=seconds if state is State.LEASED else None,
        reason=reason[1:].decode() if reason else None,
        ended=seconds if state.is_terminal else None,
        outcome=outcome[1:] if outcome else None,
    )


def counts(reply: list[int]) -> Counts:
    ready, scheduled, leased, dead, age = reply
    return Counts(ready, scheduled, leased, dead, None if age < 0 else age / 1000)


def cancel_results(letters: bytes) -> list[CancelResult]:
    return [_CANCELLED[letter] for letter in letters.decode()]


def is_cursor(state: State, cursor: str) -> bool:
    """Whether `browse` of this state may have returned it."""
    return _CURSORS[State(state)].fullmatch(cursor) is not None
