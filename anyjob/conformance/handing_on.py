"""A backend in front of another that hands every call on; a subclass changes what it has to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    Finding,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.place import Place
from anyjob.core.settlement import Lease, Settled, Settlement
from anyjob.core.state import State
from anyjob.core.store import Store


class HandingOn(Backend):
    """Hands everything on to `inner`, but neither `aenqueue` nor `watch`: so what a subclass does
    in `enqueue` and `get` is done to those of event loops too.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return repr(self.inner)

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]  # known once it is open
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
        return self.inner.consume(queues, lease=lease, worker=worker)

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

    def store(self) -> Store | None:
        return self.inner.store()

    def place(self) -> Place | None:
        return self.inner.place()

    def weaknesses(self) -> list[Finding]:
        return self.inner.weaknesses()

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.inner.subscribe(report)


class HandingOnConsumer(Consumer):
    """Hands everything on to `inner`."""

    def __init__(self, inner: Consumer) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return repr(self.inner)

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        return self.inner.fetch(credit, timeout, limits)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self.inner.settle(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        return self.inner.flush(deadline)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        return self.inner.extend(leases, lease)

    def wake(self) -> None:
        self.inner.wake()

    def stop(self) -> None:
        self.inner.stop()

    def close(self, *, release: bool) -> None:
        self.inner.close(release=release)
