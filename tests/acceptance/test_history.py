"""The judge sees each kind of broken history, and nothing in a good one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.history import judged

ONE, TWO = 101, 102


class Script(list[dict[str, Any]]):
    """Writes a history of one job, a line a tick."""

    def __call__(self, event: str, token: int = 1, **facts: object) -> None:
        usual = {"job": "a", "pid": ONE, "attempt": 1, "redeliveries": 0}
        self.append(usual | {"event": event, "token": token, "at": float(len(self))} | facts)


def good(say: Script) -> None:
    say("begin")
    say("end")


def retried(say: Script) -> None:
    say("begin")
    say("begin", 2, attempt=2)
    say("end", 2)


def killed_in_mid_job(say: Script) -> None:
    say("begin")
    say("killed")
    say("begin", 2, pid=TWO, redeliveries=1)
    say("end", 2)


def killed_before_its_end_was_settled(say: Script) -> None:
    good(say)
    say("killed")
    say("begin", 2, pid=TWO, redeliveries=1)
    say("end", 2)


def frozen_and_thawed(say: Script) -> None:
    say("begin")
    say("frozen")
    say("begin", 2, pid=TWO, redeliveries=1)
    say("end", 2)
    say("end")


@pytest.mark.parametrize(
    "tale",
    [good, killed_in_mid_job, killed_before_its_end_was_settled, frozen_and_thawed],
)
def test_good_history_breaks_no_rule(tale: Callable[[Script], None]) -> None:
    say = Script()

    tale(say)

    assert judged(say, {"a"}).broken == {}


def lost(say: Script) -> None:
    say("begin")
    say("killed")


def run_twice_for_nothing(say: Script) -> None:
    good(say)
    say("begin", 2, pid=TWO, redeliveries=1)
    say("end", 2)


def run_twice_at_once(say: Script) -> None:
    say("begin")
    say("begin", 2, pid=TWO, redeliveries=1)
    say("end", 2)
    say("end")


def crash_counted_as_an_attempt(say: Script) -> None:
    say("begin")
    say("killed")
    say("begin", 2, pid=TWO, attempt=2)
    say("end", 2)


def crash_counted_as_nothing(say: Script) -> None:
    say("begin")
    say("killed")
    say("begin", 2, pid=TWO)
    say("end", 2)


@pytest.mark.parametrize(
    ("tale", "rules"),
    [
        (lost, {"lost"}),
        (run_twice_for_nothing, {"doubled", "attempts"}),
        (run_twice_at_once, {"doubled", "overlap", "attempts"}),
        (crash_counted_as_an_attempt, {"attempts"}),
        (crash_counted_as_nothing, {"attempts"}),
    ],
)
def test_broken_history_is_seen(tale: Callable[[Script], None], rules: set[str]) -> None:
    say = Script()

    tale(say)

    assert judged(say, {"a"}).broken == {rule: ["a"] for rule in rules}


def test_retry_is_good_where_jobs_fail_and_a_doubled_run_elsewhere() -> None:
    say = Script()

    retried(say)

    assert judged(say, {"a"}, failing={"a"}).broken == {}
    assert "doubled" in judged(say, {"a"}).broken


def test_job_that_nobody_accepted_is_a_phantom_unless_that_is_uncertain() -> None:
    say = Script()

    good(say)

    assert judged(say, ()).broken == {"phantom": ["a"]}
    assert judged(say, (), uncertain={"a"}).broken == {}


def test_job_that_begins_before_it_is_due_is_early() -> None:
    say = Script()

    good(say)

    assert judged(say, {"a"}, due={"a": 0.5}).broken == {"early": ["a"]}
    assert judged(say, {"a"}, due={"a": 0.0}).broken == {}
