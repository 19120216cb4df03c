"""What a task returns is stored, or the job is buried; the worker goes on either way."""

from typing import Any

import pydantic
import pytest

from anyjob import App, JobDead


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
