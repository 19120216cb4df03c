"""From when to when a job was surely there for whoever fetched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import inf

import msgspec

from anyjob.conformance.history.index import Index, Job


class Wait(msgspec.Struct, frozen=True, gc=False):
    """A job that was ready, from its acceptance to the fetch that took it."""

    job: str
    queue: str
    priority: int
    #: Surely ready in this time.
    since: float
    until: float

    def count(self, times: Sequence[float]) -> int:
        """How many of the sorted times lie in it."""
        return max(0, bisect_left(times, self.until) - bisect_right(times, self.since))


def wait_of(job: Job, index: Index) -> Wait | None:
    """The first wait of a job that nothing but its first lease ended; None if that is not sure.

    A job that may have been leased without anybody's knowledge, was sent twice, was cancelled, or
    came with a settlement was not surely there.
    """
    if len(job.sendings) != 1 or job.cancels:
        return None
    [sending] = job.sendings
    if sending.accepted == inf or sending.call is None or sending.sent.run_at is not None:
        return None
    levels = index.levels
    since = sending.accepted + levels.visibility_lag
    if sending.sent.delay:
        since += sending.sent.delay + levels.schedule_lag + levels.resolution
    until = inf
    if job.deliveries:
        first = job.deliveries[0]
        if index.hidden(sending.begin, first.event.mono):
            return None
        until = first.begin
    return Wait(job.id, sending.sent.queue, sending.sent.priority, since, until)
