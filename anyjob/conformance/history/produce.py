"""A part that enqueues."""

from __future__ import annotations

from itertools import cycle
from random import Random

from anyjob.conformance.history.events import Cancel, Enqueue, Phase, sent
from anyjob.conformance.history.part import Part
from anyjob.conformance.history.work import COMMON, SPECIAL, body, job_id
from anyjob.core.backend import Backend, CancelResult
from anyjob.core.envelope import Accepted, Duplicate, Envelope, Receipt, Unique
from anyjob.core.errors import BackendError, EnqueueUncertain

#: So long a producer that was refused waits before it sends again.
_AGAIN = 0.05
KEYS = 6


def produce(part: Part) -> None:
    """Send so many jobs in lots of several sizes; some twice, some cancelled at once."""
    backend = part.backend()
    try:
        _Producer(part, backend).run()
    finally:
        backend.close()


class _Producer:
    def __init__(self, part: Part, backend: Backend) -> None:
        self._part = part
        self._backend = backend
        self._facts = part.order.facts
        self._random = Random(f"{part.order.seed} {part.name}")
        self._call = 0

    def run(self) -> None:
        left = [work for work, _ in zip(cycle(COMMON), range(self._facts["jobs"]), strict=False)]
        self._random.shuffle(left)
        left = [*SPECIAL, *left] if self._facts["special"] else left
        whole = self._backend.capabilities.max_batch if self._facts["whole_batch"] else 0
        while left and not self._part.hand.is_stopping:
            size = whole or self._random.choice([1, 1, 2, 5, 12])
            whole = 0
            size = min(size, self._backend.capabilities.max_batch)
            self._send([self._job(work) for work in left[:size]])
            left = left[size:]

    def _job(self, work: str) -> Envelope:
        random, levels = self._random, self._backend.capabilities
        is_delayed = self._facts["delays_all"] or random.random() < 0.1
        delay = random.choice(self._facts["delays"]) if is_delayed else None
        key = random.choice([None] * 9 + [Unique(f"key {random.randrange(KEYS)}")])
        special = work in SPECIAL
        return Envelope(
            id=job_id(random),
            queue=random.choice(self._facts["queues"]),
            body=body(work, random),
            priority=random.choice([5, 5, 5, 5, 0, 9]),
            due=None if special or levels.delay == "none" else delay,
            unique=None if special or levels.unique == "none" else key,
        )

    def _send(self, jobs: list[Envelope]) -> None:
        while self._enqueue(jobs) != "ok":
            self._part.hand.point()
            self._part.hand.wait(_AGAIN)
        if self._random.random() < 0.1 and self._backend.capabilities.dedup != "none":
            # A caller that lost the answer sends the same ids again.
            self._enqueue(jobs[:1])
        if self._random.random() < 0.1 and self._backend.capabilities.cancel != "none":
            self._cancel(jobs[0])

    def _enqueue(self, jobs: list[Envelope]) -> Phase:
        self._call += 1
        who, call = self._part.name, self._call
        lot = tuple(map(sent, jobs))
        self._part.record(Enqueue(process=who, phase="invoke", call=call, jobs=lot))
        phase: Phase = "ok"
        receipts: list[Receipt] = []
        try:
            receipts = self._backend.enqueue(jobs)
        except EnqueueUncertain:
            phase = "info"
        except BackendError:
            phase = "fail"
        self._part.hand.point()
        told = tuple(map(_told, receipts))
        self._part.record(Enqueue(process=who, phase=phase, call=call, receipts=told))
        return phase

    def _cancel(self, job: Envelope) -> None:
        who = self._part.name
        self._part.record(Cancel(process=who, phase="invoke", job=job.id))
        try:
            [result] = self._backend.cancel(job.queue, [job.id])
        except BackendError:
            return
        phase: Phase = "ok" if result is CancelResult.CANCELLED else "fail"
        self._part.record(Cancel(process=who, phase=phase, job=job.id))


def _told(receipt: Receipt) -> str:
    if isinstance(receipt, Accepted):
        return "accepted"
    return receipt.id if isinstance(receipt, Duplicate) else "rejected"
