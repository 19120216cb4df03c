"""Two leases of one job at one time, and holders of an old one that still act."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import Index
from anyjob.conformance.history.rules.causes import has_lapsed, is_comparable, was_struck
from anyjob.conformance.history.rules.finding import Finding
from anyjob.conformance.history.rules.repeats import copies


def overlap(index: Index) -> Iterator[Finding]:
    """A lease is given only when the one before it is settled or over.

    That its holder was killed ends a lease only where it hangs on a connection.
    """
    for job in index.jobs.values():
        if not is_comparable(index, copies(job)):
            continue
        for before, after in job.pairs:
            if before.was_given_up(after.event.mono) or has_lapsed(before, after, index):
                continue
            if index.levels.lease == "connection" and was_struck(before, after, index):
                continue
            yield Finding(
                job.id,
                f"leased to {after.event.process} at {after.at:.3f}, while the lease of"
                f" {before.event.process} lasted until {before.until:.3f}",
            )


def fence(index: Index) -> Iterator[Finding]:
    """Once somebody else has the job, no settlement of an older lease is done."""
    for job in index.jobs.values():
        if not is_comparable(index, copies(job)):
            continue
        for before, after in job.pairs:
            done = before.done
            if done is not None and done.begin > after.event.mono:
                yield Finding(
                    job.id,
                    f"the {done.event.kind} of {before.event.process} was done"
                    f" {done.begin - after.event.mono:.3f} s after {after.event.process} had"
                    " leased the job",
                )
