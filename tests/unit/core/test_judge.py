"""From outcome to settlement: every outcome has one, whatever user code does."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core import settlement
from anyjob.core.control import Bury, Discard, RetryLater, Snooze, TaskControl
from anyjob.core.errors import InvalidOption, TimeLimitExceeded
from anyjob.core.judge import Case, settlement_for
from anyjob.core.note import read_note
from anyjob.core.outcome import (
    NOTHING,
    Buried,
    Cancelled,
    Discarded,
    Expired,
    Failed,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
)
from anyjob.core.result import decode_end
from anyjob.core.retry import Retry
from anyjob.core.settlement import MAX_NOTE, Settlement
from tests.unit.core.cases import NOW, case, lease, raised

STEADY = Retry(max_attempts=3, backoff="fixed", initial=7, jitter=False)


def judged(outcome: Outcome, at: Case | None = None, seed: int = 1) -> Any:
    return settlement_for(at or case(), outcome, Random(seed))


def test_result_completes_the_job_and_is_kept() -> None:
    done = judged(Succeeded(b'{"result":5}'))

    assert type(done) is settlement.Complete
    assert (done.outcome, done.keep) == (b'{"result":5}', 3600.0)


def test_end_without_a_result_leaves_nothing_to_keep() -> None:
    done = judged(NOTHING)

    assert type(done) is settlement.Complete
    assert (done.outcome, done.keep) == (None, 0.0)


def test_snooze_releases_with_its_delay_and_a_line_of_history() -> None:
    released = judged(Snoozed(60.0))

    assert type(released) is settlement.Release
    assert released.delay == 60.0
    assert read_note(released.note or b"").history[-1].ended == "snoozed"


def test_release_leaves_the_note_as_it_was() -> None:
    released = judged(Released(5.0))

    assert type(released) is settlement.Release
    assert (released.delay, released.note) == (5.0, None)


@pytest.mark.parametrize(("outcome", "state"), [(Cancelled(), "cancelled"), (Expired(), "expired")])
def test_job_ends_as_it_was_decided_before_the_run(outcome: Outcome, state: str) -> None:
    ended = judged(outcome)

    assert type(ended) is settlement.End
    assert (ended.state, ended.keep, ended.outcome) == (state, 3600.0, None)


@pytest.mark.parametrize("reason", ["not needed", "\ud800", "x" * 50_000_000, ""])
def test_discard_ends_as_cancelled_with_a_bounded_reason(reason: str) -> None:
    ended = judged(Discarded(reason))

    assert (type(ended), ended.state) == (settlement.End, "cancelled")
    assert len(ended.outcome) < 1000
    assert decode_end(ended.outcome).reason == reason[:200].replace("\ud800", "?")


@pytest.mark.parametrize("reason", ["poison", "\ud800", "x" * 50_000_000])
def test_burial_has_a_bounded_reason_that_can_be_stored(reason: str) -> None:
    buried = judged(Buried(reason, ran=False))

    assert type(buried) is settlement.Bury
    assert (buried.ran, buried.keep) == (False, 3600.0)
    assert len(buried.reason.encode()) <= 200


def test_burial_tells_the_error_in_the_note() -> None:
    buried = judged(Buried("result", raised(TypeError("no JSON"))))

    note = read_note(buried.note)
    assert (note.type, note.message, note.history[-1].ended) == ("TypeError", "no JSON", "dead")
    assert buried.ran


def test_failure_without_a_policy_is_buried_at_once() -> None:
    buried = judged(Failed(ValueError("no")))

    assert (type(buried), buried.reason) == (settlement.Bury, "failed")


@given(st.integers(1, 50))
def test_job_that_always_fails_runs_exactly_max_attempts_times(max_attempts: int) -> None:
    policy = Retry(max_attempts=max_attempts)
    attempt = 1

    while type(judged(Failed(ValueError()), case(policy, lease=lease(attempt=attempt)))) is (
        settlement.Retry
    ):
        attempt += 1

    assert attempt == max_attempts
    last = judged(Failed(ValueError()), case(policy, lease=lease(attempt=attempt)))
    assert (type(last), last.reason) == (settlement.Bury, "attempts used up")


def test_retry_waits_as_the_policy_says_and_notes_the_error() -> None:
    retried = judged(Failed(raised(ValueError("boom"))), case(STEADY))

    assert (type(retried), retried.delay) == (settlement.Retry, 7)
    run = read_note(retried.note).history[-1]
    assert (run.ended, run.error, run.worker, run.at) == (
        "retry",
        "ValueError: boom",
        "host-1",
        NOW,
    )


def test_retry_that_would_begin_after_the_budget_is_buried_instead() -> None:
    budget = msgspec.structs.replace(STEADY, budget=timedelta(seconds=20))

    in_time = judged(Failed(ValueError()), case(budget, began=NOW - 13))
    too_late = judged(Failed(ValueError()), case(budget, began=NOW - 13.5))

    assert type(in_time) is settlement.Retry
    assert (type(too_late), too_late.reason) == (settlement.Bury, "time budget used up")


@pytest.mark.parametrize(
    ("after", "delay"),
    [
        (3, 3),
        (timedelta(minutes=1), 60),
        (datetime.fromtimestamp(NOW + 90, UTC), 90),
        (datetime.fromtimestamp(NOW - 90, UTC), 0),
        ("120", 120),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("whenever", 7),
        (datetime(2026, 1, 1), 7),
        (-5, 7),
        (object(), 7),
    ],
)
def test_retry_later_chooses_its_own_wait_or_leaves_it_to_the_policy(
    after: Any, delay: float
) -> None:
    assert judged(Failed(RetryLater(after)), case(STEADY)).delay == delay


def test_retry_later_is_a_policy_where_the_task_has_none() -> None:
    first = judged(Failed(RetryLater(3)), case(None))
    last = judged(Failed(RetryLater(3)), case(None, lease=lease(attempt=Retry().max_attempts)))

    assert (type(first), type(last)) == (settlement.Retry, settlement.Bury)


def test_retry_later_is_retried_whatever_the_rules_per_exception_say() -> None:
    strict = msgspec.structs.replace(STEADY, on=(OSError,), never=(RetryLater,))

    assert type(judged(Failed(RetryLater(3)), case(strict))) is settlement.Retry


class TooManyRequests(Exception):
    def __init__(self, retry_after: object) -> None:
        self.retry_after = retry_after


class Moody(Exception):
    @property
    def retry_after(self) -> float:
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (TooManyRequests(30), 30),
        (TooManyRequests("30"), 30),
        (TooManyRequests(None), 7),
        (TooManyRequests("9" * 5000), 7),
        (TooManyRequests(10**400), 7),
        (Moody(), 7),
    ],
)
def test_error_may_say_its_own_wait(error: BaseException, delay: float) -> None:
    assert judged(Failed(error), case(STEADY)).delay == delay


def test_error_that_the_policy_excludes_is_buried() -> None:
    picky = msgspec.structs.replace(STEADY, never=(KeyError,))

    assert judged(Failed(KeyError()), case(picky)).reason == "failed"


def test_rule_of_an_exception_replaces_the_whole_policy() -> None:
    rules = msgspec.structs.replace(STEADY, rules={OSError: Retry(max_attempts=1), KeyError: None})

    assert judged(Failed(OSError()), case(rules)).reason == "attempts used up"
    assert judged(Failed(KeyError()), case(rules)).reason == "failed"
    assert judged(Failed(ValueError()), case(rules)).delay == 7


@pytest.mark.parametrize("surprise", [ValueError("oh"), SystemExit(1), KeyboardInterrupt()])
def test_predicate_that_raises_means_no_retry_and_says_so(surprise: BaseException) -> None:
    def moody(error: BaseException) -> bool:
        raise surprise

    buried = judged(Failed(ValueError("boom")), case(Retry(when=moody)))

    assert type(buried) is settlement.Bury
    assert buried.reason.startswith("failed, and the policy's when= raised ")
    assert type(surprise).__name__ in buried.reason
    assert read_note(buried.note or b"").message == "boom"


errors = st.sampled_from(
    [
        ValueError("no"),
        SystemExit(1),
        KeyboardInterrupt(),
        TimeLimitExceeded("late"),
        RetryLater("soon"),
        TooManyRequests(1e300),
        Moody(),
        ValueError("\ud800" * 9000),
    ]
)
outcomes = st.one_of(
    st.builds(Succeeded, st.none() | st.just(b'{"result":1}')),
    st.builds(Failed, errors),
    st.builds(Snoozed, st.floats(0, 1e9)),
    st.builds(Discarded, st.text()),
    st.builds(Buried, st.text(), st.none() | errors, st.booleans()),
    st.builds(Released, st.floats(0, 1e9)),
    st.just(Expired()),
    st.just(Cancelled()),
)


@given(
    outcomes,
    st.integers(1, 2_000_000),
    st.none() | st.sampled_from([STEADY, Retry(), Retry(budget=1)]),
    st.binary(max_size=50),
    st.integers(),
)
def test_every_outcome_has_one_settlement_within_the_contract(
    outcome: Outcome, attempt: int, retry: Retry | None, note: bytes, seed: int
) -> None:
    at = case(retry, lease=lease(attempt=attempt, note=note))

    settled = judged(outcome, at, seed)

    assert isinstance(settled, get_args(Settlement))
    assert settled.lease is at.lease
    assert settled.then == ()
    assert settled.note is None or len(settled.note) <= MAX_NOTE
    msgspec.json.encode(msgspec.structs.asdict(settled) | {"lease": None})


def test_task_says_its_end_by_what_it_raises() -> None:
    assert Snooze(timedelta(minutes=1)).delay == 60.0
    assert (str(Discard("old")), Discard("old").reason) == ("old", "old")
    assert Discard().reason == "discarded by its task"
    assert (Bury("bad").reason, Bury().reason) == ("bad", "buried by its task")
    assert (str(RetryLater(5)), str(RetryLater(5, "busy"))) == ("retry after 5", "busy")
    assert all(issubclass(kind, TaskControl) for kind in (Snooze, Discard, Bury, RetryLater))


def test_snooze_checks_its_delay_where_it_is_raised() -> None:
    with pytest.raises(InvalidOption, match="^expected the delay of Snooze to be"):
        Snooze(-1)
