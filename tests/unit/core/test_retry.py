"""When a failed job runs again: pure rules over attempt, error, time and chance."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyjob.core.durations import MAX_SPAN
from anyjob.core.errors import InvalidOption
from anyjob.core.retry import Retry, retry_after

policies = st.builds(
    Retry,
    max_attempts=st.integers(1, 1_000_000),
    backoff=st.sampled_from(["fixed", "linear", "exponential"]),
    initial=st.floats(0, MAX_SPAN),
    factor=st.floats(1, 100),
    cap=st.floats(0.001, MAX_SPAN),
    jitter=st.sampled_from([True, False, "full", "equal"]),
)
attempts = st.integers(1, 1_000_000)


class Lowest(Random):
    def random(self) -> float:
        return 0.0


class Highest(Random):
    def random(self) -> float:
        return math.nextafter(1.0, 0.0)


@given(policies, attempts, st.integers())
def test_wait_is_never_negative_and_never_over_the_cap(
    policy: Retry, attempt: int, seed: int
) -> None:
    assert 0 <= policy.wait_after(attempt, Random(seed)) <= float(policy.cap)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        ("fixed", [10, 10, 10, 10, 10]),
        ("linear", [10, 20, 30, 40, 50]),
        ("exponential", [10, 30, 90, 100, 100]),
    ],
)
def test_backoff_grows_as_documented_up_to_the_cap(backoff: Any, waits: list[float]) -> None:
    policy = Retry(backoff=backoff, initial=10, factor=3, cap=100, jitter=False)

    assert [policy.wait_after(attempt, Random(1)) for attempt in range(1, 6)] == waits


@pytest.mark.parametrize(("jitter", "least"), [(True, 0), ("full", 0), ("equal", 30), (False, 60)])
def test_jitter_draws_from_its_documented_part_of_the_wait(jitter: Any, least: float) -> None:
    policy = Retry(backoff="fixed", initial=60, jitter=jitter)

    assert policy.wait_after(1, Lowest()) == least
    assert policy.wait_after(1, Highest()) == pytest.approx(60)


@given(policies, attempts, st.integers())
def test_same_seed_gives_the_same_wait(policy: Retry, attempt: int, seed: int) -> None:
    assert policy.wait_after(attempt, Random(seed)) == policy.wait_after(attempt, Random(seed))


def test_late_attempt_of_a_steep_policy_waits_the_cap_instead_of_overflowing() -> None:
    policy = Retry(initial=MAX_SPAN, factor=100, cap=7, jitter=False)

    assert policy.wait_after(1_000_000, Random(1)) == 7


WRONG: list[tuple[str, Any]] = [
    ("max_attempts", 0),
    ("max_attempts", -1),
    ("max_attempts", True),
    ("max_attempts", 2.0),
    ("max_attempts", "5"),
    ("max_attempts", 1_000_001),
    ("backoff", "quadratic"),
    ("backoff", None),
    ("jitter", "some"),
    ("jitter", 0),
    ("jitter", None),
    ("factor", 0.5),
    ("factor", 101),
    ("factor", math.nan),
    ("factor", "2"),
    ("initial", -1),
    ("initial", math.inf),
    ("cap", 0),
    ("cap", "1h"),
    ("budget", 0),
    ("on", [ValueError]),
    ("on", "ValueError"),
    ("never", (int,)),
    ("when", True),
    ("rules", ValueError),
    ("rules", {"ValueError": None}),
    ("rules", {(ValueError, KeyError): None}),
    ("rules", {ValueError: 5}),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_policy_out_of_range_is_refused_in_one_shape(name: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=r"^expected .* to .*, got "):
        Retry(**{name: value})


def test_policy_names_what_it_got() -> None:
    with pytest.raises(InvalidOption, match="^expected max_attempts to be an int .*, got 0$"):
        Retry(max_attempts=0)


class RateLimited(ConnectionError):
    pass


@pytest.mark.parametrize("error", [ValueError(), SystemExit(), KeyboardInterrupt()])
def test_every_failure_is_retried_by_default_an_exit_included(error: BaseException) -> None:
    policy = Retry()

    assert policy.policy_for(error) is policy


def test_exit_is_not_retried_where_the_policy_names_exceptions() -> None:
    assert Retry(on=Exception).policy_for(SystemExit()) is None


def test_error_must_be_one_of_on_and_none_of_never() -> None:
    policy = Retry(on=(OSError, KeyError), never=ConnectionError)

    assert policy.policy_for(FileNotFoundError()) is policy
    assert policy.policy_for(KeyError()) is policy
    assert policy.policy_for(ValueError()) is None
    assert policy.policy_for(RateLimited()) is None


def test_predicate_decides_on_what_the_types_allow() -> None:
    asked: list[BaseException] = []

    def says_again(error: BaseException) -> bool:
        asked.append(error)
        return "again" in str(error)

    policy = Retry(on=OSError, when=says_again)

    assert policy.policy_for(OSError("again")) is policy
    assert policy.policy_for(OSError("no")) is None
    assert policy.policy_for(ValueError("again")) is None
    assert len(asked) == 2


def test_rule_of_the_nearest_base_class_wins() -> None:
    slow = Retry(initial=60)
    policy = Retry(rules={OSError: None, ConnectionError: slow}, never=ConnectionError)

    assert policy.policy_for(RateLimited()) is slow
    assert policy.policy_for(FileNotFoundError()) is None
    assert policy.policy_for(ValueError()) is policy


@given(policies)
def test_plain_policy_travels_and_comes_back_equal(policy: Retry) -> None:
    assert Retry().overridden_by(policy.portable()) == policy


def test_portable_durations_are_seconds() -> None:
    policy = Retry(initial=timedelta(seconds=3), cap=timedelta(hours=1), budget=timedelta(days=1))

    assert policy.portable() == {
        "max_attempts": 5,
        "backoff": "exponential",
        "initial": 3.0,
        "factor": 2.0,
        "cap": 3600.0,
        "jitter": True,
        "budget": 86400.0,
    }


@pytest.mark.parametrize(
    "policy",
    [
        Retry(on=ValueError),
        Retry(never=ValueError),
        Retry(when=bool),
        Retry(rules={ValueError: None}),
    ],
)
def test_policy_with_rules_per_exception_cannot_travel(policy: Retry) -> None:
    with pytest.raises(InvalidOption, match="cannot travel with it; put on=, never=, when="):
        policy.portable()


def test_override_keeps_the_rules_per_exception_of_the_task() -> None:
    task = Retry(never=KeyError, when=bool)

    job = task.overridden_by(Retry(max_attempts=9).portable())

    assert (job.max_attempts, job.never, job.when) == (9, KeyError, bool)


NOW = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("wanted", "wait"),
    [
        (0, 0),
        (2.5, 2.5),
        (timedelta(minutes=2), 120),
        (datetime(2030, 1, 1, 0, 1, tzinfo=UTC), 60),
        (datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), 3600),
        (datetime(1960, 1, 1, tzinfo=UTC), 0),
        ("120", 120),
        (" 7 ", 7),
        ("Tue, 01 Jan 2030 00:00:30 GMT", 30),
        ("Tue, 01 Jan 2019 00:00:00 GMT", 0),
    ],
)
def test_wish_for_a_retry_becomes_seconds(wanted: Any, wait: float) -> None:
    assert retry_after(wanted, NOW) == wait


@pytest.mark.parametrize(
    "wanted",
    [
        -1,
        math.nan,
        None,
        True,
        object(),
        1e11,
        datetime(2030, 1, 1),
        timedelta.max,
        "",
        "soon",
        "-5",
        "1.5",
        "٣",
        "9" * 5000,
        "x" * 10_000_000,
        "Tue, 01 Jan 2030 00:00:30 -0000",  # RFC 5322: a time without a zone
        "Tue, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_wish_that_nobody_can_read_is_refused(wanted: Any) -> None:
    with pytest.raises(InvalidOption):
        retry_after(wanted, NOW)


@given(
    st.text()
    | st.from_regex(
        r"\A\w{3}, ?\d{1,3} \w{3} \d{1,30} \d{1,9}[:.]\d{1,9}[:.]?\d{0,9} [+-]?\w{0,9}\Z"
    )
)
@example("Mon, 1 Jan 2030 00:00:00 +99999999999999999999")
def test_header_gives_a_wait_or_an_error_of_ours(text: str) -> None:
    with suppress(InvalidOption):
        assert 0 <= retry_after(text, NOW) <= MAX_SPAN
