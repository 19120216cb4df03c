"""What a task returns is stored, or the job is buried; the worker goes on either way."""

from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from anyjob import App, JobDead, ResultNotKept, Retry, State
from tests.unit.worker.clocks import ShiftedClock
from tests.waiting import until


class User(pydantic.BaseModel):
    name: str


class Moody(pydantic.BaseModel):
    why: str

    @pydantic.model_serializer
    def refuse(self) -> Any:
        raise {"error": RuntimeError, "exit": SystemExit}[self.why]("not today")


def lone_surrogate() -> str:
    return "\ud800"


def foreign() -> object:
    return object()


def not_a_number() -> float:
    return float("nan")


def moody() -> Moody:
    return Moody(why="error")


def leaving() -> Moody:
    return Moody(why="exit")


@pytest.mark.parametrize("function", [lone_surrogate, foreign, not_a_number, moody, leaving])
def test_result_that_cannot_be_stored_buries_the_job_and_the_next_one_runs(function: Any) -> None:
    with App("memory://") as jobs:
        wrong = jobs.task(function).enqueue()
        right = jobs.task(name="right")(lambda: 5).enqueue()

        with jobs.worker(concurrency=1):
            assert right.result(timeout=10) == 5
            with pytest.raises(JobDead) as dead:
                wrong.result(timeout=10)

    assert dead.value.reason == "result"


class Point(msgspec.Struct):
    x: int


def number() -> int:
    return "five"  # type: ignore[return-value]


def flag() -> int:
    return True


def numbers() -> list[int]:
    return [1, 2, "three"]  # type: ignore[list-item]


def nothing() -> None:
    return 5  # type: ignore[return-value]


def point() -> Point:
    return {"y": 1}  # type: ignore[return-value]


def named() -> User:
    return {"name": 5}  # type: ignore[return-value]


async def anumber() -> int:
    return "five"  # type: ignore[return-value]


@pytest.mark.parametrize("function", [number, flag, numbers, nothing, point, named, anumber])
def test_result_that_does_not_fit_its_hint_buries_the_job_after_one_run(function: Any) -> None:
    with App("memory://", defaults={"retry": Retry(max_attempts=3)}) as jobs:
        job = jobs.task(function).enqueue()

        with jobs.worker(concurrency=1), pytest.raises(JobDead) as dead:
            job.result(timeout=10)

        assert dead.value.reason == "result"
        assert f"the result of task {function.__name__!r} does not fit its return hint" in (
            dead.value.error
        )
        assert jobs.show(job.id).attempts == 1


def model() -> User:
    return User(name="ann")


def struct() -> Point | None:
    return Point(1)


def union() -> User | Point:
    return Point(1)


def loose() -> list[Any]:
    return [1, "two", None]


def text() -> str:
    return "five"


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (model, User(name="ann")),
        (struct, Point(1)),
        (union, {"x": 1}),
        (loose, [1, "two", None]),
        (text, "five"),
    ],
)
def test_result_that_fits_its_hint_is_given(function: Any, result: Any) -> None:
    with App("memory://") as jobs:
        job = jobs.task(function).enqueue()

        with jobs.worker(concurrency=1):
            assert job.result(timeout=10) == result


@pytest.mark.parametrize("backend", ["memory://", "sqlite:///{folder}/jobs.db"])
@pytest.mark.parametrize("keep", [0, 5, 600])
def test_result_is_shown_as_long_as_asked_for_and_its_end_for_a_minute(
    backend: str, keep: float, tmp_path: Path, clock: ShiftedClock
) -> None:
    with App(backend.format(folder=tmp_path), clock=clock) as jobs:
        job = jobs.task(text).using(keep=keep).enqueue()
        with jobs.worker(burst=True):
            until(lambda: job.status() is State.SUCCEEDED)

        shown = keep and job.result(timeout=10)
        clock.advance(keep + 1)

        assert shown == (keep and "five")
        with pytest.raises(ResultNotKept):
            job.result(timeout=10)
        assert [r and r.state for r in jobs.backend.get("default", [job.id])] == (
            [State.SUCCEEDED] if keep < 60 else [None]
        )


def test_result_that_nobody_is_to_see_is_not_stored(jobs: App) -> None:
    job = jobs.task(text).using(keep=0).enqueue()
    with jobs.worker(burst=True):
        until(lambda: job.status() is State.SUCCEEDED)

    [record] = jobs.backend.get("default", [job.id])
    assert record is not None
    assert b"five" not in (record.outcome or b"")
