"""Defects of consumers that no line of their source makes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.seam import check_settlements
from anyjob.core.settlement import (
    Lease,
    Settled,
    Settlement,
)
from tests.conformance.zoo.wrapped import Memory, WrappedBackend, WrappedConsumer


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
            hoard += super().fetch(credit + 10 * (credit == 4), timeout, limits)
        taken = hoard[:credit]
        del hoard[:credit]
        return taken


class AdoptsItsNamesake(WrappedBackend):
    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = super().consume(queues, lease=lease, worker=worker)
        if worker == "same-name" and self.memory.newest:
            assert isinstance(consumer, WrappedConsumer)
            consumer.inner.extend(list(self.memory.newest.values()), 3600.0)
        return consumer


class FlushWaitsForTheFetch(WrappedConsumer):
    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner, memory)
        self.lock = threading.Lock()

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        with self.lock:
            return super().fetch(credit, min(timeout, 3.0), limits)

    def flush(self, deadline: float) -> list[Settled]:
        with self.lock:
            return super().flush(deadline)


class ExtendWaitsForTheFetch(WrappedConsumer):
    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner, memory)
        self.lock = threading.Lock()

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        with self.lock:
            return super().fetch(credit, min(timeout, 3.0), limits)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        with self.lock:
            return super().extend(leases, lease)


class KeepsTheCallersList(WrappedConsumer):
    def settle(self, settlements: Sequence[Settlement]) -> None:
        super().settle(())
        self.__dict__.setdefault("lists", []).append(settlements)
        check_settlements(settlements, max_batch=1000, max_payload=1 << 26)

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._hand_on()
        return super().fetch(credit, timeout, limits)

    def flush(self, deadline: float) -> list[Settled]:
        self._hand_on()
        return super().flush(deadline)

    def close(self, *, release: bool) -> None:
        if release:
            self._hand_on()
        super().close(release=release)

    def _hand_on(self) -> None:
        for settlements in self.__dict__.pop("lists", []):
            super().settle(settlements)
