"""Jobs that were overtaken."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from anyjob.conformance.history.index import Delivery, Index
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.waits import Wait, wait_of
from anyjob.core.envelope import PRIORITIES

#: One job in so many may come from the low end of the priorities.
LOW_SHARE = 16
#: Those turns may begin at each priority in turn, so one job in so many is surely of the lowest.
LOW_ROUND = LOW_SHARE * PRIORITIES


def inversion(index: Index) -> Iterator[Finding]:
    """Of jobs ready before a fetch began, the higher priority comes first.

    The declared level allows a sixteenth of the jobs from the low end, each consumer beginning with
    one; a job that may have been leased meanwhile does not count as overtaken. Where jobs go ahead
    to consumers that have not asked for them, nobody sees which were ready for another.
    """
    if index.levels.priorities == 1 or index.levels.prefetch:
        return
    waits = _waits(index)
    found: dict[str, list[Finding]] = defaultdict(list)
    taken: dict[str, int] = defaultdict(int)
    for job in index.jobs.values():
        for delivery in job.chain:
            queue = delivery.event.queue
            taken[queue] += 1
            if queue in waits and waits[queue].overtaken_by(delivery):
                found[queue].append(
                    Finding(
                        job.id,
                        f"leased to {delivery.event.process} at priority"
                        f" {delivery.event.priority}, while a higher one was ready",
                    )
                )
    for queue, findings in found.items():
        if len(findings) > allowed(index, taken[queue]):
            yield from findings


def allowed(index: Index, taken: int) -> float:
    """How many of so many leases may be inversions."""
    return taken / LOW_SHARE + 2 * index.header.consumers + 1


def starved(index: Index) -> Iterator[Finding]:
    """While a job of the lowest priority is ready, the low end of its queue gets its share.

    Each consumer counts its leases for itself, and begins anew.
    """
    if index.levels.low_share == "none" or index.levels.priorities == 1:
        return
    taken: dict[str, list[float]] = defaultdict(list)
    low: dict[str, list[float]] = defaultdict(list)
    for job in index.jobs.values():
        for delivery in job.chain:
            taken[delivery.event.queue].append(delivery.event.mono)
            if delivery.event.priority == 0:
                low[delivery.event.queue].append(delivery.event.mono)
    for times in (*taken.values(), *low.values()):
        times.sort()
    for job in index.jobs.values():
        wait = wait_of(job, index)
        if wait is None or wait.priority:
            continue
        beside, of_low = wait.count(taken[wait.queue]), wait.count(low[wait.queue])
        if beside > LOW_ROUND * (of_low + index.header.consumers + 1):
            yield Finding(
                job.id,
                f"ready at the lowest priority while {beside} others were leased, {of_low} of them"
                " of its priority",
            )


def fifo(index: Index) -> Iterator[Finding]:
    """What one producer sent to one priority, one consumer gets in that order; what had a delay, a
    key or was leased before is left aside.
    """
    if index.levels.order != "fifo" or index.levels.visibility_lag:
        return
    lines: dict[tuple[object, ...], list[tuple[int, int, str]]] = defaultdict(list)
    for job in index.jobs.values():
        wait = wait_of(job, index)
        if wait is None or not job.deliveries or job.sendings[0].sent.delay:
            continue
        call, first = job.sendings[0].call, job.deliveries[0].fetch
        if call is None or first is None or job.deliveries[0].event.redeliveries:
            continue
        line = (wait.queue, wait.priority, call.process, first.process)
        lines[line].append((call.number, first.number, job.id))
    for jobs in lines.values():
        yield from _overtakers(sorted(jobs))


def _overtakers(jobs: Sequence[tuple[int, int, str]]) -> Iterator[Finding]:
    """Jobs that were fetched before one that was sent by an earlier call."""
    latest, whose = -1, ""
    for _, lot in groupby(jobs, key=lambda job: job[0]):
        together = list(lot)
        for _, fetched, job_id in together:
            if fetched < latest:
                yield Finding(job_id, f"fetched before {whose}, which was sent before it")
        last = max(together, key=lambda job: job[1])
        if last[1] > latest:
            latest, whose = last[1], last[2]


def _waits(index: Index) -> dict[str, _Line]:
    by_queue: dict[str, list[Wait]] = defaultdict(list)
    for job in index.jobs.values():
        wait = wait_of(job, index)
        if wait is not None:
            by_queue[wait.queue].append(wait)
    exact = index.levels.priorities == 10
    return {queue: _Line(waits, exact=exact) for queue, waits in by_queue.items()}


class _Line:
    """Who was ready when, by priority."""

    def __init__(self, waits: Sequence[Wait], *, exact: bool) -> None:
        # With fewer levels only the two ends surely differ.
        self._exact = exact
        by_priority: dict[int, list[Wait]] = defaultdict(list)
        for wait in waits:
            if exact or wait.priority in (0, 9):
                by_priority[wait.priority].append(wait)
        self._spans = {
            priority: _Spans(sorted(some, key=lambda wait: wait.since))
            for priority, some in by_priority.items()
        }

    def overtaken_by(self, delivery: Delivery) -> bool:
        """Whether a job of a higher priority was ready from before that fetch until after it."""
        priority = delivery.event.priority
        if delivery.fetch is None or not (self._exact or priority == 0):
            return False
        return any(
            spans.cover(delivery.begin, delivery.event.mono)
            for higher, spans in self._spans.items()
            if higher > priority
        )


class _Spans:
    """Waits of one priority, in the order of their beginning."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._begins = [wait.since for wait in waits]
        self._ends = list(accumulate((wait.until for wait in waits), max))

    def cover(self, begin: float, end: float) -> bool:
        """Whether one of them holds all of that time."""
        begun = bisect_right(self._begins, begin)
        return begun > 0 and self._ends[begun - 1] > end
