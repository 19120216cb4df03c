"""The memory backend and store with one defect each, that only a sequence of calls brings out."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.backends.shares import LowEnd
from anyjob.core.backend import Consumer, Counts, JobRecord, Page, QueueShare, QueueSpec
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.settlement import Answer, Lease, Release, Retry, Settled, Settlement
from anyjob.core.state import State
from anyjob.core.store import Claim, ClaimRequest, Delete, Due, Point, Put, Written

# Stores


class KeepsTheOldTtl(MemoryStore):
    """A put without a ttl leaves the one before it."""

    def put(self, puts: Sequence[Put]) -> list[Written]:
        ttls: dict[str, float] = self.__dict__.setdefault("ttls", {})
        ttls.update({put.key: put.ttl for put in puts if put.ttl is not None})
        return super().put([replace(put, ttl=put.ttl or ttls.get(put.key)) for put in puts])


class DeletesAnyVersion(MemoryStore):
    """Looks whether the version was ever there, not whether it still is."""

    def put(self, puts: Sequence[Put]) -> list[Written]:
        written = super().put(puts)
        self.__dict__.setdefault("seen", set()).update(each.version for each in written)
        return written

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        seen = self.__dict__.setdefault("seen", set())
        return super().delete(
            [
                replace(each, if_version=None) if each.if_version in seen else each
                for each in deletes
            ]
        )


class FormerOwnerFrees(MemoryStore):
    """Gives a claim up by its key alone."""

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        found = super().claim(claims)
        fences = self.__dict__.setdefault("fences", {})
        fences.update({wish.key: each.fence for wish, each in zip(claims, found, strict=True)})
        return found

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        fences = self.__dict__.setdefault("fences", {})
        return super().unclaim([(key, fences.get(key, fence)) for key, fence in claims])


class SkipsEqualTimes(MemoryStore):
    """Reads a series on after the time of the last point, whatever else came then."""

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        return super().series(name, after and (after[0], 2**60), limit)


# Unique keys


class _FreesEarly(MemoryBackend):
    """Stores a second job of a key where the holder looks so."""

    def is_freed(self, holder: JobRecord) -> bool:
        raise NotImplementedError

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return [self._enqueue(job) for job in jobs]

    def _enqueue(self, job: Envelope) -> Receipt:
        [receipt] = super().enqueue([job])
        if isinstance(receipt, Duplicate) and receipt.id != job.id:
            [holder] = self.get(job.queue, [receipt.id])
            if holder is not None and self.is_freed(holder):
                return super().enqueue([replace(job, unique=None)])[0]
        return receipt


class LapseFreesTheKey(_FreesEarly):
    def is_freed(self, holder: JobRecord) -> bool:
        return holder.redeliveries > 0


class RetryFreesTheKey(_FreesEarly):
    def is_freed(self, holder: JobRecord) -> bool:
        return holder.attempts > 0


class DeadJobKeepsTheKey(MemoryBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return [self._enqueue(job) for job in jobs]

    def _enqueue(self, job: Envelope) -> Receipt:
        last: dict[str, str] = self.__dict__.setdefault("last", {})
        key = job.unique.key if job.unique is not None else ""
        [former] = self.get(job.queue, [last[key]]) if key in last else [None]
        if former is not None and former.state is State.DEAD:
            return Duplicate(former.id)
        [receipt] = super().enqueue([job])
        if key and receipt == ACCEPTED:
            last[key] = job.id
        return receipt


class ForgetsWhatEnded(MemoryBackend):
    """Takes the id of a job that ended for a new one."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        receipts = super().enqueue(jobs, transaction=transaction)
        records = [self.get(job.queue, [job.id])[0] for job in jobs]
        return [
            ACCEPTED if record is not None and record.state is State.SUCCEEDED else receipt
            for receipt, record in zip(receipts, records, strict=True)
        ]


# Order


class RetryLosesItsPriority(MemoryBackend):
    """A job that failed comes back as the least of all."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        space = self._space()
        settle = consumer.settle

        def settling(settlements: Sequence[Settlement]) -> None:
            settle(settlements)
            for each in settlements:
                job = space.queues[each.lease.queue].leased.get(each.lease.id)
                if isinstance(each, Retry) and job is not None:
                    job.priority = 0

        consumer.settle = settling  # type: ignore[method-assign]
        return consumer


class SecondReleaseGoesToTheTail(MemoryBackend):
    """Remembers one place of each job, and forgets it when the job goes back to it."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        released: set[str] = self.__dict__.setdefault("released", set())
        settle = consumer.settle

        def settling(settlements: Sequence[Settlement]) -> None:
            space = self._space()
            settle(settlements)
            for each in settlements:
                job = space.queues[each.lease.queue].leased.get(each.lease.id)
                if isinstance(each, Release) and job is not None:
                    if job.id in released:
                        job.place = 2**40
                    released.add(job.id)

        consumer.settle = settling  # type: ignore[method-assign]
        return consumer


