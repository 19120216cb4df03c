"""Wrong about storing, counting and removing jobs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from anyjob.core.backend import CancelResult, Counts, JobRecord, Page, QueueShare
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.settlement import Abandon, Complete, End, Lease
from anyjob.core.state import State
from tests.conformance.zoo.wrapped import WrappedBackend, WrappedConsumer


class StoresAnIdTwice(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        receipts = super().enqueue(jobs, transaction=transaction)
        for job, receipt in zip(jobs, receipts, strict=True):
            if receipt == Duplicate(job.id):
                super().enqueue([replace(job, id=_another(job.id))])
        return [ACCEPTED for _ in receipts]


class StoresHalfABatch(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return [super(StoresHalfABatch, self).enqueue([job])[0] for job in jobs]


class ShufflesReceipts(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return sorted(super().enqueue(jobs, transaction=transaction), key=repr)


class TakesAnyBatch(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        most = self.capabilities.max_batch
        lots = [jobs[start : start + most] for start in range(0, len(jobs), most)]
        return [receipt for lot in lots for receipt in super(TakesAnyBatch, self).enqueue(lot)]


class IgnoresTheTransaction(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue(jobs)


class MixesQueuesByCase(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([replace(job, queue=job.queue.lower()) for job in jobs])


class ClampsThePriority(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue(
            [replace(job, priority=max(0, min(job.priority, 9))) for job in jobs]
        )


class HasThreeBands(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([replace(job, priority=_band(job.priority)) for job in jobs])


class RoundsDelaysDown(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([replace(job, due=_rounded(job.due)) for job in jobs])


class IgnoresDelays(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([replace(job, due=None) for job in jobs])


class DoublesDelays(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        doubled = [
            replace(job, due=2 * job.due) if isinstance(job.due, float) and job.due < 1e6 else job
            for job in jobs
        ]
        return super().enqueue(doubled)


class ReadsNaiveInstants(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue(
            [
                replace(job, due=job.due.astimezone())
                if isinstance(job.due, datetime) and job.due.tzinfo is None
                else job
                for job in jobs
            ]
        )


class NeverFreesAKey(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        holders: dict[tuple[str, str], str] = self.memory.kept.setdefault("holders", {})
        receipts: list[Receipt] = []
        for job in jobs:
            key = (job.queue, job.unique.key) if job.unique is not None else None
            if key is not None and key in holders:
                receipts.append(Duplicate(holders[key]))
                continue
            receipts += super().enqueue([job])
            if key is not None:
                holders[key] = job.id
        return receipts


class FreesTheKeyAtOnce(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([replace(job, unique=None) for job in jobs])


class CutsLargeBodies(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        if any(len(job.body) > self.capabilities.max_payload for job in jobs):
            raise PayloadTooLarge("too large")
        return super().enqueue([replace(job, body=job.body[: 64 * 1024]) for job in jobs])


class TakesOneByteTooMany(WrappedBackend):
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        most = self.capabilities.max_payload
        cut = [
            replace(job, body=job.body[:most]) if len(job.body) == most + 1 else job for job in jobs
        ]
        return super().enqueue(cut)


class LeaksADriversError(WrappedBackend):
    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Any:
        if not queues:
            raise ValueError("no queues")
        return super().consume(queues, lease=lease, worker=worker)


class AddsFormerAttempts(WrappedConsumer):
    def leased(self, lease: Lease) -> Lease:
        former: dict[str, int] = self.memory.kept.get("former attempts", {})
        return replace(lease, attempt=lease.attempt + former.get(lease.id, 0))


class ReviveKeepsAttempts(WrappedBackend):
    consumer = AddsFormerAttempts

    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        former = self.memory.kept.setdefault("former attempts", {})
        for record in self.inner.browse(queue, State.DEAD, None, 1000).records:
            former[record.id] = record.attempts
        return super().revive(queue, ids, edit=edit)


class RevivesTwice(WrappedBackend):
    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        dead = self.inner.counts(queue).dead
        revived = super().revive(queue, ids, edit=edit)
        again: int = self.memory.kept.get("revived", 0)
        self.memory.kept["revived"] = dead or again
        return revived or again


class IgnoresTheEdit(WrappedBackend):
    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        return super().revive(queue, ids)


class PurgeTakesLeasedJobs(WrappedBackend):
    def purge(self, queue: str, states: Collection[State]) -> int:
        leases = [lease for lease in self.memory.newest.values() if lease.queue == queue]
        self.settle_inside(queue, [Complete(lease=lease) for lease in leases])
        return super().purge(queue, states)


class CancelTakesLeasedJobs(WrappedBackend):
    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        leases = [self.memory.newest[id] for id in ids if id in self.memory.newest]
        self.settle_inside(queue, [End(lease=lease, state="cancelled") for lease in leases])
        return super().cancel(queue, ids, keep=keep)


class CancelDoesNothing(WrappedBackend):
    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        return [CancelResult.CANCELLED for _ in ids]


class PauseDoesNothing(WrappedBackend):
    def pause(self, queue: str) -> None:
        self.memory.kept.setdefault("paused", set()).add(queue)

    def resume(self, queue: str) -> None:
        self.memory.kept["paused"].discard(queue)

    def paused(self) -> set[str]:
        return set(self.memory.kept.get("paused", ()))


class CountsOmitLeasedJobs(WrappedBackend):
    def counts(self, queue: str) -> Counts:
        return replace(super().counts(queue), leased=0)


class PeekIsADelivery(WrappedBackend):
    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        consumer = self.inner.consume([QueueShare(queue)], lease=60.0, worker="peek")
        consumer.settle([Abandon(lease=lease) for lease in consumer.fetch(1, 0.0)])
        consumer.close(release=True)
        return page


class PagesRepeat(WrappedBackend):
    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        first = super().browse(queue, state, None, 1).records if cursor is not None else []
        return Page([*first, *page.records], page.cursor)


class LosesTheReason(WrappedBackend):
    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        return Page([replace(record, reason=None) for record in page.records], page.cursor)


class ShowsTheEndBeforeTheOutcome(WrappedBackend):
    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        records = super().get(queue, ids, wait)
        return [record and replace(record, outcome=None) for record in records]


class LeavesAThread(WrappedBackend):
    def open(self) -> None:
        super().open()
        threading.Thread(target=threading.Event().wait, args=(30.0,), daemon=True).start()


class StaysOpen(WrappedBackend):
    def close(self) -> None:
        pass


class DeclaresLess(WrappedBackend):
    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, order="loose", redeliveries="upper")


class DeclaresMore(WrappedBackend):
    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, priorities=3)


class DeniesWhatItDoes(WrappedBackend):
    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, pause="none")


def _another(job_id: str) -> str:
    return f"{'f' * 8}{job_id[8:]}"


def _band(priority: int) -> int:
    return 3 * (priority // 4) if 0 <= priority <= 9 else priority


def _rounded(due: Any) -> Any:
    return (
        due if due is None or isinstance(due, datetime) or due < 1 or due > 1e6 else float(int(due))
    )
