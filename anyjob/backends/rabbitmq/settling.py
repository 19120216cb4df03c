"""Settlements on their way: acknowledged, or published anew and then acknowledged.

Nothing is lost when it is cut anywhere, because the new copy of a job is confirmed before the old
one is given up. In the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.held import Hold
from anyjob.backends.rabbitmq.line import Line
from anyjob.backends.rabbitmq.link import COMMAND
from anyjob.backends.rabbitmq.messages import Message, Record
from anyjob.backends.rabbitmq.publisher import Fate
from anyjob.core.clock import SystemClock
from anyjob.core.settlement import Abandon, Answer, Bury, Release, Retry, Settlement

if TYPE_CHECKING:
    from anyjob.backends.rabbitmq.consumer import RabbitConsumer

_clock = SystemClock()
#: What leaves a job somewhere else than where it was leased.
_MOVES = (Retry, Release, Bury)


class Settling:
    """A lot of settlements of live leases; tells the answers when all of them are there."""

    def __init__(
        self,
        consumer: RabbitConsumer,
        lot: Sequence[Settlement],
        holds: Sequence[Hold | None],
        done: Callable[[list[Answer]], None],
    ) -> None:
        """`holds` is None for a lease that is lost."""
        self._consumer = consumer
        self._lot = lot
        self._holds = holds
        self._done = done
        self._answers: list[Answer | None] = [
            Answer.LEASE_LOST if hold is None else None for hold in holds
        ]
        self._left = sum(answer is None for answer in self._answers)
        self._timer: object | None = None

    def begin(self) -> None:
        if not self._left:
            self._finish()
            return
        self._timer = self._consumer.loop.later(COMMAND, self._give_up)
        simple: dict[Line, list[int]] = {}
        moving: dict[Line, list[int]] = {}
        for at, hold in enumerate(self._holds):
            if hold is None:
                continue
            if not hold.is_live:
                self._answer(at, Answer.LEASE_LOST)
            else:
                moves = bool(self._lot[at].then) or isinstance(self._lot[at], _MOVES)
                (moving if moves else simple).setdefault(hold.line, []).append(at)
        for line, places in simple.items():
            self._end(line, places)
        for line, places in moving.items():
            self._prove(line, places)

    # Steps

    def _end(self, line: Line, places: list[int]) -> None:
        """Give up what the broker has of these; it is done when the broker says so."""
        live = [at for at in places if self._holding(at).is_live]
        for at in places:
            if at not in live:
                # Its copy is stored, and the broker gives the original to somebody else.
                self._answer(at, Answer.UNKNOWN)
        if not live:
            return
        given_up = [at for at in live if isinstance(self._lot[at], Abandon)]
        ended = [at for at in live if not isinstance(self._lot[at], Abandon)]
        line.ack(self._holding(at).tag for at in ended)
        line.abandon(self._holding(at).tag for at in given_up)
        line.barrier(lambda alive: self._answer_all(live, Answer.DONE if alive else Answer.UNKNOWN))

    def _prove(self, line: Line, places: list[int]) -> None:
        """Publish nothing of a lease before its connection has answered: who slept long enough to
        lose it may find it open still.
        """
        asked = _clock.monotonic()

        def proven(alive: bool) -> None:  # noqa: FBT001 - what a barrier tells
            late = _clock.monotonic() - asked > self._consumer.link.location.heartbeat
            if not alive or late:
                self._answer_all(places, Answer.LEASE_LOST if not alive else Answer.UNKNOWN)
                if late and alive:
                    self._consumer.link.abort("this process stood still for longer than it may")
                return
            self._move(line, places)

        line.barrier(proven)

    def _move(self, line: Line, places: list[int]) -> None:
        sent: list[Message] = []
        owners: list[int] = []
        for at in places:
            own = self._copies(at)
            sent += own
            owners += [at] * len(own)
        if not sent:
            self._end(line, places)
            return

        def stored(fates: list[Fate]) -> None:
            failed = {at for at, fate in zip(owners, fates, strict=True) if fate is not Fate.STORED}
            for at in failed:
                # It is ours still, and may be settled again.
                self._consumer.hold_again(self._holding(at))
                self._answer(at, Answer.UNKNOWN)
            self._end(line, [at for at in places if at not in failed])

        self._consumer.publisher.submit(sent, stored)

    def _copies(self, at: int) -> list[Message]:
        settlement, hold = self._lot[at], self._holding(at)
        made = [self._consumer.sender.to_enqueue(child) for child in settlement.then]
        record = hold.record
        if settlement.note is not None:
            record = msgspec.structs.replace(record, note=settlement.note)
        match settlement:
            case Retry():
                record = msgspec.structs.replace(record, attempts=record.attempts + 1)
                made.append(self._again(hold, record, settlement.delay))
            case Release():
                made.append(self._again(hold, record, settlement.delay))
            case Bury():
                attempts = record.attempts + settlement.ran
                record = msgspec.structs.replace(record, attempts=attempts)
                made.append(self._dead(hold, record, settlement.reason))
            case _:
                pass
        return made

    def _again(self, hold: Hold, record: Record, delay: float) -> Message:
        properties = messages.moved(hold.id, record) if hold.is_job else messages.foreign()
        return self._consumer.sender.to_publish(
            hold.line.queue, record.priority, delay, hold.body, properties
        )

    def _dead(self, hold: Hold, record: Record, reason: str) -> Message:
        names = self._consumer.names
        properties = messages.moved(hold.id, record, reason=reason, ended=time.time())
        return Message(names.exchange, names.dead(hold.line.queue), hold.body, properties)

    def _holding(self, at: int) -> Hold:
        return cast("Hold", self._holds[at])  # those of lost leases are answered first

    def _answer_all(self, places: Sequence[int], answer: Answer) -> None:
        for at in places:
            self._answer(at, answer)

    def _answer(self, at: int, answer: Answer) -> None:
        if self._answers[at] is None:
            self._answers[at] = answer
            self._left -= 1
            if not self._left:
                self._finish()

    def _give_up(self) -> None:
        """The broker does not answer: nothing else will come of this connection."""
        self._timer = None
        if self._left:
            self._consumer.link.abort("a settlement was not answered in time")
            self._answer_all(range(len(self._lot)), Answer.UNKNOWN)

    def _finish(self) -> None:
        if self._timer is not None:
            self._consumer.loop.cancel(self._timer)
            self._timer = None
        self._done([answer or Answer.UNKNOWN for answer in self._answers])
