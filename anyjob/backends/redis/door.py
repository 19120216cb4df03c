"""One event loop's way to the server: a connection that carries, lot by lot, what the loop's
coroutines want stored.

The loop itself waits for replies. What may block, connecting and whatever a refused lot asks for,
is done by a thread that is started for it, through the `Link` that everybody else uses.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import msgspec

from anyjob.backends.redis.errors import PASSING, Lost, unreachable
from anyjob.backends.redis.facts import MAX_BATCH
from anyjob.backends.redis.link import ANSWER_SECONDS, COMMAND_SECONDS, FRESH, Link, Uncertain
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.storing import Storing
from anyjob.backends.redis.stream import Stream
from anyjob.backends.redis.wire import SLOWEST, Wire
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import EnqueueUncertain, InvalidOption, Misuse

T = TypeVar("T")

Answer = asyncio.Future[list[Receipt]]

#: A lot that leaves together, unless one call brings more.
_LOT, _LOT_BYTES = 256, 256 * 1024


class _Wish(msgspec.Struct, frozen=True, eq=False):
    """One call, and when it is over at the latest."""

    jobs: Sequence[Envelope]
    answer: Answer
    deadline: float


class _Lot(msgspec.Struct, eq=False):
    """What is under way."""

    wishes: list[_Wish]
    storing: Storing
    #: When its connection is given up; None while a thread is at it, which has a deadline itself.
    deadline: float | None
    replies: list[Any] = msgspec.field(default_factory=list)


class Door:
    """One loop's way to the server. All but `close` is of that loop's thread.

    One lot is under way at a time. What is wished for meanwhile leaves with the next one, in the
    order of the calls. A call that was cancelled is left out if it has not left yet; else its
    reply comes, and nobody is told.
    """

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        self._wishes: deque[_Wish] = deque()
        self._lot: _Lot | None = None
        self._wire: Wire | None = None
        self._stream: Stream | None = None
        self._used = 0.0
        self._is_connecting = False
        self._is_called = False
        #: Whether the last lot was one call, and the next one probably is.
        self._is_alone = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def enqueue(self, jobs: Sequence[Envelope]) -> Answer:
        """A future of the loop, of a receipt for each of these jobs; at least one."""
        if self._is_closed:
            raise closed()
        answer: Answer = self._loop.create_future()
        self._wishes.append(_Wish(jobs, answer, time.monotonic() + COMMAND_SECONDS))
        if self._lot is None and not self._is_called:
            self._is_called = True
            if self._is_alone:
                # A turn of the loop is a tenth of what a job costs.
                self._next()
            else:
                # What other coroutines wish for in this turn goes along.
                self._loop.call_soon(self._next)
        if self._timer is None:
            self._timer = self._loop.call_later(COMMAND_SECONDS, self._watch)
        return answer

    def close(self) -> None:
        """End the connection; whoever waits is told. Any thread, whatever the loop does."""
        self._is_closed = True
        if self._loop.is_running() and self._loop is not _running_loop():
            try:
                self._loop.call_soon_threadsafe(self._end)
                return
            except RuntimeError:
                pass  # it was closed meanwhile, and has nobody left to be disturbed
        self._end()

    # One lot after the other

    def _next(self) -> None:
        """Send what has gathered, unless something is under way."""
        self._is_called = False
        if self._lot is not None or self._is_closed or not self._wishes:
            return
        now = time.monotonic()
        if self._stream is not None and now - self._used > FRESH:
            # A server that was restarted meanwhile has closed its end: nothing may be sent there,
            # or nobody could know whether it arrived.
            self._stream.read()
        if self._stream is None:
            self._connect()
            return
        wishes = self._gathered(now)
        if not wishes:
            return
        self._is_alone = len(wishes) == 1
        jobs = wishes[0].jobs if self._is_alone else [job for wish in wishes for job in wish.jobs]
        storing = Storing(self._link, jobs)
        try:
            data = b"".join(command.packed() for command in storing.commands)
        except UnicodeEncodeError:
            self._refuse(wishes, InvalidOption("expected text that UTF-8 can write"))
            self._next()
            return
        self._lot = _Lot(wishes, storing, wishes[0].deadline + len(data) / SLOWEST)
        self._stream.write(data)

    def _gathered(self, now: float) -> list[_Wish]:
        """The wishes of the next lot."""
        wishes: list[_Wish] = []
        count, size, waiting = 0, 0, self._wishes
        while waiting and count < _LOT and size < _LOT_BYTES:
            wish = waiting[0]
            if count + len(wish.jobs) > MAX_BATCH and count:
                break
            waiting.popleft()
            if wish.answer.done():
                continue
            if wish.deadline - now < ANSWER_SECONDS:
                self._refuse([wish], self._late())
                continue
            wishes.append(wish)
            for job in wish.jobs:
                count += 1
                size += len(job.body)
        return wishes

    def _arrived(self, replies: list[Any]) -> None:
        lot = self._lot
        if lot is None or lot.deadline is None:
            self._drop()  # nobody had asked
            return
        lot.replies += replies
        missing = len(lot.storing.commands) - len(lot.replies)
        if missing > 0:
            return
        if missing < 0:
            self._drop()  # nobody had asked for the rest
        answer = lot.replies[lot.storing.at]
        if isinstance(answer, ReplyError) and _needs_more(answer):
            self._tell_again(lot, lot.deadline, answer)
        else:
            self._settle(partial(lot.storing.receipts, lot.replies))

    def _settle(self, receipts: Callable[[], list[Receipt]]) -> None:
        """Tell those of the lot what became of their jobs, and go on with the next."""
        lot, self._lot = self._lot, None
        if lot is None:
            return  # the door was closed meanwhile
        self._used = time.monotonic()
        try:
            found = receipts()
        except Exception as error:  # whatever it is has to reach those who wait
            self._refuse(lot.wishes, error)
        else:
            at = 0
            for wish in lot.wishes:
                if not wish.answer.done():
                    wish.answer.set_result(found[at : at + len(wish.jobs)])
                at += len(wish.jobs)
        if self._wishes:
            self._next()

    def _tell_again(self, lot: _Lot, deadline: float, answer: ReplyError) -> None:
        """Let a thread do a lot that was refused, nothing of it having been done: by pauses, the
        script's text, another server, or a question about rights.
        """
        lot.deadline = None
        if answer.code == "READONLY":
            self._drop()  # it leads to a server that is the primary no longer
        seconds = max(0.0, deadline - time.monotonic())

        def tell() -> list[Receipt]:
            return lot.storing.receipts(self._link.tell(lot.storing.commands, seconds=seconds))

        self._aside(tell, self._settle)

    # The connection

    def _connect(self) -> None:
        if self._wishes and not self._is_connecting:
            self._is_connecting = True
            self._aside(partial(self._dial, self._wishes[0].deadline), self._connected)

    def _dial(self, deadline: float) -> Wire:
        """A connection; in a thread."""
        self._wire = wire = self._link.take(deadline)
        if self._is_closed:
            # Whoever closed the door may have looked before there was something to end.
            self._link.end(wire)
        return wire

    def _connected(self, dialled: Callable[[], Wire]) -> None:
        self._is_connecting = False
        if self._is_closed:
            return
        try:
            wire = dialled()
        except Exception as error:  # as above
            waiting = list(self._wishes)
            self._wishes.clear()
            self._refuse(waiting, error)
            return
        self._used = time.monotonic()
        self._stream = Stream(self._loop, wire, self._arrived, self._lost)
        self._next()

    def _lost(self, lost: Lost) -> None:
        self._drop()
        if self._lot is not None and self._lot.deadline is not None:
            self._settle(partial(_raise, self._link.lost(lost, reads=False)))

    def _drop(self) -> None:
        """Give the connection up; the next lot makes another one."""
        stream, self._stream = self._stream, None
        wire, self._wire = self._wire, None
        if stream is not None:
            stream.release()
        if wire is not None:
            self._link.end(wire)

    def _end(self) -> None:
        self._drop()
        lot, self._lot = self._lot, None
        waiting = [*(lot.wishes if lot else ()), *self._wishes]
        self._wishes.clear()
        if self._timer is not None:
            self._timer.cancel()
        if not self._loop.is_closed():
            self._refuse(waiting, closed())

    # By when, and for whom

    def _watch(self) -> None:
        """End what is past its time, and come back when the next may be."""
        self._timer = None
        now = time.monotonic()
        if self._lot is not None and self._lot.deadline is not None and self._lot.deadline <= now:
            self._lost(Lost("did not answer in time", sent=True))
        while self._wishes and self._wishes[0].deadline <= now:
            self._refuse([self._wishes.popleft()], self._late())
        ends = [wish.deadline for wish in (*self._wishes,)[:1]]
        if self._lot is not None and self._lot.deadline is not None:
            ends.append(self._lot.deadline)
        if ends:
            self._timer = self._loop.call_later(max(0.0, min(ends) - now), self._watch)

    def _late(self) -> Exception:
        return unreachable(self._link.location, "did not answer in time")

    def _refuse(self, wishes: Sequence[_Wish], error: Exception) -> None:
        for wish in wishes:
            if wish.answer.done():
                continue
            own = error
            if isinstance(error, Uncertain | EnqueueUncertain):
                own = EnqueueUncertain(str(error), wish.jobs)
                own.__cause__ = error
            wish.answer.set_exception(own)

    def _aside(self, work: Callable[[], T], then: Callable[[Callable[[], T]], object]) -> None:
        """Do in a thread what may block, and go on in the loop with what returns or raises what it
        did. A thread of its own, because those of the loop's executor may all wait for jobs.
        """

        def run() -> None:
            try:
                outcome: Callable[[], T] = partial(_same, work())
            except BaseException as error:  # it is raised again where it is asked for
                outcome = partial(_raise, error)
            try:
                self._loop.call_soon_threadsafe(then, outcome)
            except RuntimeError:
                return  # the loop was closed; what there is, `close` ends

        try:
            threading.Thread(target=run, name="anyjob-redis-aside", daemon=True).start()
        except RuntimeError as error:  # the machine has no room for one
            then(partial(_raise, unreachable(self._link.location, f"cannot be reached: {error}")))


def closed() -> Misuse:
    """The error of a door that was closed."""
    return Misuse(
        "this redis:// object was closed while coroutines enqueued; await them before close()"
    )


def _needs_more(answer: ReplyError) -> bool:
    return answer.code in PASSING or answer.code in {"NOSCRIPT", "READONLY"} or answer.is_of_rights


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _same(value: T) -> T:
    return value


def _raise(error: BaseException) -> NoReturn:
    raise error
