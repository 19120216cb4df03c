"""From when to when a job was surely there for whoever fetched."""

from __future__ import annotations

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
