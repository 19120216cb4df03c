"""A backend seen through another: hands every call on, so that a subclass can plant one defect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.settlement import Lease, Settled, Settlement
from anyjob.core.state import State

T = TypeVar("T")


class Memory(msgspec.Struct):
    """What the wrappers on one site know together, as a server would."""

    clock: Clock
    #: The newest lease of each job, as the backend inside gave it.
    newest: dict[str, Lease] = {}
    #: Anything else a defect has to remember.
    kept: dict[str, Any] = {}


class WrappedConsumer(Consumer):
    """Hands on; a defect changes what goes in (`settling`) or what comes out (`leased`,
    `answered`).
    """

    def __init__(self, inner: Consumer, memory: Memory) -> None:
        self.inner = inner
        self.memory = memory
        self._leases: dict[int, Lease] = {}
        self._originals: dict[int, Settlement] = {}

    # What defects override

    def leased(self, lease: Lease) -> Lease:
        """What the caller sees of a lease."""
        return lease

    def settling(self, settlement: Settlement) -> Settlement:
        """What the backend inside is told."""
        return settlement

    def answered(self, settled: list[Settled]) -> list[Settled]:
        """What the caller is told."""
        return settled

    # Handing on

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        return [self._shown(lease) for lease in self.inner.fetch(credit, timeout, limits)]

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self.inner.settle([self._told(settlement) for settlement in settlements])

    def flush(self, deadline: float) -> list[Settled]:
        return self.answered(
            [
                Settled(self._originals.pop(id(each.settlement), each.settlement), each.answer)
                for each in self.inner.flush(deadline)
            ]
        )

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        known = {id(self.known(each)): each for each in leases}
        lost = self.inner.extend([self.known(each) for each in leases], lease)
        return [known[id(each)] for each in lost]

    def wake(self) -> None:
        self.inner.wake()

    def stop(self) -> None:
        self.inner.stop()

    def close(self, *, release: bool) -> None:
        self.inner.close(release=release)

    def known(self, lease: Lease) -> Lease:
        """The lease as the backend inside knows it."""
        return self._leases.get(id(lease), lease)

    def _shown(self, lease: Lease) -> Lease:
        self.memory.newest[lease.id] = lease
        shown = self.leased(lease)
        # Kept with the shown one, whose id() is thereby taken.
        self._leases[id(shown)] = lease
        self.memory.kept.setdefault("shown", []).append(shown)
        return shown

    def _told(self, settlement: Settlement) -> Settlement:
        lease = self.known(settlement.lease)
        inner = settlement
        if lease is not settlement.lease:
            inner = msgspec.structs.replace(settlement, lease=lease)
        told = self.settling(inner)
        if told is settlement:
            # The same settlement may be sent twice, and each is answered.
            told = msgspec.structs.replace(settlement)
        self._originals[id(told)] = settlement
        self.memory.kept.setdefault("told", []).append(told)
        return told


class WrappedBackend(Backend):
    """Hands on to `inner`; a subclass has one defect and names its own kind of consumer."""

    consumer: ClassVar[type[WrappedConsumer]] = WrappedConsumer

    def __init__(self, inner: Backend, memory: Memory) -> None:
        self.inner = inner
        self.memory = memory

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return self.inner.capabilities

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        self.inner.declare(queues)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return self.inner.enqueue(jobs, transaction=transaction)

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return self.consumer(self.inner.consume(queues, lease=lease, worker=worker), self.memory)

    def maintain(self, budget: float) -> float:
        return self.inner.maintain(budget)

    def counts(self, queue: str) -> Counts:
        return self.inner.counts(queue)

    def pause(self, queue: str) -> None:
        self.inner.pause(queue)

    def resume(self, queue: str) -> None:
        self.inner.resume(queue)

    def paused(self) -> set[str]:
        return self.inner.paused()

    def queues(self) -> set[str]:
        return self.inner.queues()

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        return self.inner.browse(queue, state, cursor, limit)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        return self.inner.get(queue, ids, wait)

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        return self.inner.cancel(queue, ids, keep=keep)

    def purge(self, queue: str, states: Collection[State]) -> int:
        return self.inner.purge(queue, states)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        return self.inner.revive(queue, ids, edit=edit)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        return self.inner.discard(queue, ids)

    def settle_inside(self, queue: str, settlements: Sequence[Settlement]) -> None:
        """Settle behind everybody's back."""
        consumer = self.inner.consume([QueueShare(queue)], lease=60.0, worker="inside")
        consumer.settle(settlements)
        consumer.flush(5.0)
        consumer.close(release=False)


def after(call: Callable[[], T], then: Callable[[], object]) -> T:
    """Call, then do something more, and return what the call did."""
    result = call()
    then()
    return result
