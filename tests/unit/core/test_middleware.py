"""One generator around the run: stepped in, stepped out, and never raising."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from anyjob.core.attempt import Attempt
from anyjob.core.control import Bury, Discard, RetryLater, Snooze
from anyjob.core.middleware import Around, Middleware, overrides, step_in, step_out
from anyjob.core.outcome import (
    NOTHING,
    Buried,
    Discarded,
    Failed,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    outcome_of,
)

ATTEMPT: Any = object()


class Written(Middleware):
    """Runs the generator function that a test wrote."""

    def __init__(self, around: Callable[[Attempt], Any]) -> None:
        self._around = around

    def around(self, attempt: Attempt) -> Around:
        return self._around(attempt)  # type: ignore[no-any-return]


def run(around: Callable[[Attempt], Any], outcome: Outcome = NOTHING) -> tuple[bool, Outcome]:
    """Return whether the task ran, and what is left of its outcome."""
    middleware = Written(around)
    generator, early = step_in(middleware, ATTEMPT)
    if generator is None:
        assert early is not None
        return False, early
    assert early is None
    return True, step_out(middleware, generator, outcome)


def test_outcome_goes_through_unchanged_where_nothing_is_returned() -> None:
    seen: list[object] = []

    def around(attempt: Attempt) -> Generator[None, Outcome, None]:
        seen.append(attempt)
        seen.append((yield))

    assert run(around, Succeeded(5)) == (True, Succeeded(5))
    assert seen == [ATTEMPT, Succeeded(5)]


def test_middleware_of_the_base_changes_nothing() -> None:
    base = Middleware()
    generator, early = step_in(base, ATTEMPT)

    assert generator is not None
    assert early is None
    assert step_out(base, generator, Succeeded(5)) == Succeeded(5)
    assert base.admit([]) == {}
    draft: Any = object()
    assert base.enqueue(draft) is draft


def test_outcome_may_be_replaced() -> None:
    def around(attempt: Attempt) -> Around:
        yield
        return Succeeded("other")

    assert run(around, Failed(ValueError())) == (True, Succeeded("other"))


def test_returning_before_the_yield_gives_the_outcome_without_a_run() -> None:
    def around(attempt: Attempt) -> Around:
        if attempt is ATTEMPT:
            return Released(5.0)
        return (yield)

    assert run(around) == (False, Released(5.0))


def test_forgetting_the_outcome_before_the_yield_is_a_failure() -> None:
    def around(attempt: Attempt) -> Generator[None, Outcome, Any]:
        if attempt is ATTEMPT:
            return
        yield

    ran, outcome = run(around)

    assert not ran
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == (
        "expected around() of Written to yield, or to return an outcome, got None"
    )


@pytest.mark.parametrize("value", [5, True, "done", Succeeded, [NOTHING], "x" * 10_000])
def test_returning_what_is_no_outcome_is_a_failure(value: Any) -> None:
    def around(attempt: Attempt) -> Generator[None, Outcome, Any]:
        yield
        return value

    _, outcome = run(around)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TypeError)
    assert len(str(outcome.error)) < 300


SURPRISES = [ValueError("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RetryLater(5)]


@pytest.mark.parametrize("error", SURPRISES)
def test_raising_before_the_yield_is_a_failed_attempt_without_a_run(error: BaseException) -> None:
    def around(attempt: Attempt) -> Around:
        if attempt is ATTEMPT:
            raise error
        return (yield)

    assert run(around) == (False, Failed(error))


@pytest.mark.parametrize("error", SURPRISES)
def test_raising_after_the_yield_is_a_failed_attempt_that_keeps_both_errors(
    error: BaseException,
) -> None:
    cause = KeyError("the task's")
    error.__context__ = None

    def around(attempt: Attempt) -> Around:
        yield
        raise error

    ran, outcome = run(around, Failed(cause))

    assert (ran, outcome) == (True, Failed(error))
    assert error.__context__ is cause


def test_raising_the_tasks_own_error_again_is_that_error() -> None:
    def around(attempt: Attempt) -> Around:
        outcome = yield
        assert isinstance(outcome, Failed)
        raise outcome.error

    error = ValueError("the task's")

    assert run(around, Failed(error)) == (True, Failed(error))
    assert error.__context__ is None


def test_error_that_has_a_context_of_its_own_keeps_it() -> None:
    inner = KeyError("inner")

    def around(attempt: Attempt) -> Around:
        yield
        try:
            raise inner
        except KeyError:
            raise ValueError("outer")  # noqa: B904 - the context is the case

    _, outcome = run(around, Failed(OSError("the task's")))

    assert isinstance(outcome, Failed)
    assert outcome.error.__context__ is inner


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (Snooze(60), Snoozed(60.0)),
        (Discard("old"), Discarded("old")),
        (Bury("bad"), Buried("bad", None)),
    ],
)
def test_what_a_task_raises_on_purpose_means_the_same_in_a_middleware(
    raised: BaseException, outcome: Outcome
) -> None:
    def before(attempt: Attempt) -> Around:
        if attempt is ATTEMPT:
            raise raised
        return (yield)

    def after(attempt: Attempt) -> Around:
        yield
        raise raised

    for around in (before, after):
        _, left = run(around)
        assert left == (Buried("bad", raised) if isinstance(outcome, Buried) else outcome)


def test_yielding_twice_is_a_failure_and_ends_the_generator() -> None:
    ended = []

    def around(attempt: Attempt) -> Generator[None, Outcome, None]:
        try:
            yield
            yield
        finally:
            ended.append(True)

    _, outcome = run(around, Failed(KeyError("the task's")))

    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "expected around() of Written to yield once, it did so twice"
    assert isinstance(outcome.error.__context__, KeyError)
    assert ended == [True]


def test_generator_that_will_not_end_is_a_failure() -> None:
    def around(attempt: Attempt) -> Around:
        yield
        try:
            yield
        except GeneratorExit:
            yield
        return None

    _, outcome = run(around)

    assert isinstance(outcome, Failed)
    assert "GeneratorExit" in str(outcome.error)


def plain(attempt: Attempt) -> Any:
    return Succeeded(5)


def raising(attempt: Attempt) -> Any:
    raise ValueError("no")


async def coloured(attempt: Attempt) -> Any:
    yield


@pytest.mark.parametrize("around", [plain, raising, coloured])
def test_around_that_is_no_generator_is_a_failure(around: Callable[[Attempt], Any]) -> None:
    ran, outcome = run(around)

    assert not ran
    assert isinstance(outcome, Failed)


def test_only_what_is_overridden_is_called() -> None:
    class Quiet(Middleware):
        pass

    assert overrides(Written(plain), "around")
    assert not overrides(Written(plain), "admit")
    assert not overrides(Quiet(), "around")


def test_any_error_that_says_nothing_more_is_a_failure() -> None:
    error = SystemExit(3)

    assert outcome_of(error) == Failed(error)
