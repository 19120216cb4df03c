"""Keeping the file up to the present: bounded slices, from any number of processes at once."""

from __future__ import annotations

import contextlib
import sqlite3
import time

from anyjob.backends.sqlite.clock import seconds
from anyjob.backends.sqlite.lots import array
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.tend import FORGET_AT, LOOK, SLICE, forget, promote, reap
from anyjob.core.errors import BackendFull

#: Seconds after which maintenance wants to be called again at the latest.
_IDLE = 1.0
#: And not before so many, however many things are about to come due: under half the declared lag.
_SOONEST = 0.02
_ALL = "SELECT number FROM anyjob_queues WHERE namespace=?"


def keep_house(space: Space, budget: float) -> float:
    """Promote, take back and forget for about `budget` seconds; returns when to come again."""
    deadline = time.monotonic() + budget
    space.database.keep_house()
    numbers = [number for (number,) in space.database.read(_ALL, (space.namespace,))]
    for number in numbers:
        while _tend(space, number, forgetting=True):
            if time.monotonic() >= deadline:
                return 0.0
    return _next(space, numbers)


def bring_up(space: Space, number: int) -> None:
    """Let what is due be ready and what lapsed be taken back, before somebody looks."""
    with contextlib.suppress(BackendFull):  # looking needs no room
        while _tend(space, number, forgetting=False):
            pass


def _tend(space: Space, number: int, *, forgetting: bool) -> bool:
    """Do a slice of each chore that has come; whether there may be more."""
    wall, steady = space.clock.wall(), space.clock.steady()
    due, lapse = _ahead(space, number)
    promoting = due is not None and due <= wall
    reaping = lapse is not None and lapse <= steady
    over = _over(space, number) if forgetting else []
    states = [state for state, at in over if at <= steady]
    if not (promoting or reaping or states):
        return False

    def work(connection: sqlite3.Connection) -> int:
        return max(
            promote(connection, number, space.clock) if promoting else 0,
            reap(connection, number, wall, steady) if reaping else 0,
            *(forget(connection, number, state, steady) for state in states),
            0,
        )

    return bool(space.database.write(work) >= SLICE)


def _next(space: Space, numbers: list[int]) -> float:
    wall, steady = space.clock.wall(), space.clock.steady()
    waits = [_IDLE]
    for number in numbers:
        due, lapse = _ahead(space, number)
        waits += [] if due is None else [seconds(due - wall)]
        waits += [] if lapse is None else [seconds(lapse - steady)]
        # Ends are remembered one by one; they are forgotten by the second.
    return max(_SOONEST, min(waits))


def _ahead(space: Space, number: int) -> tuple[int | None, int | None]:
    """The next due time and the next end of a lease."""
    rows = space.database.read(LOOK, (array([number]),))
    return (rows[0][3], rows[0][4]) if rows else (None, None)


def _over(space: Space, number: int) -> list[tuple[int, int]]:
    """(state, steady time) of the next end to be forgotten, by state."""
    rows = space.database.read(FORGET_AT, {"queue": number})
    return [(state, at) for state, at in rows if at is not None]
