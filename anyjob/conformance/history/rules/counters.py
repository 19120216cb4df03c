"""Attempts, redeliveries and tokens, from one lease of a job to the next."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import Delivery, Index, Job
from anyjob.conformance.history.rules.causes import cause, is_comparable
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.repeats import copies

#: Attempts and redeliveries that a lease adds to the one before.
Step = tuple[int, int]
LOST: Step = (0, 1)
STEPS: dict[str, Step] = {"retry": (1, 0), "release": (0, 0), "abandon": LOST}


def step(index: Index) -> Iterator[Finding]:
    """A job begins at attempt 1 and redelivery 0; a retry adds one attempt, a lost lease one
    redelivery, a release nothing.
    """
    for job in index.jobs.values():
        if not job.deliveries or not _has_one_past(index, job):
            continue
        first = job.deliveries[0]
        sent = min((each.begin for each in job.sendings), default=first.begin)
        found = (first.event.attempt - 1, first.event.redeliveries)
        if not _is_legal(found, {(0, 0)}, _unseen(sent, first.event.mono, index)):
            yield Finding(job.id, f"first delivered with {_told(first)}")
        for before, after in job.pairs:
            found = _between(before, after)
            unseen = _unseen(before.begin, after.event.mono, index)
            if not _is_legal(found, _steps(before, after), unseen):
                yield Finding(
                    job.id, f"{_told(before)} was followed by {_told(after)}{_why(before, index)}"
                )


def token(index: Index) -> Iterator[Finding]:
    """No token of a job is given twice."""
    for job in index.jobs.values():
        tokens = [each.event.token for each in job.deliveries]
        if len(set(tokens)) < len(tokens):
            yield Finding(job.id, "delivered twice under one token")


def over_limit(index: Index) -> Iterator[Finding]:
    """A job has at most `max_attempts` failed runs, and is not run once it lost more than
    `max_redeliveries` leases.
    """
    header = index.header
    for job in index.jobs.values():
        if not _has_one_past(index, job):
            continue
        failures = lost = 0
        for before, after in job.pairs:
            failures += before.done is not None and before.done.event.kind == "retry"
            lost += _lost_a_lease(before, after, index)
            if after.event.verdict != "run":
                continue
            if failures >= header.max_attempts or after.event.attempt > header.max_attempts:
                yield Finding(
                    job.id, f"run again after {failures} of {header.max_attempts} attempts failed"
                )
                break
            if lost > header.max_redeliveries:
                yield Finding(
                    job.id,
                    f"run again after {lost} lost leases, at most {header.max_redeliveries}"
                    " are allowed",
                )
                break


def _has_one_past(index: Index, job: Job) -> bool:
    """Whether all its leases are of one copy. Where a job may be given twice, what follows it is
    stored before it is removed, and a settlement in doubt may leave both.
    """
    if not is_comparable(index, copies(job)):
        return False
    doubtful = [each for delivery in job.deliveries for each in delivery.doubtful]
    return index.levels.exclusive or not any(each.event.kind in STEPS for each in doubtful)


def _lost_a_lease(before: Delivery, after: Delivery, index: Index) -> bool:
    if before.done is not None:
        return before.done.event.kind == "abandon"
    return cause(before, after, index) in ("lapse", "struck")


def _steps(before: Delivery, after: Delivery) -> set[Step]:
    """What the settlements of a lease allow its successor to add."""
    done = before.done
    if done is not None and done.begin <= after.event.mono:
        return {STEPS.get(done.event.kind, LOST)}
    doubtful = [each for each in before.doubtful if each.begin < after.event.mono]
    return {LOST, *(STEPS.get(each.event.kind, LOST) for each in doubtful)}


def _unseen(since: float, until: float, index: Index) -> int:
    """How often the job may have been lost in that time without anybody having heard of it."""
    unseen = index.hidden(since, until)
    if index.levels.redeliveries == "upper":
        # What was only on its way to somebody who was cut off counts, and a return does; where jobs
        # go ahead, each consumer may have returned it.
        unseen += index.strikes(since, until) + 1
        unseen += index.header.consumers if index.levels.prefetch else 0
    return unseen


def _is_legal(found: Step, steps: set[Step], unseen: int) -> bool:
    attempts, redeliveries = found
    for more_attempts, more_redeliveries in steps:
        most = more_redeliveries + unseen
        if attempts == more_attempts and more_redeliveries <= redeliveries <= most:
            return True
    return False


def _between(before: Delivery, after: Delivery) -> Step:
    return (
        after.event.attempt - before.event.attempt,
        after.event.redeliveries - before.event.redeliveries,
    )


def _told(delivery: Delivery) -> str:
    return f"attempt {delivery.event.attempt}, redelivery {delivery.event.redeliveries}"


def _why(before: Delivery, index: Index) -> str:
    done = before.done
    return f" after a {done.event.kind}" if done is not None else " with no settlement done"
