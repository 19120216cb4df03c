"""Wrong about leases and settlements."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import LeaseLost
from anyjob.core.settlement import (
    Answer,
    Bury,
    Complete,
    Lease,
    Release,
    Retry,
    Settled,
    Settlement,
)
from tests.conformance.zoo.wrapped import WrappedBackend, WrappedConsumer


class LosesWhatIsReleased(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        return Complete(lease=settlement.lease) if isinstance(settlement, Release) else settlement


class AcceptsStaleCompletion(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        lease = self.memory.newest.get(settlement.lease.id, settlement.lease)
        return replace(settlement, lease=lease) if isinstance(settlement, Complete) else settlement


class AcceptsStaleBurial(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        lease = self.memory.newest.get(settlement.lease.id, settlement.lease)
        return replace(settlement, lease=lease) if isinstance(settlement, Bury) else settlement


class HidesTheLoss(WrappedConsumer):
    def answered(self, settled: list[Settled]) -> list[Settled]:
        return [Settled(each.settlement, Answer.DONE) for each in settled]


class CountsLapseAsAttempt(WrappedConsumer):
    def leased(self, lease: Lease) -> Lease:
        return replace(lease, attempt=lease.attempt + lease.redeliveries)


class ForgetsTheLapse(WrappedConsumer):
    def leased(self, lease: Lease) -> Lease:
        return replace(lease, redeliveries=0)


class ReusesTokens(WrappedConsumer):
    def leased(self, lease: Lease) -> Lease:
        return replace(lease, token=7)


class ExtendAdds(WrappedConsumer):
    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        return super().extend(leases, 2 * lease)


class ExtendDoesNothing(WrappedConsumer):
    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        return []


class ExtendTakesBack(WrappedConsumer):
    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        newest = [self.memory.newest.get(each.id, each) for each in leases]
        self.inner.extend(newest, lease)
        return []


class OneLossFailsTheWholeExtend(WrappedConsumer):
    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        return list(leases) if super().extend(leases, lease) else []


class SecondSettlementRaises(WrappedConsumer):
    def answered(self, settled: list[Settled]) -> list[Settled]:
        if any(each.answer is Answer.LEASE_LOST for each in settled):
            raise LeaseLost("a lease is lost")
        return settled


class StaleLeaseSpoilsTheBatch(WrappedConsumer):
    def answered(self, settled: list[Settled]) -> list[Settled]:
        if all(each.answer is Answer.DONE for each in settled):
            return settled
        return [Settled(each.settlement, Answer.LEASE_LOST) for each in settled]


class ReleaseCostsAnAttempt(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        lease = settlement.lease
        return Retry(lease=lease) if isinstance(settlement, Release) else settlement


class ReleaseGoesToTheTail(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        if not isinstance(settlement, Release):
            return settlement
        return Release(lease=settlement.lease, delay=max(settlement.delay, 0.001))


class DropsTheRetryDelay(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        return replace(settlement, delay=0.0) if isinstance(settlement, Retry) else settlement


class DropsTheNote(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        return replace(settlement, note=b"")


class RetryForgetsThePriority(WrappedConsumer):
    def leased(self, lease: Lease) -> Lease:
        return replace(lease, priority=5) if lease.attempt > 1 else lease


class DropsChildren(WrappedConsumer):
    def settling(self, settlement: Settlement) -> Settlement:
        return replace(settlement, then=())


class FlushForgets(WrappedConsumer):
    def answered(self, settled: list[Settled]) -> list[Settled]:
        return settled[:49]


class FetchesTooMany(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        return super().fetch(credit + 1, timeout, limits)


class WaitsToFillUp(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        deadline, leases = time.monotonic() + timeout, super().fetch(credit, timeout, limits)
        while leases and len(leases) < credit and (left := deadline - time.monotonic()) > 0:
            leases += super().fetch(credit - len(leases), left, limits)
        return leases


class Hoards(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        hoard: list[Lease] = self.__dict__.setdefault("hoard", [])
        if len(hoard) < credit:
            hoard += super().fetch(credit + 10, timeout, limits)
        taken = hoard[:credit]
        del hoard[:credit]
        return taken


class LosesAWake(WrappedConsumer):
    def wake(self) -> None:
        pass


class LastInFirstOut(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        return _kept(self, super().fetch(1000, timeout, limits)[::-1], credit)


class LowEndStarves(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        leases = super().fetch(1000, timeout, limits)
        return _kept(self, sorted(leases, key=lambda lease: -lease.priority), credit)


class IgnoresPriority(WrappedConsumer):
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        leases = super().fetch(1000, timeout, limits)
        return _kept(self, sorted(leases, key=lambda lease: lease.id), credit)


class LeasesTooShort(WrappedBackend):
    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return super().consume(queues, lease=0.4 * lease, worker=worker)


class LapsesAreFoundLate(WrappedBackend):
    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return super().consume(queues, lease=lease + 100.0, worker=worker)


class KeepsJobsAtClose(WrappedConsumer):
    def close(self, *, release: bool) -> None:
        super().close(release=False)


def _kept(consumer: WrappedConsumer, leases: list[Lease], credit: int) -> list[Lease]:
    """The first of these leases; the rest are given back where they were."""
    kept = leases[:credit]
    consumer.inner.settle([Release(lease=consumer.known(lease)) for lease in leases[credit:]])
    consumer.inner.flush(5.0)
    return kept
