"""Messages as they come in: leased to a consumer, or sent on to the time they are due."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from anyjob.backends.sqs.dead import receive, whole
from anyjob.backends.sqs.errors import NoQueue
from anyjob.backends.sqs.held import Hands, Held, leg
from anyjob.backends.sqs.lines import Line
from anyjob.backends.sqs.link import COMMAND, Link
from anyjob.backends.sqs.messages import Record, first_received_at, read, received_at, receives
from anyjob.backends.sqs.queues import Queues
from anyjob.backends.sqs.sending import Batches
from anyjob.backends.sqs.settling import Settling
from anyjob.core.errors import BackendUnavailable
from anyjob.core.settlement import Lease, Verdict


class Receiving:
    """Receives for one consumer; any thread may ask. `group` is whose calls are cut together."""

    def __init__(
        self,
        link: Link,
        queues: Queues,
        batches: Batches,
        settling: Settling,
        hands: Hands,
        *,
        lease: float,
        group: object,
    ) -> None:
        self._link = link
        self._queues = queues
        self._batches = batches
        self._settling = settling
        self._hands = hands
        self._seconds = lease
        self._group = group

    def ask(self, line: Line, count: int, wait: int) -> list[Held]:
        """Receive; what is on its way to a later time is sent on."""
        url = self._queues.url(line.queue, line.band)
        kept = math.ceil(self._seconds)
        asked = self._link.clock.monotonic()
        try:
            messages, date = receive(
                self._link, url, count, kept=kept, wait=wait, group=self._group
            )
        except NoQueue:
            self._queues.lost(line.queue)
            raise
        for instant in filter(None, map(received_at, messages)):
            self._link.service.showed(instant, asked)
        # A lease begins when its message leaves; a request may have waited long for one.
        began = self._link.service.left_after(date, asked) if wait else asked
        now = self._link.service.time()
        held: list[Held] = []
        for each in messages:
            try:
                held.append(self._held(line, url, each, began, now))
            except BackendUnavailable:
                # Its body is out of reach, and it lapses by itself; others came whole.
                if not held and each is messages[-1]:
                    raise
        early = [each for each in held if each.record.due is not None and each.record.due > now]
        if early:
            self._send_on(early, now)
        return [each for each in held if each not in early]

    def _held(
        self, line: Line, url: str, message: dict[str, Any], began: float, now: float
    ) -> Held:
        record = whole(self._link, read(message, line.band), time.monotonic() + COMMAND)
        lost = receives(message) - 1 - self._looks(record, message)
        record = msgspec.structs.replace(record, redeliveries=record.redeliveries + lost)
        lease = Lease(
            id=record.id,
            queue=line.queue,
            token=self._hands.token(),
            body=record.body,
            priority=record.priority,
            attempt=record.attempts + 1,
            redeliveries=record.redeliveries,
            note=record.note,
            now=now,
            until=now + self._seconds,
            verdict=Verdict.RUN if record.is_ours else Verdict.UNDECODABLE,
        )
        return Held(lease, record, url, str(message["ReceiptHandle"]), began, self._seconds)

    def _looks(self, record: Record, message: dict[str, Any]) -> int:
        """How often it was surely received before only to be hidden until it is due."""
        if not self._link.location.fifo or record.due is None or receives(message) == 1:
            return 0
        return int(first_received_at(message) < record.due)

    def _send_on(self, early: Sequence[Held], now: float) -> None:
        if self._link.location.fifo:
            self._hide(early, now)
            return
        moves = []
        for each in early:
            delay, due = leg(each.record.due or now, now)
            moves.append((each, msgspec.structs.replace(each.record, due=due), delay))
        self._settling.move(moves, time.monotonic() + COMMAND)

    def _hide(self, early: Sequence[Held], now: float) -> None:
        """Let nobody receive what is due later before it is; 12 h are the most at once."""
        seconds = [
            each.longest((each.record.due or now) - now, self._link.clock.monotonic())
            for each in early
        ]
        self._batches.postpone(
            [(each.url, each.receipt) for each in early], seconds, time.monotonic() + COMMAND
        )

    def give_back(self, held: Sequence[Held]) -> None:
        """Anew and as they were: what SQS counts are receipts, and these were no lost leases."""
        now = self._link.clock.monotonic()
        moves = [(each, _released(each.record), 0) for each in held if now < each.deadline]
        self._settling.move(moves, time.monotonic() + COMMAND)


def _released(record: Record) -> Record:
    return msgspec.structs.replace(record, due=None)
