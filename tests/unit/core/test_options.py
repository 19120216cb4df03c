"""Options: their checks and their one merge rule."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.capabilities import Need
from anyjob.core.errors import ConfigurationError, InvalidOption
from anyjob.core.options import DEFAULT_KEEP, NAMES, Options, checked, merged, needs_of
from anyjob.core.retry import Retry

SOON = datetime(2030, 1, 1, tzinfo=UTC)


class Tier(Enum):
    FREE = "free"


LEGAL: dict[str, st.SearchStrategy[Any]] = {
    "queue": st.sampled_from(["mail", "default", "a.b-c_d"]),
    "priority": st.integers(0, 9),
    "retry": st.sampled_from([None, Retry(), Retry(max_attempts=1)]),
    "timeout": st.none() | st.floats(0.001, 1e10),
    "delay": st.none() | st.floats(0, 1e10),
    "run_at": st.none() | st.datetimes(datetime(1971, 1, 1), timezones=st.just(UTC)),
    "expires": st.none() | st.floats(0.001, 1e10),
    "unique_key": st.none() | st.text(min_size=1, max_size=200).filter(lambda t: t.isprintable()),
    "unique_ttl": st.none() | st.floats(0.001, 1e10),
    "headers": st.dictionaries(st.text("ab-", max_size=9), st.text("xyzé", max_size=9)),
    "keep": st.floats(0, 1e10),
}
levels = st.fixed_dictionaries({}, optional=LEGAL).filter(
    lambda level: level.get("delay") is None or level.get("run_at") is None
)


def test_every_option_has_a_check_and_an_example_here() -> None:
    assert set(LEGAL) == set(NAMES)


@given(levels)
def test_checked_options_are_checked_for_good(level: dict[str, Any]) -> None:
    once = checked(level, {})

    assert checked(once, {}) == once


@given(levels, levels, levels.filter(lambda level: level.get("unique_ttl") is None))
def test_call_goes_before_task_before_app(
    app: dict[str, Any], task: dict[str, Any], call: dict[str, Any]
) -> None:
    options = merged(app, task, call)

    for name in set(NAMES) - {"delay", "run_at", "unique_ttl"}:
        nearest = next((level[name] for level in (call, task, app) if name in level), ...)
        assert getattr(options, name) == (getattr(Options(), name) if nearest is ... else nearest)


@given(levels, levels, levels.filter(lambda level: level.get("unique_ttl") is None))
def test_nearest_level_that_says_when_replaces_delay_and_run_at_both(
    app: dict[str, Any], task: dict[str, Any], call: dict[str, Any]
) -> None:
    options = merged(app, task, call)

    said = [level for level in (call, task, app) if "delay" in level or "run_at" in level]
    nearest: Mapping[str, Any] = said[0] if said else {}
    assert (options.delay, options.run_at) == (nearest.get("delay"), nearest.get("run_at"))


def test_repr_shows_names_alone_of_what_may_be_secret() -> None:
    options = merged({}, {}, {"headers": {"auth": "hunter2"}, "token": "hunter2", "priority": 3})

    assert "priority=3" in repr(options)
    assert "headers=['auth']" in repr(options)
    assert "extra=['token']" in repr(options)
    assert "hunter2" not in repr(options)


def test_job_without_options_gets_the_documented_defaults() -> None:
    options = merged({}, {}, {})

    assert (options.queue, options.priority, options.retry) == ("default", 5, None)
    assert (options.keep, options.timeout, options.delay) == (DEFAULT_KEEP, None, None)


def test_one_level_that_says_both_delay_and_run_at_is_refused() -> None:
    with pytest.raises(InvalidOption, match="^expected delay or run_at, got both: 5"):
        merged({}, {}, {"delay": 5.0, "run_at": SOON})


def test_none_of_the_call_takes_back_a_default() -> None:
    options = merged({"retry": Retry()}, {"timeout": 5.0, "delay": 9.0}, {
        "retry": None, "timeout": None, "run_at": None,
    })  # fmt: skip

    assert (options.retry, options.timeout, options.delay) == (None, None, None)


def test_default_unique_ttl_waits_for_a_key() -> None:
    without = merged({}, {"unique_ttl": 60.0}, {})
    with_key = merged({}, {"unique_ttl": 60.0}, {"unique_key": "user-1"})

    assert without.unique_ttl is None
    assert (with_key.unique_key, with_key.unique_ttl) == ("user-1", 60.0)


def test_unique_ttl_of_the_call_for_no_key_is_refused() -> None:
    with pytest.raises(InvalidOption, match="^expected unique_ttl together with unique_key"):
        merged({}, {}, {"unique_ttl": 60.0})


def test_durations_become_seconds() -> None:
    spans = dict.fromkeys(
        ["timeout", "delay", "expires", "unique_ttl", "keep"], timedelta(minutes=1)
    )

    assert checked(spans, {}) == dict.fromkeys(spans, 60.0)


def test_unknown_option_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InvalidOption, match=r"^no option 'prioritty'; did you mean 'priority'\?$"):
        checked({"prioritty": 1}, {})


def test_suggestion_knows_the_options_of_middleware() -> None:
    with pytest.raises(InvalidOption, match=r"did you mean 'cost_centre'\?$"):
        checked({"cost_center": 1}, {"cost_centre": int})


WRONG: list[tuple[str, Any]] = [
    ("queue", "no spaces"),
    ("queue", None),
    ("priority", 10),
    ("priority", -1),
    ("priority", True),
    ("priority", 5.0),
    ("priority", "high"),
    ("retry", 3),
    ("retry", True),
    ("timeout", 0),
    ("timeout", -1),
    ("timeout", "30"),
    ("delay", -0.1),
    ("delay", math.nan),
    ("delay", 1e11),
    ("run_at", datetime(2030, 1, 1)),
    ("run_at", 5),
    ("expires", 0),
    ("expires", datetime(2030, 1, 1)),
    ("unique_key", ""),
    ("unique_key", 5),
    ("unique_key", "é" * 513),
    ("unique_key", "\ud800"),
    ("unique_ttl", 0),
    ("headers", "text"),
    ("headers", {"a": 1}),
    ("headers", {1: "a"}),
    ("headers", {"a": "\ud800"}),
    ("headers", {"a" * 1025: ""}),
    ("headers", {"a": "x" * 65_537}),
    ("keep", -1),
    ("keep", None),
    ("keep", math.inf),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_value_out_of_range_is_refused_in_one_shape(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s)^expected {name}s? to .*, got ") as refused:
        checked({name: value}, {})

    assert len(str(refused.value)) < 400
    assert not str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unique_key", "é" * 512),
        ("unique_key", "with\x00nul"),
        ("headers", {"a" * 1024: "x" * 65_536}),
        ("timeout", None),
        ("expires", None),
        ("expires", SOON),
    ],
)
def test_value_at_its_bound_is_accepted(name: str, value: Any) -> None:
    assert checked({name: value}, {}) == {name: value}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 5),
        (Tier, Tier.FREE),
        (timedelta, timedelta(1)),
        (list[int], [1]),
        (Decimal, Decimal(1)),
    ],
)
def test_middleware_option_of_its_declared_type_is_accepted(kind: Any, value: Any) -> None:
    assert checked({"extra": value}, {"extra": kind}) == {"extra": value}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, "5", "an? ?int|int"),
        (int, True, "int"),
        (list[int], ["x"], r"list\[int\]"),
        (str, "\ud800", "str"),
        (float, math.nan, "float|a value that JSON can carry"),
        (object, object(), "object"),
    ],
)
def test_middleware_option_that_cannot_travel_is_refused(kind: Any, value: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=rf"^expected extra to be ({said}), got "):
        checked({"extra": value}, {"extra": kind})


def test_middleware_option_that_would_come_back_as_another_value_is_refused() -> None:
    with pytest.raises(InvalidOption, match="^expected extra to be a value that JSON can carry"):
        checked({"extra": (1, 2)}, {"extra": Any})


def test_middleware_options_stand_apart_from_ours() -> None:
    options = merged({"tier": 1}, {"tier": 2}, {"cost": 3})

    assert options.extra == {"tier": 2, "cost": 3}


def test_options_that_ask_nothing_need_nothing() -> None:
    past = Options(run_at=datetime(2001, 1, 1, tzinfo=UTC), retry=Retry(max_attempts=1))

    assert needs_of(Options(), "task 'a'", now=1e9) == []
    assert needs_of(past, "task 'a'", now=1e9) == []


def test_options_tell_what_they_need_of_a_backend() -> None:
    now = SOON.timestamp() - 60

    needs = needs_of(Options(run_at=SOON, retry=Retry(cap=900), unique_key="k"), "task 'a'", now)

    assert needs == [
        Need("delay", "a delay", "task 'a'", 60.0),
        Need("delay", "a delayed retry", "task 'a'", 900.0),
        Need("unique", "a unique key", "task 'a'"),
    ]
    assert needs_of(Options(delay=5.0), "task 'a'", now) == [
        Need("delay", "a delay", "task 'a'", 5)
    ]


def test_options_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Options().priority = 9  # type: ignore[misc]
    assert msgspec.structs.replace(Options(), priority=9).priority == 9
