"""How the shop of examples/shop counts: pure functions over the journal's events."""

from __future__ import annotations

from math import isnan

import pytest

from examples.shop.figures import count, median_wait, percentile
from examples.shop.history import History
from examples.shop.journal import AnyEvent, Ended, Enqueued, Killed, Revived, Started


def enqueued(job: str, at: float = 0.0, *, plan: str | None = None, delay: float = 0.0) -> Enqueued:
    return Enqueued(at=at, job=job, task="receipt", about="S-1", plan=plan, delay=delay)


def run(
    job: str,
    start: float,
    end: float | None,
    *,
    attempt: int = 1,
    pid: int = 7,
    error: str | None = None,
) -> list[AnyEvent]:
    events: list[AnyEvent] = [Started(at=start, job=job, task="receipt", attempt=attempt, pid=pid)]
    if end is not None:
        events.append(Ended(at=end, job=job, task="receipt", attempt=attempt, pid=pid, error=error))
    return events


def history(*events: AnyEvent) -> History:
    told = History()
    told.add(events)
    return told


def test_count_tells_a_retry_from_a_run_that_was_repeated() -> None:
    told = history(
        enqueued("retried"),
        *run("retried", 1, 2, error="OSError()"),
        *run("retried", 3, 4, attempt=2),
        enqueued("repeated"),
        *run("repeated", 1, None, pid=8),
        *run("repeated", 6, 7, pid=9),
    )

    figures = count(list(told.stories.values()))

    assert (figures.enqueued, figures.done, figures.lost) == (2, 2, 0)
    assert (figures.retried, figures.run_twice) == (1, 1)


def test_count_keeps_a_revived_letter_among_the_dead_and_its_second_life_apart() -> None:
    told = history(
        enqueued("letter"),
        *run("letter", 1, 2, error="refused"),
        Revived(at=3, job="letter"),
        *run("letter", 4, 5),
    )

    figures = count(list(told.stories.values()))

    assert (figures.done, figures.dead, figures.run_twice, figures.retried) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    "rest",
    [
        [],
        run("job", 1, None),
        [*run("job", 1, 2, error="refused"), Revived(at=3, job="job")],
    ],
    ids=["never begun", "never ended", "revived and never begun"],
)
def test_count_finds_a_lost_job(rest: list[AnyEvent]) -> None:
    told = history(enqueued("job"), *rest)

    assert count(list(told.stories.values())).lost == 1


def test_history_joins_a_run_that_began_before_its_job_was_noted() -> None:
    told = history(*run("quick", 1, 2), enqueued("quick"), *run("stranger", 1, 2))

    assert told.stories["quick"].is_done
    assert told.strangers == ["stranger"]


def test_history_names_what_a_killed_process_held() -> None:
    told = history(
        enqueued("held"),
        enqueued("done"),
        *run("done", 1, 2, pid=8),
        *run("held", 2, None, pid=8),
        Killed(at=3, pid=8),
        *run("held", 9, 10, pid=9),
    )

    assert [story.job.job for story, _ in told.held_by(8)] == ["held"]


def test_wait_leaves_out_the_delay_that_was_asked_for() -> None:
    told = history(enqueued("reminder", 10, delay=6), *run("reminder", 16.5, 17))

    assert told.stories["reminder"].wait == 0.5


def test_median_wait_is_of_one_plan_and_of_jobs_without_delay() -> None:
    told = history(
        enqueued("a", plan="free"),
        *run("a", 4, 5),
        enqueued("b", plan="free", delay=90),
        *run("b", 99, 100),
        enqueued("c", plan="premium"),
        *run("c", 1, 2),
    )

    assert median_wait(told.stories.values(), "free") == 4
    assert median_wait(told.stories.values(), "premium") == 1


def test_percentile_is_the_nearest_rank() -> None:
    assert percentile([3, 1, 2, 4], 50) == 2
    assert percentile([3, 1, 2, 4], 95) == 4
    assert isnan(percentile([], 50))
