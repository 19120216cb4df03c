"""A backend that lacks whatever may be absent, and says so by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec.structs import replace

from anyjob.core.backend import CancelResult
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Release, Retry, Settlement
from tests.conformance.zoo.wrapped import WrappedBackend, WrappedConsumer


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


def refuse(capability: str) -> NoReturn:
    raise UnsupportedCapability(capability, f"there is no {capability} here")
