"""The one kind of extension: what happens to a job on its way in, and around its run."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

from anyjob.core.attempt import Attempt
from anyjob.core.draft import AnyDraft
from anyjob.core.envelope import Rejected
from anyjob.core.errors import shown
from anyjob.core.outcome import Failed, Outcome, outcome_of

Around = Generator[None, Outcome, Outcome | None]


class Middleware:
    """Base of all middleware; override what you need.

    The order is the order of `App(middleware=[...])`: the first is the outermost, it sees a draft
    first and an outcome last. One object serves every job of the app, in several threads at once.
    """

    #: True if `around` blocks on I/O: for async tasks it is then run beside the event loop.
    blocking: ClassVar[bool] = False
    #: The job options it adds, name to type, for `task(...)` and `using(...)`.
    options: ClassVar[Mapping[str, type]] = {}
    #: The capabilities of a backend that it needs, by their field names; checked when the app
    #: opens.
    needs: ClassVar[Sequence[str]] = ()

    def enqueue(self, draft: AnyDraft) -> AnyDraft | Rejected:
        """Return the draft, changed or not, or Rejected(why). Called in the enqueuing thread; must
        not block.
        """
        return draft

    def admit(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, Outcome]:
        """Return outcomes for those attempts of a lot that are not to run; called once a lot,
        before any of it runs.

        May block: it runs in the fetch thread. If it raises, the whole lot is released for a while,
        no attempt used.
        """
        return {}

    def around(self, attempt: Attempt) -> Around:
        """Run before the task, yield once, get its outcome, and return it or another; None keeps
        it.

        Returning before the yield gives the outcome without a run. Raising means what it means in a
        task: a failed attempt, or what RetryLater, Snooze, Discard and Bury say. One generator
        serves sync and async tasks.
        """
        return (yield)


def overrides(middleware: Middleware, method: str) -> bool:
    """Whether this middleware has a `method` of its own."""
    return getattr(type(middleware), method) is not getattr(Middleware, method)


def step_in(middleware: Middleware, attempt: Attempt) -> tuple[Around | None, Outcome | None]:
    """Run one `around` up to its yield: the generator, or the outcome it gave instead of a run.

    Raises nothing, and so does `step_out`.
    """
    try:
        generator = middleware.around(attempt)
        next(generator)
    except StopIteration as stop:
        return None, _returned(middleware, stop.value, None)
    except BaseException as error:  # user code: the middleware's
        return None, outcome_of(error)
    return generator, None


def step_out(middleware: Middleware, generator: Around, outcome: Outcome) -> Outcome:
    """Run one `around` from its yield to its end and return the outcome it leaves."""
    try:
        generator.send(outcome)
        generator.close()
    except StopIteration as stop:
        return _returned(middleware, stop.value, outcome)
    except BaseException as error:  # user code: the middleware's
        return outcome_of(_joined(error, outcome))
    twice = RuntimeError(
        f"expected around() of {type(middleware).__name__} to yield once, it did so twice"
    )
    return Failed(_joined(twice, outcome))


def _returned(middleware: Middleware, value: object, outcome: Outcome | None) -> Outcome:
    if isinstance(value, Outcome):
        return value
    if value is None and outcome is not None:
        return outcome
    return Failed(
        TypeError(
            f"expected around() of {type(middleware).__name__} to yield, or to return an outcome,"
            f" got {shown(value)}"
        )
    )


def _joined(error: BaseException, outcome: Outcome) -> BaseException:
    """Keep the task's own error behind the middleware's."""
    if isinstance(outcome, Failed) and error is not outcome.error and error.__context__ is None:
        error.__context__ = outcome.error
    return error
