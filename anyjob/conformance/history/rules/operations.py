"""Operations of which none succeeded, and fetches that brought too much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from anyjob.conformance.history.index import Index
from anyjob.conformance.history.rules.finding import Finding

OPERATIONS = ("enqueue", "fetch", "settle", "extend")


def operations(index: Index) -> Iterator[Finding]:
    """Every operation did what was asked at least once."""
    for operation in OPERATIONS:
        if not index.succeeded[operation]:
            yield Finding("", f"no {operation} ever succeeded")


def credit(index: Index) -> Iterator[Finding]:
    """No fetch brings more than its credit, and none one job twice, unless two of it may have been
    stored where no id is remembered.
    """
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for job in index.jobs.values():
        for delivery in job.deliveries:
            found[delivery.event.process, delivery.event.call].append(job.id)
    for call in index.fetches:
        jobs = found.get((call.process, call.number), [])
        if len(jobs) > call.credit:
            yield Finding(
                jobs[-1], f"came with {len(jobs) - 1} others, for a credit of {call.credit}"
            )
        elif len(set(jobs)) < len(jobs) and index.levels.dedup != "none":
            yield Finding(max(jobs, key=jobs.count), "one fetch brought it twice")
