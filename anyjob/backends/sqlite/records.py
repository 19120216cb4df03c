"""What the file shows of its jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anyjob.backends.sqlite.clock import seconds
from anyjob.backends.sqlite.lots import ids_array
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.states import DEAD, ENDED, LEASED, NUMBER, READY, SCHEDULED, STATE
from anyjob.core.backend import Counts, JobRecord, Page
from anyjob.core.errors import InvalidOption
from anyjob.core.state import State

_COLUMNS = (
    "seq, id, state, at, since, priority, attempts, redeliveries, body, note, outcome, reason"
)
_BY_IDS = f"""
SELECT {_COLUMNS} FROM anyjob_jobs LEFT JOIN anyjob_bodies USING (seq)
WHERE queue=? AND id IN (SELECT value FROM json_each(?))
"""
_PAGE = f"""
SELECT {_COLUMNS}, place FROM anyjob_jobs LEFT JOIN anyjob_bodies USING (seq)
WHERE queue=? AND state=? AND (at, place) > (?, ?)
ORDER BY at, place LIMIT ?
"""
# By arrival, which stays while leases come, go and are extended.
_LEASED_PAGE = f"""
SELECT {_COLUMNS}, place FROM anyjob_jobs LEFT JOIN anyjob_bodies USING (seq)
WHERE queue=? AND state={LEASED} AND seq > ? ORDER BY seq LIMIT ?
"""
_COUNT = "(SELECT count(*) FROM anyjob_jobs WHERE queue=:queue AND state={})"
_COUNTS = (
    "SELECT "
    + ", ".join(_COUNT.format(state) for state in (READY, SCHEDULED, LEASED, DEAD))
    + f", (SELECT min(since) FROM anyjob_jobs WHERE queue=:queue AND state={READY})"
)

Row = tuple[Any, ...]
#: What fits into SQLite's 64 bits.
_NUMBER = re.compile(r"[0-9]{1,18}")


def counts(space: Space, number: int) -> Counts:
    """How many jobs stand in each state that is not over."""
    ready, scheduled, leased, dead, since = space.database.read(_COUNTS, {"queue": number})[0]
    age = None if since is None else max(0.0, seconds(space.clock.wall() - since))
    return Counts(ready, scheduled, leased, dead, age)


def find(space: Space, queue: str, number: int, ids: Sequence[str]) -> list[JobRecord | None]:
    """Jobs by id, in order; None for what is unknown or past keeping."""
    rows = space.database.read(_BY_IDS, (number, ids_array(ids)))
    steady = space.clock.steady()
    found = {
        row[1]: _record(space, queue, row) for row in rows if row[2] not in ENDED or row[3] > steady
    }
    return [found.get(id) for id in ids]


def page(
    space: Space, queue: str, number: int, state: State, cursor: str | None, limit: int
) -> Page:
    """Up to `limit` jobs of a state behind `cursor`."""
    after = _read_cursor(state, cursor)
    stored = NUMBER[state]
    if stored == LEASED:
        rows = space.database.read(_LEASED_PAGE, (number, after[-1], limit + 1))
    else:
        rows = space.database.read(_PAGE, (number, stored, *after[:2], limit + 1))
    more = len(rows) > limit
    rows = rows[:limit]
    behind = _cursor(rows[-1]) if more else None
    return Page([_record(space, queue, row) for row in rows], behind)


def _cursor(row: Row) -> str:
    # A leased page goes by the seq, any other by rank and place.
    return f"{row[3]}:{row[-1]}:{row[0]}"


def _read_cursor(state: State, cursor: str | None) -> tuple[int, ...]:
    """The (at, place, seq) of the last row of the page before."""
    if cursor is None:
        return (-1, -1, -1)
    numbers = cursor.split(":")
    if len(numbers) != 3 or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise InvalidOption(
            f"expected a cursor that browse() of the state {str(state)!r} returned, got {cursor!r}"
        )
    return tuple(map(int, numbers))


def _record(space: Space, queue: str, row: Row) -> JobRecord:
    _, id, number, at, since, priority, attempts, redeliveries, body, note, outcome, reason, *_ = (
        row
    )
    state = STATE[number]
    clock = space.clock
    return JobRecord(
        id=id,
        queue=queue,
        state=state,
        priority=priority,
        attempts=attempts,
        redeliveries=redeliveries,
        body=body,
        note=note or b"",
        due=seconds(at) if number == SCHEDULED else None,
        until=seconds(clock.wall() + at - clock.steady()) if number == LEASED else None,
        reason=reason,
        ended=seconds(since) if state.is_terminal else None,
        outcome=outcome,
    )
