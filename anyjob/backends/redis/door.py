"""One event loop's way to a server: a connection that carries, lot by lot, what the loop's
coroutines want stored.

The loop itself waits for replies. What may block, connecting and whatever a refused lot asks for,
is done by a thread that is started for it, through the `Link` that everybody else uses.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from anyjob.backends.redis.errors import PASSING, Lost, unreachable
from anyjob.backends.redis.facts import MAX_BATCH
from anyjob.backends.redis.link import ANSWER_SECONDS, COMMAND_SECONDS, FRESH, Link, packed
from anyjob.backends.redis.parts import ELSEWHERE
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.storing import (
    Said,
    Storing,
    Told,
    divided,
    is_of_one,
    store_apart,
    store_together,
    told_of,
)
from anyjob.backends.redis.stream import Stream
from anyjob.backends.redis.wire import SLOWEST, Wire
from anyjob.backends.redis.wishes import Answer, Wish, aside, call_in, closed
from anyjob.core.envelope import Envelope
from anyjob.core.errors import InvalidOption

#: A lot that leaves together, unless one call brings more.
_LOT, _LOT_BYTES = 256, 256 * 1024
#: Refusals of what may be stored all the same, by the script's text, later or elsewhere.
_AGAIN = PASSING | ELSEWHERE | {"NOSCRIPT", "READONLY"}


class Lot(msgspec.Struct, eq=False):
    """What is under way."""

    wishes: list[Wish]
    #: When its connection is given up; None while a thread is at it, which has a deadline itself.
    deadline: float | None
    storing: Storing
    replies: list[Any] = msgspec.field(default_factory=list)


class Door:
    """One loop's way to a server. All but `close` is of that loop's thread.

    One lot is under way at a time. What is wished for meanwhile leaves with the next one, in the
    order of the calls. A call that was cancelled is left out if it has not left yet; else its
    reply comes, and nobody is told.
    """

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        #: What connects to the server.
        self._node = link
        #: Whether the list of all queues is on that server too.
        self._lists = True
        self._wishes: deque[Wish] = deque()
        self._lot: Lot | None = None
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
        self._add(Wish(jobs, answer, time.monotonic() + COMMAND_SECONDS))
        return answer

    def close(self) -> None:
        """End the connection; whoever waits is told. Any thread, whatever the loop does."""
        self._is_closed = True
        call_in(self._loop, self._end)

    def _add(self, wish: Wish) -> None:
        self._wishes.append(wish)
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
        storing = self._storing(wishes)
        try:
            data = packed(storing.commands)
        except InvalidOption as error:
            self._leave_out(wishes, error)
            return
        self._lot = Lot(wishes, wishes[0].deadline + len(data) / SLOWEST, storing)
        self._stream.write(data)

    def _gathered(self, now: float) -> list[Wish]:
        """The wishes of the next lot."""
        wishes: list[Wish] = []
        count, size, waiting = 0, 0, self._wishes
        while waiting and count < _LOT and size < _LOT_BYTES:
            wish = waiting[0]
            if count + len(wish.jobs) > MAX_BATCH and count:
                break
            waiting.popleft()
            if wish.answer.done():
                continue
            if wish.deadline - now < ANSWER_SECONDS:
                wish.tell(self._late())
                continue
            wishes.append(wish)
            for job in wish.jobs:
                count += 1
                size += len(job.body)
        return wishes

    def _storing(self, wishes: Sequence[Wish]) -> Storing:
        jobs = wishes[0].jobs if len(wishes) == 1 else [*chain(*(wish.jobs for wish in wishes))]
        return Storing(self._link, jobs, lists=self._lists)

    def _leave_out(self, wishes: Sequence[Wish], error: InvalidOption) -> None:
        """Refuse those of a lot that nobody can write, and go on with the others."""
        good = []
        for wish in wishes:
            try:
                packed(self._storing([wish]).commands)
            except InvalidOption:
                wish.tell(error)
            else:
                good.append(wish)
        self._wishes.extendleft(reversed(good))
        self._next()

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
        self._used = time.monotonic()
        said = lot.storing.said(lot.replies)
        if lot.storing.has_failed:
            self._meet_refusals(lot, divided(said, [wish.jobs for wish in lot.wishes]))
        else:
            told: list[Told] = [*divided(said, [wish.jobs for wish in lot.wishes])]
            self._settle(lambda: told)

    def _meet_refusals(self, lot: Lot, said: Sequence[Sequence[Said]]) -> None:
        """Tell those of a lot that were not refused, and do what there is to do for the others, of
        which nothing was stored.
        """
        left: list[Wish] = []
        refusals: list[ReplyError] = []
        for wish, own in zip(lot.wishes, said, strict=True):
            refusal = next((each for each in own if isinstance(each, ReplyError)), None)
            if refusal is None:
                wish.tell(*told_of(self._link, [wish.jobs], [own]))
            else:
                left.append(wish)
                refusals.append(refusal)
        had_others = len(lot.wishes) > 1
        lot.wishes = left
        if any(refusal.code == "READONLY" for refusal in refusals):
            self._drop()  # it leads to a server that is the primary no longer
        if any(refusal.code in ELSEWHERE for refusal in refusals):
            self._link.doubt()
        if any(refusal.code in _AGAIN for refusal in refusals):
            self._go_aside(lot, store_together)
        elif any(
            refusal.is_of_rights or (had_others and is_of_one(refusal)) for refusal in refusals
        ):
            self._go_aside(lot, store_apart)
        else:
            self._settle(
                partial(
                    told_of, self._link, [wish.jobs for wish in left], [[each] for each in refusals]
                )
            )

    def _go_aside(self, lot: Lot, store: Callable[..., list[Told]]) -> None:
        """Let a thread store a lot: by pauses, the script's text, another server, a script for each
        call, or a question about rights.
        """
        deadline = lot.deadline or lot.wishes[0].deadline
        lot.deadline = None
        calls = [wish.jobs for wish in lot.wishes]
        aside(
            self._loop,
            partial(store, self._link, calls, deadline, lists=self._lists),
            self._settle,
        )

    def _settle(self, outcome: Callable[[], list[Told]]) -> None:
        """Tell those of the lot what became of their jobs, and go on with the next."""
        lot, self._lot = self._lot, None
        if lot is None:
            return  # the door was closed meanwhile
        try:
            told = outcome()
        except Exception as error:  # whatever it is has to reach those who wait
            told = [error] * len(lot.wishes)
        for wish, each in zip(lot.wishes, told, strict=True):
            wish.tell(each)
        self._ended()
        if self._wishes:
            self._next()

    def _ended(self) -> None:
        """A lot has ended, and the next has not left."""

    # The connection

    def _connect(self) -> None:
        if self._wishes and not self._is_connecting:
            self._is_connecting = True
            work = partial(self._dial, self._wishes[0].deadline)
            aside(self._loop, work, self._connected)

    def _dial(self, deadline: float) -> Wire:
        """A connection; in a thread."""
        self._wire = wire = self._node.take(deadline)
        if self._is_closed:
            # Whoever closed the door may have looked before there was something to end.
            self._node.end(wire)
        return wire

    def _connected(self, dialled: Callable[[], Wire]) -> None:
        self._is_connecting = False
        if self._is_closed:
            return
        try:
            wire = dialled()
        except Exception as error:  # as above
            self._unconnected(error)
            return
        self._used = time.monotonic()
        self._stream = Stream(self._loop, wire, self._arrived, self._lost)
        self._next()

    def _unconnected(self, error: Exception) -> None:
        waiting = list(self._wishes)
        self._wishes.clear()
        for wish in waiting:
            wish.tell(error)

    def _lost(self, lost: Lost) -> None:
        self._drop()
        self._link.doubt()
        if self._lot is not None and self._lot.deadline is not None:
            error = self._node.lost(lost, reads=False)
            self._settle(partial(_same_for, error, len(self._lot.wishes)))

    def _drop(self) -> None:
        """Give the connection up; the next lot makes another one."""
        stream, self._stream = self._stream, None
        wire, self._wire = self._wire, None
        if stream is not None:
            stream.release()
        if wire is not None:
            self._node.end(wire)

    def _end(self) -> None:
        self._drop()
        lot, self._lot = self._lot, None
        waiting = [*(lot.wishes if lot else ()), *self._wishes]
        self._wishes.clear()
        if self._timer is not None:
            self._timer.cancel()
        if not self._loop.is_closed():
            for wish in waiting:
                wish.tell(closed())

    # By when

    def _watch(self) -> None:
        """End what is past its time, and come back when the next may be."""
        self._timer = None
        now = time.monotonic()
        if self._lot is not None and self._lot.deadline is not None and self._lot.deadline <= now:
            self._lost(Lost("did not answer in time", sent=True))
        while self._wishes and self._wishes[0].deadline <= now:
            self._wishes.popleft().tell(self._late())
        ends = [wish.deadline for wish in (*self._wishes,)[:1]]
        if self._lot is not None and self._lot.deadline is not None:
            ends.append(self._lot.deadline)
        if ends and self._timer is None:
            self._timer = self._loop.call_later(max(0.0, min(ends) - now), self._watch)

    def _late(self) -> Exception:
        return unreachable(self._node.location, "did not answer in time")


def _same_for(error: Exception, count: int) -> list[Told]:
    return [error] * count
