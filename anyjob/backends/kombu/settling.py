"""How leases end: a lease is proven, what follows the job is published, its message removed last.

A crash between leaves two copies of one job, never none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from anyjob.backends.kombu.held import SAFE, Hands, Held
from anyjob.backends.kombu.link import COMMAND, Link
from anyjob.backends.kombu.messages import Record, record_of
from anyjob.core.errors import AnyjobError, BackendError
from anyjob.core.settlement import Abandon, Answer, Bury, Release, Retry, Settlement


class Settling:
    """Ends the leases of one consumer; any thread."""

    def __init__(self, consuming: Link, publishing: Link, hands: Hands, *, lease: float) -> None:
        """A lease is proven by renewing it, for `lease` seconds."""
        self._consuming = consuming
        self._publishing = publishing
        self._hands = hands
        self._names = consuming.way.names
        self._seconds = lease
        self._clock = consuming.way.clock

    def settle(self, lot: Sequence[Settlement], deadline: float) -> list[Answer]:
        """End leases, and say what became of each. Nothing is sent for one whose time is over."""
        now = self._clock.monotonic()
        answers = [Answer.LEASE_LOST] * len(lot)
        mine = {
            index: held
            for index, each in enumerate(lot)
            if (held := self._hands.take(each.lease, now)) is not None
        }
        pairs = {index: (lot[index], held) for index, held in mine.items()}
        gone, again = self._follow(pairs, deadline)
        for index, is_ours in self._end(gone, lot, deadline).items():
            answers[index] = is_ours
        for index in again:
            answers[index] = Answer.UNKNOWN
        # The worker sends it once more; a lease that is lost meanwhile is told then.
        unknown = [mine[index] for index in mine if answers[index] is Answer.UNKNOWN]
        self._hands.add([each for each in unknown if self._is_live(each)])
        return answers

    def _follow(
        self, lot: dict[int, tuple[Settlement, Held]], deadline: float
    ) -> tuple[dict[int, Held], list[int]]:
        """Publish what follows; those whose message may be removed now, and those of which nobody
        knows what was published.
        """
        moves = {
            index: copies
            for index, (settlement, held) in lot.items()
            if (copies := self._copies(settlement, held))
        }
        gone = {index: held for index, (_, held) in lot.items() if index not in moves}
        if not moves:
            return gone, []
        ours = self._proven({index: lot[index][1] for index in moves}, deadline)
        if ours is None:
            return gone, list(moves)
        # Those that are not are answered by what is left of them: nothing.
        moves = {index: copies for index, copies in moves.items() if ours[index]}
        owners = [index for index, copies in moves.items() for _ in copies]
        sent: set[int] = set()
        messages = [copy for copies in moves.values() for copy in copies]
        try:
            routed = publish(self._publishing, messages, sent.add, _left(deadline))
            sent -= {at for at, is_routed in enumerate(routed) if not is_routed}
        except BackendError:
            pass  # what was stored for certain goes on
        again = sorted({owner for at, owner in enumerate(owners) if at not in sent})
        for index in moves:
            if index not in again:
                lot[index][1].is_followed = True
                gone[index] = lot[index][1]
        return gone, again

    def _proven(self, held: dict[int, Held], deadline: float) -> dict[int, bool] | None:
        """Whether each lease is ours still, and for a while; None if nobody can tell."""
        began = self._clock.monotonic()
        timed = self._consuming.way.holds == "timed"
        try:
            told = self._ask(
                lambda way, channel: way.renew(
                    channel, [h.tag for h in held.values()], self._seconds
                ),
                deadline,
            )
        except AnyjobError:
            if timed:
                return None
            told = [True] * len(held)
        ours = {}
        for (index, each), is_ours in zip(held.items(), told, strict=True):
            ours[index] = is_ours and self._is_live(each)
            if timed and ours[index]:
                each.deadline = max(each.deadline, began + SAFE * self._seconds)
        return ours

    def _end(
        self, gone: dict[int, Held], lot: Sequence[Settlement], deadline: float
    ) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        # What was published anew in its place, with its note, has only to be removed.
        given_up = {
            i: held
            for i, held in gone.items()
            if isinstance(lot[i], Abandon) and lot[i].note is None
        }
        ended = {i: held for i, held in gone.items() if i not in given_up}
        for some, step in ((ended, _remove), (given_up, _give_up)):
            live = {i: each for i, each in some.items() if self._is_live(each)}
            for index, each in some.items():
                if index not in live:
                    # Its copy is stored, and the broker gives the original to somebody else.
                    answers[index] = Answer.UNKNOWN if each.is_followed else Answer.LEASE_LOST
            if not live:
                continue
            tags = [each.tag for each in live.values()]
            try:
                told = self._ask(lambda way, channel, t=tags, s=step: s(way, channel, t), deadline)
            except AnyjobError:
                told = None
            now = self._clock.monotonic()
            for at, (index, each) in enumerate(live.items()):
                if told is None or (now >= each.deadline and not told[at]):
                    answers[index] = Answer.UNKNOWN
                else:
                    answers[index] = Answer.DONE if told[at] else Answer.LEASE_LOST
        return answers

    def _is_live(self, held: Held) -> bool:
        return self._consuming.way.holds != "connection" or held.epoch == self._consuming.epoch

    def _ask(self, do: Callable[..., Any], deadline: float) -> Any:
        way = self._consuming.way
        return self._consuming.call(lambda channel: do(way, channel), _left(deadline))

    def _copies(self, settlement: Settlement, held: Held) -> list[tuple[str, Record]]:
        if held.is_followed:
            return []
        queue = held.lease.queue
        copies = [
            (self._names.ready(child.queue, child.priority), record_of(child))
            for child in settlement.then
        ]
        record = held.record
        if settlement.note is not None:
            record = msgspec.structs.replace(record, note=settlement.note)
        match settlement:
            case Bury():
                record = msgspec.structs.replace(
                    record,
                    attempts=record.attempts + settlement.ran,
                    died=self._clock.time(),
                    reason=settlement.reason,
                )
                return [*copies, (self._names.dead(queue), record)]
            case Retry():
                record = msgspec.structs.replace(record, attempts=record.attempts + 1)
            case Abandon():
                if not self._consuming.way.once and settlement.note is None:
                    return copies
                record = msgspec.structs.replace(record, redeliveries=record.redeliveries + 1)
            case Release():
                pass
            case _:
                return copies
        return [*copies, (self._names.ready(queue, record.priority), record)]


def publish(
    link: Link,
    messages: Sequence[tuple[str, Record]],
    stored: Callable[[int], None],
    seconds: float = COMMAND,
) -> list[bool]:
    """Put messages into queues; `stored` is told the place of each that is there for certain.
    Whether each had a queue to go to.
    """
    return link.call(lambda channel: link.way.publish(channel, messages, stored), seconds)


def _remove(way: Any, channel: Any, tags: Sequence[Any]) -> list[bool]:
    told: list[bool] = way.remove(channel, tags)
    return told


def _give_up(way: Any, channel: Any, tags: Sequence[Any]) -> list[bool]:
    told: list[bool] | None = way.give_up(channel, tags)
    # Published anew before, where it cannot be given back.
    return [True] * len(tags) if told is None else told


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
