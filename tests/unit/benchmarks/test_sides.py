"""Sides run in interpreters of their own; one that may fail does not end the others."""

import pytest

from benchmarks.settings import Settings
from benchmarks.sides import Side, SideFailed, alternate, alternate_leniently, fitting, run

TWO = Side("builtins:dict", {"rate": 2.0})
BROKEN = Side("builtins:int", {"no_such": 1})


def test_a_side_returns_its_figures() -> None:
    assert run(TWO) == {"rate": 2.0}


def test_a_side_that_fails_tells_why() -> None:
    with pytest.raises(SideFailed, match="no_such"):
        run(BROKEN)


def test_each_side_runs_once_a_round() -> None:
    assert alternate({"two": TWO}, rounds=2) == {"two": [{"rate": 2.0}, {"rate": 2.0}]}


def test_a_side_that_may_fail_is_left_out_and_its_reason_kept() -> None:
    rounds = alternate_leniently({"broken": BROKEN, "two": TWO}, 2, may_fail={"broken"})

    assert rounds.figures == {"two": [{"rate": 2.0}, {"rate": 2.0}]}
    assert "no_such" in rounds.failures["broken"]


def test_a_side_that_must_not_fail_ends_the_run() -> None:
    with pytest.raises(SideFailed):
        alternate({"broken": BROKEN}, rounds=1)


def test_a_fitting_side_has_as_many_jobs_as_fill_the_time(settings: Settings) -> None:
    fitted = fitting(Side("builtins:dict", {"rate": 1000.0}), settings, trial=10)

    assert fitted.arguments["jobs"] >= 1000.0 * settings.seconds


def test_a_fitting_side_has_no_fewer_jobs_than_its_trial(settings: Settings) -> None:
    fitted = fitting(Side("builtins:dict", {"rate": 1.0}), settings, trial=10)

    assert fitted.arguments["jobs"] == 10
