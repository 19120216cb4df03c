"""Ends that the backend shows and nobody asked for, and dead letters that differ from their job."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.events import Dead, Settle
from anyjob.conformance.history.index import Delivery, Index, Job, Settling
from anyjob.conformance.history.rules.causes import is_comparable
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.repeats import copies


def dead_unequal(index: Index) -> Iterator[Finding]:
    """Each burial leaves one dead letter, equal to the job, with its reason and counts; and there
    are no others.
    """
    if not index.header.lists_dead or index.levels.dead == "none":
        return
    for job in index.jobs.values():
        burials = list(_burials(job))
        sure = [each for each in burials if each[1].answer == "ok"]
        # Where a job may be stored or given twice, each copy may be buried.
        alone = index.levels.exclusive and is_comparable(index, copies(job))
        if sure and not (len(job.dead) == 1 or (job.dead and not alone)):
            yield Finding(job.id, f"buried, and {len(job.dead)} dead letters show it")
        for record in job.dead:
            if not burials:
                yield Finding(job.id, "dead, though nobody buried it")
                continue
            wrong = [_differences(record, job, *burial, index=index) for burial in sure or burials]
            if all(wrong):
                yield Finding(job.id, f"its dead letter differs: {wrong[0]}")


def _burials(job: Job) -> Iterator[tuple[Delivery, Settling]]:
    for delivery in job.deliveries:
        for settling in delivery.settlings:
            if settling.event.kind == "bury" and settling.may_have_acted:
                yield delivery, settling


def _differences(
    record: Dead, job: Job, delivery: Delivery, settling: Settling, *, index: Index
) -> str:
    """What is unequal in words; "" if nothing is."""
    wanted = _wanted(delivery, settling.event)
    found = {
        "reason": record.reason,
        "attempts": record.attempts,
        "redeliveries": record.redeliveries,
    }
    if index.levels.redeliveries == "upper":
        wanted["redeliveries"] = found["redeliveries"]
    if job.sent is not None:
        wanted |= {"sha256": job.sent.sha256, "queue": job.sent.queue}
        found |= {"sha256": record.sha256, "queue": record.queue}
        if index.levels.priorities == 10:
            wanted["priority"], found["priority"] = job.sent.priority, record.priority
    unequal = [name for name in wanted if wanted[name] != found[name]]
    return ", ".join(f"{name} {found[name]!r} is not {wanted[name]!r}" for name in unequal)


def _wanted(delivery: Delivery, burial: Settle) -> dict[str, object]:
    return {
        "reason": burial.reason,
        # `attempt` is the failed runs so far plus this one.
        "attempts": delivery.event.attempt - (not burial.ran),
        "redeliveries": delivery.event.redeliveries,
    }


def false_end(index: Index) -> Iterator[Finding]:
    """What is shown as cancelled or expired was asked to end so."""
    for job in index.jobs.values():
        asked = {
            "cancelled": any(answer != "fail" for _, answer, _ in job.cancels),
            "expired": any(each.event.kind == "end" for each in job.settlings),
        }
        if job.shown and not asked[job.shown]:
            yield Finding(job.id, f"shown as {job.shown}, which nobody asked for")
