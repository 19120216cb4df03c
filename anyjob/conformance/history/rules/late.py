"""Fetches that waited beside a ready job."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from math import inf

from anyjob.conformance.history.index import Call, Index, Job
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.waits import Wait, wait_of


def wakeup(index: Index) -> Iterator[Finding]:
    """A waiting fetch returns within `wakeup_lag` of the moment from which a job was there."""
    limit = index.levels.wakeup_lag + index.header.slack
    fetches = {queue: _Fetches(calls, limit) for queue, calls in _waiting(index, limit).items()}
    for job in index.jobs.values():
        wait = wait_of(job, index) if job.sendings else None
        if wait is None or wait.queue not in fetches:
            continue
        if fetches[wait.queue].waited_beside(wait) or _came_late(job, wait, index, limit):
            yield Finding(
                job.id, f"ready for more than {limit:g} s while a fetch of its queue waited"
            )


def _came_late(job: Job, wait: Wait, index: Index, limit: float) -> bool:
    """Whether the fetch that took the job had waited for it, and slept on."""
    if not job.deliveries or job.deliveries[0].fetch is None:
        return False
    fetch, came = job.deliveries[0].fetch, job.deliveries[0].event.mono
    if fetch.begin > wait.since or came - wait.since <= limit:
        return False
    paused = index.stood_still(f"queue {wait.queue}", fetch.begin, came)
    return not paused and not index.stood_still(fetch.process, fetch.begin, came)


def _waiting(index: Index, limit: float) -> dict[str, list[Call]]:
    """The fetches that took longer than that by queue; none whose process stood still meanwhile."""
    found: dict[str, list[Call]] = defaultdict(list)
    for call in index.fetches:
        if call.answer != "ok" or call.end - call.begin <= limit:
            continue
        if index.stood_still(call.process, call.begin, call.end):
            continue
        for queue in call.queues:
            if not index.stood_still(f"queue {queue}", call.begin, call.end):
                found[queue].append(call)
    return found


class _Fetches:
    """Long fetches of one queue, in the order of their beginning."""

    def __init__(self, calls: list[Call], limit: float) -> None:
        calls.sort(key=lambda call: call.begin)
        self._limit = limit
        self._begins = [call.begin for call in calls]
        #: The last end of all that had begun.
        self._ends = list(accumulate((call.end for call in calls), max))

    def waited_beside(self, wait: Wait) -> bool:
        """Whether one shares more than the limit with a job's wait."""
        if wait.until - wait.since <= self._limit:
            return False
        begun = bisect_right(self._begins, wait.until - self._limit if wait.until < inf else inf)
        return begun > 0 and self._ends[begun - 1] > wait.since + self._limit
