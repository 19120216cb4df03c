"""Queues that got less of the fetches than is theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from anyjob.conformance.history.index import Index
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.waits import wait_of

#: A queue gets its share of the leases within so much of it.
WITHIN = 0.2


class Due(msgspec.Struct, frozen=True, gc=False):
    """What a queue had to get, and got, while one of its jobs was ready."""

    job: str
    least: float
    own: int
    leased: int


def shares(index: Index) -> Iterator[Finding]:
    """While a job of a queue is ready, its queue gets its share of what is leased."""
    for due in dues(index):
        if due.own < due.least:
            yield Finding(
                due.job, f"ready while {due.leased} jobs were leased, {due.own} of its queue"
            )


def dues(index: Index) -> Iterator[Due]:
    """Whenever a queue surely had to get something.

    All consumers of a history fetch from all queues, with equal shares. Each begins with a queue of
    its own choice, and anew when it took somebody's place, so what all may hold at a time is left
    aside, as are jobs whose queue was paused.
    """
    taken: dict[str, list[float]] = defaultdict(list)
    for job in index.jobs.values():
        for delivery in job.deliveries:
            taken[delivery.event.queue].append(delivery.event.mono)
    queues = taken.keys() | {queue for call in index.fetches for queue in call.queues}
    if not queues:
        return
    everything = sorted(at for times in taken.values() for at in times)
    for times in taken.values():
        times.sort()
    aside = (index.header.consumers + 1) * max((call.credit for call in index.fetches), default=0)
    for job in index.jobs.values():
        wait = wait_of(job, index) if job.sendings else None
        if wait is None or index.stood_still(f"queue {wait.queue}", wait.since, wait.until):
            continue
        leased = wait.count(everything)
        least = (1 - WITHIN) * leased / len(queues) - aside
        if least > 0:
            yield Due(job.id, least, wait.count(taken[wait.queue]), leased)
