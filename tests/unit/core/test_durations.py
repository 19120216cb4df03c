"""Spans and instants at the user's door."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.durations import MAX_INSTANT, MAX_SPAN, instant, positive_seconds, seconds
from anyjob.core.errors import InvalidOption


@given(st.one_of(st.floats(0, MAX_SPAN), st.integers(0, int(MAX_SPAN))))
def test_number_is_its_own_seconds(number: float) -> None:
    assert seconds(number, "delay") == number
    assert type(seconds(number, "delay")) is float


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=MAX_SPAN)))
def test_timedelta_counts_in_seconds(span: timedelta) -> None:
    assert seconds(span, "delay") == span.total_seconds()


@pytest.mark.parametrize(
    "wrong",
    [
        -1,
        -0.001,
        timedelta(seconds=-1),
        math.nan,
        math.inf,
        -math.inf,
        True,
        "60",
        None,
        MAX_SPAN * 1.01,
        10**400,  # no float is that large
        pytest.param(10**5000, id="longer than Python writes"),
        timedelta.max,
    ],
)
def test_seconds_refuses_what_is_no_span(wrong: Any) -> None:
    with pytest.raises(InvalidOption, match="^expected delay to be "):
        seconds(wrong, "delay")


def test_positive_seconds_refuses_zero() -> None:
    assert positive_seconds(0.5, "timeout") == 0.5
    with pytest.raises(InvalidOption, match="^expected timeout to be more than 0 s, got"):
        positive_seconds(timedelta(0), "timeout")


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)))
def test_aware_datetime_is_an_instant(when: datetime) -> None:
    assert instant(when, "run_at") is when


def test_naive_datetime_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidOption, match=r"got the naive .*; add tzinfo="):
        instant(datetime(2030, 1, 1), "run_at")


@pytest.mark.parametrize(
    "wrong",
    [
        60,
        "2030-01-01",
        None,
        datetime(1969, 12, 31, 23, tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_instant_refuses_what_the_wire_cannot_carry(wrong: Any) -> None:
    with pytest.raises(InvalidOption, match="^expected run_at to "):
        instant(wrong, "run_at")


def test_last_instant_of_the_calendar_is_accepted() -> None:
    last = datetime.max.replace(tzinfo=UTC)

    assert instant(last, "expires").timestamp() <= MAX_INSTANT
