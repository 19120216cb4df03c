"""The tree of errors, and how values stand in messages."""

import inspect
import re

import pytest

from anyjob.core import errors
from anyjob.core.errors import (
    AnyjobError,
    BackendUnavailable,
    EnqueueUncertain,
    JobDead,
    ResultTimeout,
    UnsupportedCapability,
    shown,
)

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, AnyjobError)
}


def drawn_tree() -> dict[str, str]:
    """Return each error of the module's drawing with the one above it."""
    above: list[str] = []
    found = {}
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        drawn = re.match(r"([│ ]*)[├└]── (\w+) ", line)
        if drawn is None:
            above = ["AnyjobError"] if line == "AnyjobError" else above
            continue
        level = len(drawn[1]) // 4 + 1
        above[level:] = [drawn[2]]
        found[drawn[2]] = above[level - 1]
    return found


def test_drawing_shows_every_error_below_its_base() -> None:
    actual = {
        name: kind.__bases__[0].__name__
        for name, kind in CLASSES.items()
        if kind is not AnyjobError
    }

    assert drawn_tree() == actual


def test_every_error_says_when_it_is_raised() -> None:
    for kind in CLASSES.values():
        assert kind.__doc__, kind


def test_retryable_says_whether_the_same_call_may_succeed_later() -> None:
    retryable = {name for name, kind in CLASSES.items() if kind.retryable}

    assert retryable == {"BackendUnavailable", "BackendFull", "EnqueueUncertain", "ResultTimeout"}
    assert BackendUnavailable("no answer").retryable


def test_errors_carry_what_programs_need() -> None:
    assert UnsupportedCapability("delay", "no").name == "delay"
    assert EnqueueUncertain("lost", ["envelope"]).envelopes == ("envelope",)
    assert (JobDead("x", reason="poison", error="E").reason, JobDead("x").error) == ("poison", "")


def test_result_timeout_is_a_timeout_error_of_python_too() -> None:
    with pytest.raises(TimeoutError):
        raise ResultTimeout("not done")


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        ("a\nb", r"'a\nb'"),
        (Unshowable(), "<Unshowable whose repr raised RuntimeError>"),
        pytest.param(10**5000, "<int whose repr raised ValueError>", id="long number"),
    ],
)
def test_shown_value_is_its_repr_or_says_why_not(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["x" * 10**7, b"x" * 10**7, list(range(1000))])
def test_shown_value_is_bounded(value: object) -> None:
    assert len(shown(value)) <= 100
