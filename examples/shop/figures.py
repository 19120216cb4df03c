"""The figures of the final table, counted from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from examples.shop.history import Story


@dataclass(frozen=True, slots=True)
class Figures:
    """How a set of jobs fared. Waits in seconds; NaN when nothing was started."""

    enqueued: int
    done: int
    #: Jobs that needed a second attempt because one failed.
    retried: int
    #: Jobs that went to the dead letters, revived or not.
    dead: int
    #: Jobs of which one attempt was begun twice, because its worker died.
    run_twice: int
    #: Jobs that were handed in and neither done nor left in the dead letters.
    lost: int
    wait_p50: float
    wait_p95: float
    #: Over the time from the first job handed in to the last one done.
    jobs_per_second: float


def count(stories: Sequence[Story]) -> Figures:
    done = [story for story in stories if story.is_done]
    waits = waits_of(stories)
    return Figures(
        enqueued=len(stories),
        done=len(done),
        retried=sum(story.retried for story in stories),
        dead=sum(story.revivals > 0 or story.has_failed for story in stories),
        run_twice=sum(story.ran_twice for story in stories),
        lost=sum(story.is_lost for story in stories),
        wait_p50=percentile(waits, 50),
        wait_p95=percentile(waits, 95),
        jobs_per_second=len(done) / _span(done) if done else 0.0,
    )


def median_wait(stories: Iterable[Story], plan: str) -> float:
    """The median wait of the jobs of one plan that were to run at once; NaN when none started."""
    waits = plan_waits(stories, plan)
    return median(waits) if waits else float("nan")


def plan_waits(stories: Iterable[Story], plan: str) -> list[float]:
    return waits_of(story for story in stories if story.job.plan == plan and not story.job.delay)


def waits_of(stories: Iterable[Story]) -> list[float]:
    return [story.wait for story in stories if story.wait is not None]


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` of all values do not exceed."""
    if not values:
        return float("nan")
    return sorted(values)[ceil(len(values) * percent / 100) - 1]


def _span(done: Sequence[Story]) -> float:
    first = min(story.job.at for story in done)
    last = max(run.ended or 0.0 for story in done for run in story.runs)
    return last - first
