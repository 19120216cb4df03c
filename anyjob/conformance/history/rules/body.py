"""Jobs that came back changed."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import Index
from anyjob.conformance.history.rules.finding import Finding


def corrupt(index: Index) -> Iterator[Finding]:
    """Body, queue and priority come back equal, at every delivery."""
    exact = index.levels.priorities == 10
    for job in index.jobs.values():
        if job.sent is None:
            continue
        wanted = {
            (each.sent.sha256, each.sent.queue, each.sent.priority if exact else 0)
            for each in job.sendings
        }
        for delivery in job.deliveries:
            event = delivery.event
            if (event.sha256, event.queue, event.priority if exact else 0) not in wanted:
                yield Finding(
                    job.id,
                    f"delivered in {event.queue!r} at priority {event.priority} with a body of"
                    f" sha256 {event.sha256:.12}…, sent to {job.sent.queue!r} at"
                    f" {job.sent.priority} with {job.sent.sha256:.12}…",
                )
                break