class StarvesTheLowEnd(MemoryBackend):
    """Takes the highest priority each time."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        vars(consumer).update(_low_ends=[NoLowEnd() for _ in queues])
        return consumer


class NoLowEnd(LowEnd):
    def part(self, jobs: int) -> int:
        return 0


class DrainsOneQueueFirst(MemoryBackend):
    """Goes through its queues in the same order each time."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        vars(consumer).update(_ring=InOrder())
        return consumer


class InOrder:
    def allot(self, credit: int, available: Sequence[int]) -> list[int]:
        parts = []
        for each in available:
            parts.append(min(credit, each))
            credit -= parts[-1]
        return parts


# What comes back


class ForgetsWhatTheDeadHeld(MemoryBackend):
    """Drops the leases of everybody when one worker's backend closes."""

    def close(self) -> None:
        if self._open is not None:
            for queue in self._open.queues.values():
                vars(queue)["_lots"].clear()
        super().close()


class SweepsTenAtOnce(MemoryBackend):
    """Takes back the first ten leases of a lot, and forgets the others."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        for queue in self._space().queues.values():
            remember = type(queue).__dict__["_remember_lot"]
            vars(queue)["_remember_lot"] = lambda until, jobs, remember=remember, queue=queue: (
                remember(queue, until, jobs[:10])
            )
        return consumer


class LatecomerReplacesTheOutcome(MemoryBackend):
    """Keeps the outcome that came last, whoever brought it."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        flush = consumer.flush
        space = self._space()

        def flushing(deadline: float) -> list[Settled]:
            settled = flush(deadline)
            for each in settled:
                lease = each.settlement.lease
                job = space.queues[lease.queue].jobs.get(lease.id)
                if job is not None and each.settlement.outcome is not None:
                    job.outcome = each.settlement.outcome
            return settled

        vars(consumer).update(flush=flushing)
        return consumer


class ExtendsOnePage(MemoryBackend):
    """Reaches a thousand leases in one call, and says so of all."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        extend = consumer.extend

        def extending(leases: Sequence[Lease], seconds: float) -> list[Lease]:
            return extend(leases[:1000], seconds)

        vars(consumer).update(extend=extending)
        return consumer


# Due times


class RoundsDelaysDown(MemoryBackend):
    """Keeps due times in tenths of a second."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue(
            [
                replace(job, due=math.floor(job.due * 10) / 10)
                if isinstance(job.due, float)
                else job
                for job in jobs
            ]
        )


class RetryDelayIsLost(MemoryBackend):
    """A second retry does not wait."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        flush = consumer.flush
        space = self._space()

        def flushing(deadline: float) -> list[Settled]:
            settled = flush(deadline)
            for each in settled:
                job = space.queues[each.settlement.lease.queue].jobs.get(each.settlement.lease.id)
                if isinstance(each.settlement, Retry) and job is not None and job.attempts > 1:
                    queue = space.queues[each.settlement.lease.queue]
                    queue.due = [
                        (0.0, id(job), job) if entry[2] is job else entry for entry in queue.due
                    ]
                    heapq.heapify(queue.due)
            return settled

        consumer.flush = flushing  # type: ignore[method-assign]
        return consumer


class DropsTheZone(MemoryBackend):
    """Takes an instant's wall clock for that of UTC."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue(
            [
                replace(job, due=job.due.replace(tzinfo=UTC))
                if isinstance(job.due, datetime)
                else job
                for job in jobs
            ]
        )


class PromotesWhenMaintainedOnly(MemoryBackend):
    """Nothing comes due but by maintenance, which says that it has time for a minute."""

    def open(self) -> None:
        super().open()
        for queue in self._space().queues.values():
            vars(queue).update(advance=lambda wall, mono: None)

    def declare(self, queues: Collection[QueueSpec]) -> None:
        super().declare(queues)
        self.open()

    def maintain(self, budget: float) -> float:
        return max(60.0, super().maintain(budget))


# Schedules


class SettlesWithAnyToken(MemoryStore):
    """Takes whoever settles for the one who holds the entry."""

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        taken = super().take_due(set, limit, lease)
        self.__dict__.setdefault("newest", {}).update({(set, due.id): due for due in taken})
        return taken

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        newest = self.__dict__.get("newest", {})
        return super().settle_due([newest.get((due.set, due.id), due) for due in taken])


