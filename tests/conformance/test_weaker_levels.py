"""Backends that can less and say so pass at the levels they declare: the suite asks for no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec.structs import replace

from anyjob.backends.memory import MemoryBackend
from anyjob.conformance import Harness, Site, conformance_suite
from anyjob.core.backend import Backend, CancelResult, Consumer, JobRecord, Page
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import SystemClock
from anyjob.core.envelope import PRIORITIES, Envelope, Receipt
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Answer, Lease, Release, Retry, Settled, Settlement
from anyjob.core.state import State
from tests.conformance.wrapped import Memory, WrappedBackend, WrappedConsumer


class RefusingConsumer(WrappedConsumer):
    def settle(self, settlements: Sequence[Settlement]) -> None:
        for each in settlements:
            if each.outcome is not None:
                refuse("results")
            if isinstance(each, Retry | Release) and each.delay:
                refuse("delay")
        super().settle(settlements)


class Refusing(WrappedBackend):
    """Has none of what may be absent, and refuses it by name."""

    consumer = RefusingConsumer

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(
            self.inner.capabilities,
            delay="none",
            unique="none",
            cancel="none",
            pause="none",
            results="none",
        )

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        if any(job.due is not None for job in jobs):
            refuse("delay")
        if any(job.unique is not None for job in jobs):
            refuse("unique")
        return super().enqueue(jobs, transaction=transaction)

    def pause(self, queue: str) -> None:
        refuse("pause")

    def resume(self, queue: str) -> None:
        refuse("pause")

    def paused(self) -> set[str]:
        refuse("pause")

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        refuse("cancel")


class WeakerConsumer(WrappedConsumer):
    """Mixes what it fetches, counts releases as redeliveries, fences by a deadline of its own."""

    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner, memory)
        self._refused: list[Settlement] = []
        self._returns: Counter[str] = memory.kept.setdefault("returns", Counter())
        #: By token and id: when the local fence closes.
        self._deadlines: dict[tuple[int, str], float] = memory.kept.setdefault("deadlines", {})

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        asked = self.memory.clock.time()
        leases = super().fetch(credit, timeout, limits)
        for lease in leases:
            self._deadlines[lease.token, lease.id] = asked + 0.9 * (lease.until - lease.now)
        return sorted(leases, key=lambda lease: (-lease.priority, lease.id[::-1]))

    def leased(self, lease: Lease) -> Lease:
        priority = self.memory.kept["priorities"][lease.id]
        redeliveries = lease.redeliveries + self._returns[lease.id]
        return replace(lease, priority=priority, redeliveries=redeliveries)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        super().settle([each for each in settlements if not self._is_late(each.lease)])
        self._refused += [each for each in settlements if self._is_late(each.lease)]

    def settling(self, settlement: Settlement) -> Settlement:
        self._returns[settlement.lease.id] += isinstance(settlement, Release)
        return replace(
            settlement, then=tuple(folded(self.memory, child) for child in settlement.then)
        )

    def answered(self, settled: list[Settled]) -> list[Settled]:
        refused = [Settled(each, Answer.LEASE_LOST) for each in self._refused]
        self._refused.clear()
        return settled + refused

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        asked = self.memory.clock.time()
        late = [each for each in leases if self._is_late(each)]
        lost = [*late, *super().extend([each for each in leases if each not in late], lease)]
        for each in leases:
            if each not in lost:
                self._deadlines[each.token, each.id] = asked + 0.9 * lease
        return [each for each in leases if each in lost]

    def _is_late(self, lease: Lease) -> bool:
        deadline = self._deadlines.get((lease.token, lease.id))
        return deadline is not None and self.memory.clock.time() > deadline


class Weaker(WrappedBackend):
    """Has everything, at a lower level, and says so."""

    consumer = WeakerConsumer

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(
            self.inner.capabilities,
            fencing="local",
            priorities=3,
            order="loose",
            redeliveries="upper",
            release="none",
        )

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([folded(self.memory, job) for job in jobs], transaction=transaction)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        records = super().get(queue, ids, wait)
        return [record and self._shown(record) for record in records]

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        return Page([self._shown(record) for record in page.records], page.cursor)

    def _shown(self, record: JobRecord) -> JobRecord:
        return replace(record, priority=self.memory.kept["priorities"][record.id])


class ModestHarness(Harness):
    backend_class: type[WrappedBackend]

    def __init__(self) -> None:
        self.memories: dict[str, Memory] = {}

    def backend(self, site: Site) -> Backend:
        inner = MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        clock = site.clock or SystemClock()
        memory = self.memories.setdefault(f"{site.name} {site.namespace}", Memory(clock))
        return self.backend_class(inner, memory)


class RefusingHarness(ModestHarness):
    backend_class = Refusing


class WeakerHarness(ModestHarness):
    backend_class = Weaker


TestRefusing = conformance_suite(RefusingHarness)
TestWeaker = conformance_suite(WeakerHarness)


def refuse(capability: str) -> NoReturn:
    raise UnsupportedCapability(capability, f"there is no {capability} here")


def folded(memory: Memory, job: Envelope) -> Envelope:
    """The job in one of three bands; which priority it asked for is kept beside it."""
    memory.kept.setdefault("priorities", {}).setdefault(job.id, job.priority)
    if job.priority not in range(PRIORITIES):
        return job
    return replace(job, priority=3 * (job.priority // 4))
