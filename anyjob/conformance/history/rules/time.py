"""Jobs that came too soon."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import Delivery, Index, Job, Sending, Settling
from anyjob.conformance.history.rules.finding import Finding

#: What two clocks of one machine differ by in the time of a delay.
_DRIFT = 0.005


def early(index: Index) -> Iterator[Finding]:
    """Nothing is delivered before its delay has passed, nor before its instant.

    A delay counts from the call on, so the backend began to count no sooner.
    """
    for job in index.jobs.values():
        yield from _first(job, index)
        for before, after in job.pairs:
            settling = before.done
            if settling is not None and settling.event.delay and _came_too_soon(settling, after):
                yield Finding(
                    job.id,
                    f"delivered {after.event.mono - settling.begin:.3f} s after a"
                    f" {settling.event.kind} with a delay of {settling.event.delay:g} s",
                )


def _first(job: Job, index: Index) -> Iterator[Finding]:
    if not job.deliveries or not job.sendings:
        return
    first = job.deliveries[0]
    possible = [each for each in job.sendings if each.fate in ("accepted", "doubt")]
    if possible and all(_is_early(first, each, index.levels.resolution) for each in possible):
        sent = possible[0].sent
        due = f"with a delay of {sent.delay:g} s" if sent.run_at is None else f"due {sent.run_at}"
        passed = first.event.mono - possible[0].begin
        yield Finding(
            job.id, f"delivered at {first.at:.3f}, {passed:.3f} s after it was sent {due}"
        )


def _is_early(delivery: Delivery, sending: Sending, resolution: float) -> bool:
    sent = sending.sent
    if sent.run_at is not None:
        return delivery.at < sent.run_at - resolution
    return sent.delay > 0 and delivery.event.mono - sending.begin < _least(sent.delay)


def _came_too_soon(settling: Settling, after: Delivery) -> bool:
    return after.event.mono - settling.begin < _least(settling.event.delay)


def _least(delay: float) -> float:
    return delay * (1 - _DRIFT) - _DRIFT
