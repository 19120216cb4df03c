"""Backends with one defect each, for histories to find; at the top of a module, so that a new
process can make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

from msgspec.structs import replace

from anyjob.backends.memory import MemoryBackend
from anyjob.conformance import Harness, Site
from anyjob.core.backend import Backend
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain
from anyjob.core.settlement import Answer, Complete, Lease, Release, Settled, Settlement
from tests.conformance.test_sqlite import SQLiteHarness

CHANCE = Random(7)


class Around:
    """Hands everything on but what a subclass changes."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class PopsFirst(Around):
    """Forgets a job when it is fetched, and keeps it in the worker's memory."""

    def fetch(self, *arguments: Any) -> list[Lease]:
        leases: list[Lease] = self._inner.fetch(*arguments)
        self._inner.settle([Complete(lease=lease) for lease in leases])
        self._inner.flush(5.0)
        return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self.__dict__.setdefault("told", []).extend(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        told, self.__dict__["told"] = self.__dict__.get("told", []), []
        return [Settled(each, Answer.DONE) for each in told]


class HidesTheLoss(Around):
    def flush(self, deadline: float) -> list[Settled]:
        return [Settled(each.settlement, Answer.DONE) for each in self._inner.flush(deadline)]


class ForgetsTheLapse(Around):
    def fetch(self, *arguments: Any) -> list[Lease]:
        return [replace(lease, redeliveries=0) for lease in self._inner.fetch(*arguments)]


class LosesWhatIsReleased(Around):
    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._inner.settle(
            [
                Complete(lease=each.lease) if isinstance(each, Release) else each
                for each in settlements
            ]
        )

    def flush(self, deadline: float) -> list[Settled]:
        return list(self._inner.flush(deadline))


class Unreliable(Around):
    """Breaks no promise, and answers badly: refusals without effect, answers that get lost."""

    def fetch(self, *arguments: Any) -> list[Lease]:
        if CHANCE.random() < 0.1:
            raise BackendUnavailable("no answer; nothing was fetched")
        return list(self._inner.fetch(*arguments))

    def flush(self, deadline: float) -> list[Settled]:
        answers = self._inner.flush(deadline)
        if CHANCE.random() < 0.2:
            return [Settled(each.settlement, Answer.UNKNOWN) for each in answers]
        return list(answers)

    def extend(self, *arguments: Any) -> list[Lease]:
        lost = self._inner.extend(*arguments)
        if CHANCE.random() < 0.3:
            raise BackendUnavailable("no answer; nobody knows")
        return list(lost)


class UnreliableBackend(Around):
    def consume(self, *arguments: Any, **more: Any) -> Any:
        return Unreliable(self._inner.consume(*arguments, **more))

    def enqueue(self, jobs: Sequence[Envelope], **more: Any) -> list[Receipt]:
        chance = CHANCE.random()
        if chance < 0.1:
            raise BackendUnavailable("no answer; nothing was stored")
        receipts: list[Receipt] = self._inner.enqueue(jobs, **more)
        if chance < 0.25:
            raise EnqueueUncertain("the answer was lost", jobs)
        return receipts


class WithConsumer(Around):
    """A backend whose consumers are `kind`."""

    def __init__(self, inner: Any, kind: type[Around]) -> None:
        super().__init__(inner)
        self._kind = kind

    def consume(self, *arguments: Any, **more: Any) -> Any:
        return self._kind(self._inner.consume(*arguments, **more))


class DefectHarness(Harness):
    defect: ClassVar[type[Around]]

    def backend(self, site: Site) -> Backend:
        inner = MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        return WithConsumer(inner, self.defect)  # type: ignore[return-value]


class UnreliableHarness(Harness):
    def backend(self, site: Site) -> Backend:
        inner = MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        return UnreliableBackend(inner)  # type: ignore[return-value]


class HidingHarness(DefectHarness):
    defect = HidesTheLoss


class ForgettingHarness(DefectHarness):
    defect = ForgetsTheLapse


class LosingHarness(DefectHarness):
    defect = LosesWhatIsReleased


class PoppingHarness(SQLiteHarness):
    def backend(self, site: Site) -> Backend:  # type: ignore[override]
        return WithConsumer(super().backend(site), PopsFirst)  # type: ignore[return-value]


class Service:
    """The bare service: keys and values."""

    values: ClassVar[dict[tuple[str, str], bytes]] = {}

    def __init__(self, site: Site) -> None:
        self._name = site.name

    def put(self, key: str, value: bytes) -> None:
        self.values[self._name, key] = value

    def get(self, key: str) -> bytes | None:
        return self.values.get((self._name, key))


class LossyService(Service):
    def put(self, key: str, value: bytes) -> None:
        if not key.endswith("7"):
            super().put(key, value)


class ProbedHarness(LosingHarness):
    def raw_client(self, site: Site) -> Service:
        return Service(site)


class LossyHarness(LosingHarness):
    def raw_client(self, site: Site) -> Service:
        return LossyService(site)
