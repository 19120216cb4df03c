"""One attempt, step by step: validate, enter, run, leave; the same for sync and async tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import msgspec

from anyjob.core.attempt import Attempt, enter
from anyjob.core.errors import InvalidArguments, TimeLimitExceeded
from anyjob.core.failpoints import reach
from anyjob.core.middleware import Around, Middleware, overrides, step_in, step_out
from anyjob.core.outcome import Buried, Failed, Outcome, Released, Succeeded, outcome_of
from anyjob.worker.held import STOPPING, TIME_LIMIT

Q = ParamSpec("Q")
T = TypeVar("T")

Entered = list[tuple[Middleware, Around]]
_NOTHING_ENTERED: tuple[Entered, None] = ([], None)


class Run:
    """Runs attempts through the middleware; any thread may call it."""

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self._around = [one for one in middleware if overrides(one, "around")]
        self._blocking = any(one.blocking for one in self._around)

    def sync(self, attempt: Attempt) -> Outcome:
        """Run an attempt of a sync task here; returns its outcome, raises nothing."""
        enter(attempt)
        try:
            arguments = self._begin(attempt)
        except InvalidArguments as error:
            return _unfit(error)
        entered, outcome = self._step_in(attempt) if self._around else _NOTHING_ENTERED
        if outcome is None:
            outcome = self._call(attempt, arguments)
        outcome = self._step_out(entered, outcome) if entered else outcome
        reach("worker.run.after")
        return outcome

    async def coroutine(self, attempt: Attempt) -> Outcome:
        """Run an attempt of an async task on this loop, whose context is its own."""
        enter(attempt)
        try:
            arguments = self._begin(attempt)
        except InvalidArguments as error:
            return _unfit(error)
        try:
            entered, early = await self._beside(self._step_in, attempt)
            outcome = early if early is not None else await self._await(attempt, arguments)
            if entered:
                outcome = await self._beside(self._step_out, entered, outcome)
        except asyncio.CancelledError as error:
            # Cancelled between the steps, where a blocking middleware was waited for.
            outcome = _cut(attempt, error)
        reach("worker.run.after")
        return outcome

    def _begin(self, attempt: Attempt) -> msgspec.Struct:
        """Decode the arguments and set the deadline; raises InvalidArguments."""
        reach("worker.run.before")
        timeout = attempt.timeout
        if timeout is not None:
            attempt.deadline = attempt.started + timeout
        return attempt.task.signature.decode(attempt.body.args)

    def _call(self, attempt: Attempt, arguments: msgspec.Struct) -> Outcome:
        try:
            result = attempt.task.signature.call(arguments)
        except (
            BaseException
        ) as error:  # user code: SystemExit and KeyboardInterrupt are failures too
            return _limited(attempt, error)
        return Succeeded(result)

    async def _await(self, attempt: Attempt, arguments: msgspec.Struct) -> Outcome:
        try:
            result = await attempt.task.signature.call(arguments)
        except asyncio.CancelledError as error:
            return _cut(attempt, error)
        except (
            BaseException
        ) as error:  # user code: SystemExit and KeyboardInterrupt are failures too
            return _limited(attempt, error)
        return Succeeded(result)

    def _step_in(self, attempt: Attempt) -> tuple[Entered, Outcome | None]:
        entered: Entered = []
        for one in self._around:
            generator, outcome = step_in(one, attempt)
            if generator is None:
                return entered, outcome
            entered.append((one, generator))
        return entered, None

    def _step_out(self, entered: Entered, outcome: Outcome) -> Outcome:
        for one, generator in reversed(entered):
            outcome = step_out(one, generator, outcome)
        return outcome

    async def _beside(self, step: Callable[Q, T], *args: Q.args, **kwargs: Q.kwargs) -> T:
        """Run a step here, or off the loop if some middleware blocks."""
        if self._blocking:
            return await asyncio.to_thread(step, *args, **kwargs)
        return step(*args, **kwargs)


def _unfit(error: InvalidArguments) -> Outcome:
    """Bury at once: the same bytes would fail again."""
    return Buried("arguments", error, ran=False)


def _limited(attempt: Attempt, error: BaseException) -> Outcome:
    """An error raised after the time limit is the limit's doing."""
    if attempt.ending == TIME_LIMIT:
        return Failed(time_limit(attempt, error))
    return outcome_of(error)


def _cut(attempt: Attempt, error: asyncio.CancelledError) -> Outcome:
    """Return what a cancellation means: our own has a reason, a foreign one is a failure."""
    if attempt.ending == STOPPING:
        return Released()
    if attempt.ending == TIME_LIMIT:
        return Failed(time_limit(attempt, error))
    return Failed(error)


def time_limit(attempt: Attempt, cause: BaseException | None = None) -> TimeLimitExceeded:
    """Return the error of an attempt whose time is over."""
    error = TimeLimitExceeded(
        f"the attempt ran longer than its timeout of {attempt.timeout or 0:g} s"
    )
    error.__cause__ = cause
    return error
