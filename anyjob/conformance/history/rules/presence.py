"""Jobs that went away, and jobs that came from nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import TERMINAL, Index, Job, Sending
from anyjob.conformance.history.rules.finding import Finding


def lost(index: Index) -> Iterator[Finding]:
    """An accepted job has ended once everything is drained."""
    for job in index.jobs.values():
        if _was_accepted(job, index) and not _may_have_ended(job, index):
            yield Finding(
                job.id,
                f"accepted, delivered {len(job.deliveries)} times, and never ended",
            )


def phantom(index: Index) -> Iterator[Finding]:
    """What is delivered was sent, and not refused."""
    for job in index.jobs.values():
        if not job.deliveries:
            continue
        possible = [each for each in job.sendings if each.fate in ("accepted", "doubt")]
        if not possible:
            fates = sorted({each.fate for each in job.sendings}) or ["never sent"]
            yield Finding(job.id, f"delivered, though it was {' and '.join(fates)}")
            continue
        first = job.deliveries[0]
        if first.event.mono < min(each.begin for each in possible):
            yield Finding(job.id, "delivered before it was sent")


def _was_accepted(job: Job, index: Index) -> bool:
    return any(
        each.fate == "accepted" or _came_with_its_parent(each, index) for each in job.sendings
    )


def _came_with_its_parent(sending: Sending, index: Index) -> bool:
    """Whether the settlement that brought it is unknown, and acted all the same: its job never came
    again.
    """
    parent = sending.parent
    if sending.fate != "doubt" or parent is None or parent.event.kind not in TERMINAL:
        return False
    job = index.jobs[parent.event.job]
    last = job.deliveries[-1] if job.deliveries else None
    ends = [each for each in job.settlings if each.may_have_acted and each.event.kind in TERMINAL]
    is_last = last is not None and last.event.token == parent.event.token
    return is_last and ends == [parent] and not job.cancels


def _may_have_ended(job: Job, index: Index) -> bool:
    if job.dead or any(answer != "fail" for _, answer, _ in job.cancels):
        return True
    for settling in job.settlings:
        kind = settling.event.kind
        if not settling.may_have_acted or kind not in TERMINAL:
            continue
        # A burial that nobody confirmed shows in the dead letters, or did not happen.
        is_seen = settling.answer == "ok" or not index.header.lists_dead
        if kind != "bury" or is_seen:
            return True
    return False
