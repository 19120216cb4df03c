"""How leases end on SQS: what follows a job is sent first, and its message is deleted last."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from anyjob.backends.sqs.held import Hands, Held, leg
from anyjob.backends.sqs.link import Link
from anyjob.backends.sqs.messages import MAX_REASON, Record, record_of
from anyjob.backends.sqs.names import DEAD, band_of
from anyjob.backends.sqs.queues import Queues
from anyjob.backends.sqs.sending import Batches, Fate, Send, Told
from anyjob.core.envelope import Envelope
from anyjob.core.errors import AnyjobError
from anyjob.core.settlement import Abandon, Answer, Bury, Release, Retry, Settlement


class Settling:
    """Ends the leases of one consumer; any thread."""

    def __init__(self, link: Link, queues: Queues, batches: Batches, hands: Hands) -> None:
        self._link = link
        self._queues = queues
        self._batches = batches
        self._hands = hands

    def settle(self, lot: Sequence[Settlement], deadline: float) -> list[Answer]:
        """End leases, and say what became of each. Nothing is sent for one whose time is over."""
        answers = [Answer.LEASE_LOST] * len(lot)
        now = self._link.clock.monotonic()
        mine = {
            index: held
            for index, each in enumerate(lot)
            if (held := self._hands.take(each.lease, now)) is not None
        }
        parents = {index: lot[index].then for index in mine if lot[index].then}
        followed = self._send_children(parents, deadline)
        ready = {
            index: held for index, held in mine.items() if index not in parents or followed[index]
        }
        sent = self._send_followers({index: lot[index] for index in ready}, ready, deadline)
        gone = [index for index in ready if sent[index]]
        receipts = [(mine[index].url, mine[index].receipt) for index in gone]
        told = dict(zip(gone, self._batches.delete(receipts, deadline), strict=True))
        now = self._link.clock.monotonic()
        for index, held in mine.items():
            # An answer that comes too late may be to a receipt that had become old on the way.
            is_late = now >= held.deadline
            answers[index] = Answer.UNKNOWN if is_late else _answer(told.get(index))
            if answers[index] is Answer.UNKNOWN:
                # The worker sends it once more.
                self._hands.add([held])
        return answers

    def move(self, moves: Sequence[tuple[Held, Record, int]], deadline: float) -> None:
        """Send messages on to their own bands, each after a delay, and delete those that they come
        from. What is out of reach now lapses by itself.
        """
        sends = [
            Send(
                self._place(held.lease.queue, band_of(record.priority)),
                record,
                delay,
                once=held.once,
            )
            for held, record, delay in moves
        ]
        told = self._batches.send(sends, deadline)
        sent = [held for (held, _, _), fate in zip(moves, told, strict=True) if fate is Fate.DONE]
        self._batches.delete([(held.url, held.receipt) for held in sent], deadline)

    def send(self, jobs: Sequence[Envelope], deadline: float) -> list[Told]:
        """Store jobs; what became of each, in order."""
        return self._batches.send([self._job(job) for job in jobs], deadline)

    def _job(self, job: Envelope) -> Send:
        now = self._link.service.time()
        due = job.due
        if due is not None and not isinstance(due, int | float):
            due = due.timestamp() - now
        delay, later = self._leg(now + due, now) if due is not None and due > 0 else (0, None)
        return Send(self._place(job.queue, band_of(job.priority)), record_of(job, later), delay)

    def _place(self, queue: str, band: str) -> str | AnyjobError:
        """Where to send to, or why that cannot be told: the entry is not sent, and others are."""
        try:
            return self._queues.url(queue, band)
        except AnyjobError as error:
            return error

    def _send_children(
        self, parents: dict[int, tuple[Envelope, ...]], deadline: float
    ) -> dict[int, bool]:
        """Whether all children of each parent are there."""
        children = [(index, child) for index, then in parents.items() for child in then]
        told = self.send([child for _, child in children], deadline)
        fine = dict.fromkeys(parents, True)
        for (index, _), fate in zip(children, told, strict=True):
            fine[index] &= fate is Fate.DONE
        return fine

    def _send_followers(
        self, settlements: dict[int, Settlement], mine: dict[int, Held], deadline: float
    ) -> dict[int, bool]:
        """Whether what follows each job is there; nothing follows one that is over."""
        sends: dict[int, Send] = {}
        for index, each in settlements.items():
            follower = None if mine[index].is_followed else self._follower(each, mine[index])
            if follower is not None:
                sends[index] = follower
        told = self._batches.send(list(sends.values()), deadline)
        done = dict.fromkeys(settlements, True)
        for index, fate in zip(sends, told, strict=True):
            done[index] = mine[index].is_followed = fate is Fate.DONE
        return done

    def _follower(self, settlement: Settlement, held: Held) -> Send | None:
        record = held.record
        if settlement.note is not None:
            record = msgspec.structs.replace(record, note=settlement.note)
        queue, now = held.lease.queue, self._link.service.time()
        match settlement:
            case Bury():
                dead = msgspec.structs.replace(
                    record,
                    attempts=record.attempts + settlement.ran,
                    died=now,
                    reason=settlement.reason[:MAX_REASON],
                )
                return Send(self._place(queue, DEAD), dead, once=held.once)
            case Retry():
                record = msgspec.structs.replace(record, attempts=record.attempts + 1)
            case Abandon():
                record = msgspec.structs.replace(record, redeliveries=record.redeliveries + 1)
            case Release():
                pass
            case _:
                return None
        wait = getattr(settlement, "delay", 0.0)
        delay, later = self._leg(now + wait, now) if wait > 0 else (0, None)
        record = msgspec.structs.replace(record, due=later)
        return Send(self._place(queue, band_of(record.priority)), record, delay, once=held.once)

    def _leg(self, due: float, now: float) -> tuple[int, float | None]:
        return leg(due, now, fifo=self._link.location.fifo)


def _answer(told: Told | None) -> Answer:
    if told is Fate.DONE:
        return Answer.DONE
    return Answer.LEASE_LOST if told is Fate.STALE else Answer.UNKNOWN