class RemovesWhatIsHeld(MemoryStore):
    """Removes an entry under the hands of who took it."""

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        taken = super().take_due(set, limit, lease)
        self.__dict__.setdefault("newest", {}).update({(set, due.id): due for due in taken})
        return taken

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        newest = self.__dict__.get("newest", {})
        held = super().settle_due([newest[entry] for entry in entries if entry in newest])
        return [done or any(held) for done in super().unschedule(entries)]


class AddsAgainWhatIsTaken(MemoryStore):
    """Takes an entry that is held for one that is gone."""

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        taken = super().take_due(set, limit, lease)
        self.__dict__.setdefault("held", {}).update({(set, due.id): due for due in taken})
        return taken

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        held = self.__dict__.get("held", {})
        again = [held.pop(entry[:2]) for entry in entries if entry[:2] in held]
        super().settle_due(again)
        return super().schedule(entries)


class NewestDueFirst(MemoryStore):
    """Hands out a page in the wrong order."""

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        return super().take_due(set, limit, lease)[::-1]


# Administration


class PausedQueueTakesNoSettlement(MemoryBackend):
    """While its queue is paused a lease is taken for lost."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        flush = consumer.flush

        def flushing(deadline: float) -> list[Settled]:
            paused = self.paused()
            return [
                Settled(each.settlement, Answer.LEASE_LOST)
                if each.settlement.lease.queue in paused
                else each
                for each in flush(deadline)
            ]

        consumer.flush = flushing  # type: ignore[method-assign]
        return consumer


class RevivesEachTime(MemoryBackend):
    """Says that it revived what is alive by now."""

    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        dead = super().revive(queue, ids, edit=edit)
        once: set[str] = self.__dict__.setdefault("once", set())
        again = sum(job_id in once for job_id in ids or ())
        once.update(ids or ())
        return max(dead, again)


class SkipsAfterAChange(MemoryBackend):
    """Counts its pages by position, so that what leaves shifts the rest."""

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        records: list[JobRecord] = []
        behind: str | None = None
        while True:
            page = super().browse(queue, state, behind, 1000)
            records += page.records
            behind = page.cursor
            if behind is None:
                break
        start = int(cursor or 0)
        end = start + limit
        return Page(records[start:end], str(end) if end < len(records) else None)


class LosesTheNoteOfTheDead(MemoryBackend):
    """A dead job is shown without what its last run left."""

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        if state is State.DEAD:
            page = replace(page, records=[replace(each, note=b"") for each in page.records])
        return page


class AgeOfTheNewest(MemoryBackend):
    """Takes the job that came last for the one that waits longest."""

    def counts(self, queue: str) -> Counts:
        counts = super().counts(queue)
        return replace(counts, oldest_ready_age=0.0) if counts.ready > 1 else counts


# Payload


class StopsAtANul(MemoryBackend):
    """A body that is edited ends at its first NUL."""

    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        cut = {job_id: body.split(b"\x00")[0] for job_id, body in (edit or {}).items()}
        return super().revive(queue, ids, edit=cut)


class KeepsTheCallersList(MemoryBackend):
    """Buffers the list that it was given, not what is in it."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        settle, flush, fetch = consumer.settle, consumer.flush, consumer.fetch
        held: list[Sequence[Settlement]] = []

        def send() -> None:
            for each in held:
                settle(each)
            held.clear()

        def flushing(deadline: float) -> list[Settled]:
            send()
            return flush(deadline)

        def fetching(
            credit: int, timeout: float, limits: Mapping[str, int] | None = None
        ) -> list[Lease]:
            send()
            return fetch(credit, timeout, limits)

        vars(consumer).update(settle=held.append, flush=flushing, fetch=fetching)
        return consumer


class BuffersBeforeItLooks(MemoryBackend):
    """Refuses what is too large when all before it is buffered."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        settle = consumer.settle

        def settling(settlements: Sequence[Settlement]) -> None:
            for each in settlements:
                settle([each])

        vars(consumer).update(settle=settling)
        return consumer


class KeepsTheNoteThatWasEmptied(MemoryBackend):
    """Takes an empty note for none."""

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        settle, flush = consumer.settle, consumer.flush
        originals: dict[int, Settlement] = {}

        def settling(settlements: Sequence[Settlement]) -> None:
            told = [replace(each, note=each.note or None) for each in settlements]
            originals.update({id(new): old for new, old in zip(told, settlements, strict=True)})
            kept.extend(told)
            settle(told)

        def flushing(deadline: float) -> list[Settled]:
            return [
                Settled(originals[id(each.settlement)], each.answer) for each in flush(deadline)
            ]

        kept: list[Settlement] = []
        vars(consumer).update(settle=settling, flush=flushing)
        return consumer
