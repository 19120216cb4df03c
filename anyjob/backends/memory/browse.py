"""Listings of a queue by pages, each of which begins behind the last one's cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import islice

from anyjob.backends.memory.job import DEAD, LEASED, READY, SCHEDULED, Job
from anyjob.backends.memory.queue import Queue
from anyjob.core.errors import InvalidOption
from anyjob.core.state import State

BROWSABLE = frozenset({READY, SCHEDULED, LEASED, DEAD})


def page(
    queue: Queue, state: State, cursor: str | None, limit: int
) -> tuple[list[Job], str | None]:
    """Up to `limit` jobs of a state, and the cursor of the next page; None at the end."""
    try:
        entries = _entries(queue, state, cursor, limit + 1)
    except ValueError as error:
        raise InvalidOption(
            f"expected a cursor that browse() of the state {str(state)!r} returned, got {cursor!r}"
        ) from error
    jobs = [job for _, job in entries[:limit]]
    return jobs, entries[limit - 1][0] if len(entries) > limit else None


def _entries(queue: Queue, state: State, cursor: str | None, most: int) -> list[tuple[str, Job]]:
    """(cursor, job) for the first `most` jobs behind `cursor`."""
    if state is READY:
        return list(islice(_ready(queue, cursor), most))
    if state is SCHEDULED:
        return _scheduled(queue, cursor, most)
    if state is LEASED:
        # By id, which stays while leases come, go and are extended.
        ids = sorted(id for id in queue.leased if cursor is None or id > cursor)
        return [(id, queue.leased[id]) for id in ids[:most]]
    last = int(cursor) if cursor is not None else 0
    return list(islice(_buried(queue.dead.values(), last), most))


def _ready(queue: Queue, cursor: str | None) -> Iterator[tuple[str, Job]]:
    priority, place = len(queue.lines) - 1, 0
    if cursor is not None:
        first, _, second = cursor.partition(":")
        priority, place = int(first), int(second)
        if not 0 <= priority < len(queue.lines):
            raise ValueError(cursor)
    while priority >= 0:
        for job in queue.lines[priority].after(place):
            yield f"{priority}:{job.place}", job
        priority, place = priority - 1, 0


def _scheduled(queue: Queue, cursor: str | None, most: int) -> list[tuple[str, Job]]:
    after = (float("-inf"), 0)
    if cursor is not None:
        first, _, second = cursor.partition(":")
        after = (float(first), int(second))
    waiting = (entry for entry in queue.due if entry[2].state is SCHEDULED and entry[:2] > after)
    return [(f"{due!r}:{number}", job) for due, number, job in nsmallest(most, waiting)]


def _buried(dead: Iterable[Job], last: int) -> Iterator[tuple[str, Job]]:
    return ((str(job.place), job) for job in dead if job.place > last)
