"""The one grammar of names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.errors import ConfigurationError
from anyjob.core.names import checked_name, checked_task_name, suggestion


@given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\Z"))
def test_name_within_the_grammar_is_returned_as_it_is(name: str) -> None:
    assert checked_name(name, "queue") == name


WRONG = [
    "",
    "-a",
    ".a",
    "a b",
    "a\n",
    "a\x00",
    "a/b",
    "a*",
    "a'--",
    "é",
    "\ud800",
    "٣",  # a digit, and no ASCII one
    None,
    5,
    b"mail",
]


@pytest.mark.parametrize("wrong", [*WRONG, "a" * 81])
def test_name_outside_the_grammar_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="^expected queue to be 1 to 80 letters"):
        checked_name(wrong, "queue")


@pytest.mark.parametrize("wrong", [*WRONG, "a" * 201])
def test_task_name_outside_the_grammar_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="^expected a task's name to be 1 to 200"):
        checked_task_name(wrong)


def test_task_name_may_begin_with_an_underscore() -> None:
    assert checked_task_name("_private.task-1") == "_private.task-1"


def test_long_name_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_name("a" * 10_000_000, "queue")

    assert len(str(refused.value)) < 300


def test_suggestion_names_what_is_close() -> None:
    assert suggestion("prioritty", ["queue", "priority"]) == "; did you mean 'priority'?"


def test_suggestion_lists_what_is_known_when_nothing_is_close() -> None:
    assert suggestion("zzz", ["queue", "priority"]) == "; known: priority, queue"


def test_suggestion_is_empty_when_nothing_is_known() -> None:
    assert suggestion("zzz", []) == ""


@pytest.mark.timeout(20)
def test_suggestion_for_a_long_text_costs_no_quadratic_time() -> None:
    assert suggestion("ab" * 500_000, ["ab" * 40 + str(n) for n in range(50)])
