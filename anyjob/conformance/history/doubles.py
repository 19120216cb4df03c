"""Deliveries that nothing explains, where the backend may give a job twice: they are counted, and
no rule looks at them.
"""

from __future__ import annotations

from anyjob.conformance.history.index import Delivery, Index, Job
from anyjob.conformance.history.rules.causes import cause


def leave_aside(index: Index) -> None:
    """Tell doubles from deliveries, where the declared level allows them."""
    if not index.levels.exclusive:
        for job in index.jobs.values():
            _leave_aside(job, index)


def _leave_aside(job: Job, index: Index) -> None:
    before = None
    for delivery in job.deliveries:
        if before is not None and _is_double(before, delivery, index):
            job.doubles.append(delivery)
        else:
            before = delivery


def _is_double(before: Delivery, after: Delivery, index: Index) -> bool:
    if cause(before, after, index) in ("", "done"):
        return True
    # Whatever brings a job back adds to one of its counts, but for a release.
    same = all(
        getattr(before.event, count) == getattr(after.event, count)
        for count in ("attempt", "redeliveries")
    )
    released = any(
        each.event.kind == "release" and each.may_have_acted for each in before.settlings
    )
    return same and not released
