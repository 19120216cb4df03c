"""Tasks that do their worst: each attempt ends in a decision, and the worker goes on."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from anyjob import App, JobDead, Retry
from anyjob.core.settlement import MAX_NOTE


class Unreadable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text for you")


class Deceptive(Exception):
    @property
    def retry_after(self) -> float:
        raise RuntimeError("no answer")


def leaves() -> None:
    sys.exit(3)


def interrupts() -> None:
    raise KeyboardInterrupt


def unreadable() -> None:
    raise Unreadable


def deceptive() -> None:
    raise Deceptive


def endless_text() -> None:
    raise ValueError("x" * 50_000_000)


def circle() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    raise one


def group() -> None:
    raise ExceptionGroup("several", [ValueError(str(n)) for n in range(1000)])


def surrogate() -> None:
    raise ValueError("\ud800 lone")


def no_result() -> Any:
    return object()


def circular_result() -> Any:
    result: list[Any] = []
    result.append(result)
    return result


WORST = [
    leaves,
    interrupts,
    unreadable,
    deceptive,
    endless_text,
    circle,
    group,
    surrogate,
    no_result,
    circular_result,
]


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("worst", WORST, ids=lambda function: function.__name__)
def test_nothing_that_a_task_does_ends_the_worker(
    jobs: App, worst: Callable[[], Any], colour: str
) -> None:
    jobs.task(name="sync")(worst)

    @jobs.task(name="async")
    async def looped() -> Any:
        await asyncio.sleep(0)
        return worst()

    @jobs.task
    def fine() -> str:
        return "fine"

    @jobs.task
    async def fine_too() -> str:
        return "fine"

    job = jobs.tasks.get(colour).enqueue()
    with jobs.worker(concurrency=1) as worker:
        with pytest.raises(JobDead):
            job.result(timeout=30)
        assert fine.enqueue().result(timeout=30) == "fine"
        assert fine_too.enqueue().result(timeout=30) == "fine"

    shown = jobs.backend.get("default", [job.id])[0]
    assert shown is not None
    assert shown.attempts == 1
    assert len(shown.note) <= MAX_NOTE
    assert worker.exit_code == 0


def test_exit_in_a_task_is_retried_like_any_failure(jobs: App) -> None:
    runs: list[int] = []

    @jobs.task(retry=Retry(max_attempts=3, initial=0, on=(BaseException,)))
    def leaves() -> str:
        runs.append(1)
        if len(runs) < 3:
            raise SystemExit(3)
        return "stayed"

    with jobs.worker():
        assert leaves.enqueue().result(timeout=30) == "stayed"


def test_coroutine_that_cancels_itself_has_failed(jobs: App) -> None:
    @jobs.task
    async def gives_up() -> None:
        raise asyncio.CancelledError("of my own")

    job = gives_up.enqueue()
    with jobs.worker() as worker, pytest.raises(JobDead, match="CancelledError"):
        job.result(timeout=30)

    assert worker.exit_code == 0


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exit_in_a_side_task_of_a_coroutine_leaves_the_loop_running(
    jobs: App, error: type[BaseException]
) -> None:
    async def side() -> None:
        raise error

    @jobs.task
    async def careless() -> str:
        started = asyncio.ensure_future(side())
        await asyncio.wait([started])
        return type(started.exception()).__name__

    @jobs.task
    async def fine() -> str:
        await asyncio.sleep(0)
        return "fine"

    with jobs.worker() as worker:
        job = careless.enqueue()
        assert fine.enqueue().result(timeout=30) == "fine"
        assert job.result(timeout=30) == error.__name__
        assert fine.enqueue().result(timeout=30) == "fine"

    assert worker.exit_code == 0
