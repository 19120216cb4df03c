"""What coroutines want stored, and how they are told what became of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import msgspec

from anyjob.backends.redis.link import Uncertain
from anyjob.backends.redis.storing import Told, told, uncertain
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain, Misuse

T = TypeVar("T")

Answer = asyncio.Future[list[Receipt]]


class Wish(msgspec.Struct, frozen=True, eq=False):
    """One call, and when it is over at the latest."""

    jobs: Sequence[Envelope]
    answer: Answer
    deadline: float

    @property
    def queue(self) -> str:
        """That of its first job."""
        return self.jobs[0].queue

    def tell(self, what: Told) -> None:
        """End the call so, unless it has ended; in the thread of its loop."""
        if self.answer.done():
            return
        if not isinstance(what, Exception):
            self.answer.set_result(what)
        elif isinstance(what, Uncertain | EnqueueUncertain):
            self.answer.set_exception(uncertain(what, self.jobs))
        else:
            self.answer.set_exception(what)


def joint(
    loop: asyncio.AbstractEventLoop,
    jobs: Sequence[Envelope],
    parts: Sequence[Sequence[int]],
    answers: Sequence[Answer],
) -> Answer:
    """A future of a receipt for each of these jobs, of which parts are answered by themselves;
    `parts` are the places of their jobs.
    """
    whole: Answer = loop.create_future()

    def note(_: Answer) -> None:
        if not all(answer.done() for answer in answers) or whole.done():
            return
        said: list[Any] = [None] * len(jobs)
        for part, answer in zip(parts, answers, strict=True):
            error = answer.exception()
            found = [error] * len(part) if error is not None else answer.result()
            for at, each in zip(part, found, strict=True):
                said[at] = each
        Wish(jobs, whole, 0.0).tell(told(jobs, said))

    def leave(_: Answer) -> None:
        for answer in answers:
            answer.cancel()

    for answer in answers:
        answer.add_done_callback(note)
    whole.add_done_callback(leave)
    return whole


def closed() -> Misuse:
    """The error of a call whose way to the server was closed."""
    return Misuse(
        "this redis:// object was closed while coroutines enqueued; await them before close()"
    )


def aside(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[], T],
    then: Callable[[Callable[[], T]], object],
) -> None:
    """Do in a thread what may block, and go on in the loop with what returns or raises what it
    did. A thread of its own, because those of the loop's executor may all wait for jobs.
    """

    def run() -> None:
        try:
            outcome: Callable[[], T] = partial(_same, work())
        except BaseException as error:  # it is raised again where it is asked for
            outcome = partial(_raise, error)
        try:
            loop.call_soon_threadsafe(then, outcome)
        except RuntimeError:
            return  # the loop was closed; what there is, `close` ends

    try:
        threading.Thread(target=run, name="anyjob-redis-aside", daemon=True).start()
    except RuntimeError as error:  # the machine has no room for one
        trouble = BackendUnavailable(f"this process cannot have another thread: {error}")
        then(partial(_raise, trouble))


def call_in(loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    """Call this in the thread of a loop; here if that is this one, or if the loop stands still."""
    if loop.is_running() and loop is not _running_loop():
        try:
            loop.call_soon_threadsafe(end)
            return
        except RuntimeError:
            pass  # it was closed meanwhile, and has nobody left to be disturbed
    end()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _same(value: T) -> T:
    return value


def _raise(error: BaseException) -> NoReturn:
    raise error
