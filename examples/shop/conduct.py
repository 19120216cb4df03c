"""What the journal of a run says: each check yields a line for each thing amiss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from examples.shop.corrections import corrected
from examples.shop.evidence import Evidence
from examples.shop.figures import median_wait, plan_waits
from examples.shop.orders import Plan
from examples.shop.supplier import FIRST_WAIT

#: The median of fewer is chance.
FEWEST_ORDERS = 10


def every_job_is_done(evidence: Evidence) -> Iterator[str]:
    for story in evidence.history.stories.values():
        if story.has_failed:
            yield f"{story.job.task} of {story.job.about}: dead: {story.runs[-1].error}"
        elif story.is_lost:
            yield f"{story.job.task} of {story.job.about}: lost after {len(story.runs)} runs"
    for job in evidence.history.strangers:
        yield f"job {job}: ran although this run never handed it in"


def supplier_was_asked_again(evidence: Evidence) -> Iterator[str]:
    """Some orders found it closed, and each next attempt waited twice as long as the last."""
    asked = evidence.history.of_task("frames")
    if asked and not any(story.retried for story in asked):
        yield "frames: no order was retried, as if the supplier had never been closed"
    for story in asked:
        for run in story.runs:
            wait = FIRST_WAIT * 2 ** (run.attempt - 2)
            # One of them: a worker that is killed may leave a job twice, at two attempts.
            ended = [each.ended for each in story.runs if each.attempt == run.attempt - 1]
            if ended and not any(at is not None and run.started - at >= wait for at in ended):
                yield f"frames of {story.job.about}: retried before {wait} s had passed"


def nothing_was_early(evidence: Evidence) -> Iterator[str]:
    for story in evidence.history.stories.values():
        if story.wait is not None and story.wait < 0:
            yield f"{story.job.task} of {story.job.about}: started {-story.wait:.3f} s early"


def letters_were_revived(evidence: Evidence) -> Iterator[str]:
    """Every misspelt address, and nothing else, led to a dead letter that was revived."""
    misspelt = {order.id for order in evidence.orders if order.email != corrected(order.email)}
    stories = evidence.history.stories.values()
    revived = {story.job.about for story in stories if story.revivals}
    yield from (f"order {id}: its dead letter was not revived" for id in misspelt - revived)
    yield from (f"order {id}: had a dead letter, and why?" for id in revived - misspelt)


def killed_worker_lost_nothing(evidence: Evidence) -> Iterator[str]:
    """What a killed worker had begun, another process finished."""
    if not evidence.asked.processes:
        return
    held = [
        (killed.pid, story)
        for killed in evidence.history.killed
        for story, _ in evidence.history.held_by(killed.pid)
    ]
    if not held:
        yield "no worker was killed while it held jobs"
    for pid, story in held:
        if not any(run.succeeded and run.pid != pid for run in story.runs):
            yield f"{story.job.task} of {story.job.about}: unfinished since worker {pid} was killed"


def server_died_in_the_middle(evidence: Evidence) -> Iterator[str]:
    """A server of the demo's own was killed after some of the runs and before others."""
    if not evidence.asked.is_killed:
        return
    runs = [run for story in evidence.history.stories.values() for run in story.runs]
    died = [event.at for event in evidence.history.restarts]
    if not any(min(died) < run.started for run in runs if died):
        yield f"the {evidence.asked.backend} server was not killed while there was work left"


def premium_went_first(evidence: Evidence) -> Iterator[str]:
    """Of orders that are too few of a plan, nothing is asked: the report says so."""
    if too_few(evidence):
        return
    stories = evidence.history.stories.values()
    unknown = [plan for plan in Plan if len(plan_waits(stories, plan)) < FEWEST_ORDERS]
    yield from (f"{plan} orders: the journal lacks how long they waited" for plan in unknown)
    premium, free = median_wait(stories, Plan.PREMIUM), median_wait(stories, Plan.FREE)
    if not unknown and premium > free:
        yield f"premium orders waited {premium:.2f} s (median), free ones {free:.2f} s"


def too_few(evidence: Evidence) -> list[Plan]:
    """The plans of which there are too few orders for a median."""
    counts = Counter(order.plan for order in evidence.orders)
    return [plan for plan in Plan if counts[plan] < FEWEST_ORDERS]
