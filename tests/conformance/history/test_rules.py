"""Each rule finds the smallest history that breaks it, and lets pass what looks alike."""

from __future__ import annotations

import pytest

from anyjob.conformance.history import check
from anyjob.conformance.history.rules import RULES
from tests.conformance.history import tales
from tests.conformance.history.script import Script
from tests.conformance.history.tales.tale import BROKEN, LEGAL, Tale

assert tales.__all__, "importing them makes the tales known"


def named(tale: object) -> str | None:
    return getattr(tale, "__name__", None)


@pytest.mark.parametrize(("tale", "rules"), BROKEN, ids=named)
def test_broken_history_is_seen(tale: Tale, rules: set[str]) -> None:
    say = Script()
    say.one_of_each()

    tale(say)

    assert set(check(say.history()).broken) == rules


@pytest.mark.parametrize("tale", LEGAL, ids=named)
def test_legal_history_breaks_no_rule(tale: Tale) -> None:
    say = Script()
    say.one_of_each()

    tale(say)

    verdict = check(say.history())
    assert verdict.holds, str(verdict)


@pytest.mark.parametrize(("tale", "rules"), BROKEN, ids=named)
def test_rule_that_is_left_out_sees_nothing(tale: Tale, rules: set[str]) -> None:
    say = Script()
    say.one_of_each()
    tale(say)

    assert check(say.history(), without=rules).holds


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert set().union(*(rules for _, rules in BROKEN)) | {"operations"} == set(RULES)


def test_operation_that_never_succeeded_is_said() -> None:
    assert check(Script().history()).broken == {"operations": 4}
