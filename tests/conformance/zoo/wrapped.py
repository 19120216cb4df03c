"""A backend seen through another: hands every call on, so that a subclass can plant one defect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from anyjob.conformance.handing_on import HandingOn, HandingOnConsumer
from anyjob.core.backend import Backend, Consumer, QueueShare
from anyjob.core.clock import Clock
from anyjob.core.settlement import Lease, Settled, Settlement

T = TypeVar("T")


class Memory(msgspec.Struct):
    """What the wrappers on one site know together, as a server would."""

    clock: Clock
    #: The newest lease of each job, as the backend inside gave it.
    newest: dict[str, Lease] = {}
    #: Anything else a defect has to remember.
    kept: dict[str, Any] = {}


class WrappedConsumer(HandingOnConsumer):
    """Hands on; a defect changes what goes in (`settling`) or what comes out (`leased`,
    `answered`).
    """

    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner)
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


class WrappedBackend(HandingOn):
    """Hands on to `inner`; a subclass has one defect and names its own kind of consumer."""

    consumer: ClassVar[type[WrappedConsumer]] = WrappedConsumer

    def __init__(self, inner: Backend, memory: Memory) -> None:
        super().__init__(inner)
        self.memory = memory

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return self.consumer(self.inner.consume(queues, lease=lease, worker=worker), self.memory)

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
