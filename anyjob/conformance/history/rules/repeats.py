"""Jobs that were delivered more often than anything explains."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import TERMINAL, Index, Job
from anyjob.conformance.history.rules.causes import cause, is_comparable
from anyjob.conformance.history.rules.finding import Finding

#: Settlements after which a job is still there.
_MOVES = frozenset({"retry", "release", "bury", "abandon"})


def resurrected(index: Index) -> Iterator[Finding]:
    """What has ended is not delivered again."""
    for job in index.jobs.values():
        if not is_comparable(index, copies(job)):
            continue
        for before, after in job.pairs:
            done = before.done
            # One that was leased before is a matter of the fence.
            if done is None or done.begin > after.event.mono:
                continue
            if done.event.kind in TERMINAL:
                yield Finding(
                    job.id,
                    f"delivered to {after.event.process} after its {done.event.kind} by"
                    f" {before.event.process} was done",
                )
        ended = [at for _, answer, at in job.cancels if answer == "ok"]
        if ended and any(each.begin > ended[0] for each in job.chain):
            yield Finding(job.id, "delivered after it was cancelled")


def duplicate(index: Index) -> Iterator[Finding]:
    """A job is delivered again only for a reason, and stored once for one id."""
    yield from _unexplained(index)
    if index.levels.dedup == "window":
        for job in index.jobs.values():
            if stored(job) > 1:
                yield Finding(job.id, f"accepted {stored(job)} times under one id")


def _unexplained(index: Index) -> Iterator[Finding]:
    for job in index.jobs.values():
        if not is_comparable(index, copies(job)):
            continue
        for before, after in job.pairs:
            if not cause(before, after, index):
                yield Finding(
                    job.id,
                    f"delivered to {before.event.process} and, with that lease neither settled nor"
                    f" lapsed, to {after.event.process}",
                )


def stored(job: Job) -> int:
    """How often it was surely stored."""
    return sum(each.fate == "accepted" for each in job.sendings)


def copies(job: Job) -> int:
    """How often it may have been stored: also by a settlement that puts it into a new place, of
    which nobody knows whether the old one was removed.
    """
    sent = sum(each.fate in ("accepted", "doubt") for each in job.sendings)
    return sent + sum(
        settling.event.kind in _MOVES
        for delivery in job.deliveries
        for settling in delivery.doubtful
    )


def deliveries(index: Index) -> int:
    """How many leases were given."""
    return sum(len(job.deliveries) for job in index.jobs.values())
