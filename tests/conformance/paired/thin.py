"""A backend that can as little as a broker: it takes messages, leases them, and knows nothing of
what it was given before. No dedup, unique keys, cancelling, results, delays, pause or look-up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from anyjob.backends import (
    ACCEPTED,
    Backend,
    Capabilities,
    Consumer,
    Duplicate,
    Envelope,
    JobRecord,
    Lease,
    Receipt,
    Rejected,
    Settled,
    Settlement,
    State,
    Store,
    check_edit,
    check_jobs,
    check_states,
    checked_name,
    refusing,
)
from anyjob.backends.declared import check_ends
from anyjob.conformance.handing_on import HandingOn, HandingOnConsumer
from anyjob.core.backend import QueueShare
from anyjob.core.clock import Clock, SystemClock

#: Before each body stands the id of the job that it is of.
_ID = 36


class ThinBackend(HandingOn):
    """A message is a job of another backend, `inner`, under an id of its own."""

    def __init__(self, inner: Backend, *, clock: Clock | None = None, max_delay: float = 0.0):
        super().__init__(inner)
        self._clock = clock or SystemClock()
        #: The longest delay it has; 0: none.
        self._max_delay = max_delay

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(
            self.inner.capabilities,
            product=f"thin {self.inner.capabilities.product}",
            dedup="none",
            dedup_window=0.0,
            atomic_batch=False,
            atomic_children=False,
            transaction=False,
            delay="native" if self._max_delay else "none",
            max_delay=self._max_delay or None,
            browse="none",
            results="none",
            cancel="none",
            unique="none",
            pause="none",
            max_payload=self.inner.capabilities.max_payload - _ID,
        )

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        check_jobs(jobs, self.capabilities, now=self._clock.time(), transaction=transaction)
        receipts = self.inner.enqueue([_message(job) for job in jobs])
        assert not any(isinstance(each, Duplicate) for each in receipts), "a message got lost"
        return [each if isinstance(each, Rejected) else ACCEPTED for each in receipts]

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        inner = self.inner.consume(queues, lease=lease, worker=worker)
        return ThinConsumer(inner, self.capabilities, self._clock)

    pause = refusing("pause")
    resume = refusing("pause")
    paused = refusing("pause")
    cancel = refusing("cancel")
    browse = refusing("browse")

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        checked_name(queue, "a queue's name")
        return [None for _ in ids]

    def purge(self, queue: str, states: Collection[State]) -> int:
        check_states(states, {State.READY, State.SCHEDULED}, "purge()")
        return self.inner.purge(queue, states)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, self.capabilities.max_payload)
        named = self._dead(queue)
        edited = {
            message: job.encode() + edit[job]
            for message, job in named.items()
            if edit is not None and job in edit
        }
        asked = set(ids or ())
        wanted = None if ids is None else [each for each in named if named[each] in asked]
        return self.inner.revive(queue, wanted, edit=edited)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        named = self._dead(queue) if ids is not None else {}
        asked = set(ids or ())
        wanted = None if ids is None else [each for each in named if named[each] in asked]
        return self.inner.discard(queue, wanted)

    def store(self) -> Store | None:
        return None

    def _dead(self, queue: str) -> dict[str, str]:
        """The jobs of the dead messages, by message."""
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = self.inner.browse(queue, State.DEAD, cursor, 1000)
            found |= {each.id: _job_of(each.body or b"") for each in page.records}
            cursor = page.cursor
            if cursor is None:
                return found


class ThinConsumer(HandingOnConsumer):
    """Hands out jobs by their own ids."""

    def __init__(self, inner: Consumer, capabilities: Capabilities, clock: Clock) -> None:
        super().__init__(inner)
        self._levels = capabilities
        self._clock = clock
        self._inner_of: dict[int, Lease] = {}
        self._kept: list[Lease] = []
        self._told: dict[int, Settlement] = {}

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        return [self._shown(lease) for lease in self.inner.fetch(credit, timeout, limits)]

    def settle(self, settlements: Sequence[Settlement]) -> None:
        check_ends(settlements, self._levels, now=self._clock.time())
        told = []
        for each in settlements:
            inner = replace(
                each, lease=self._known(each.lease), then=tuple(map(_message, each.then))
            )
            self._told[id(inner)] = each
            told.append(inner)
        self.inner.settle(told)

    def flush(self, deadline: float) -> list[Settled]:
        return [
            Settled(self._told.pop(id(each.settlement)), each.answer)
            for each in self.inner.flush(deadline)
        ]

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        known = {id(self._known(each)): each for each in leases}
        lost = self.inner.extend([self._known(each) for each in leases], lease)
        return [known[id(each)] for each in lost]

    def _shown(self, lease: Lease) -> Lease:
        shown = replace(lease, id=_job_of(lease.body), body=lease.body[_ID:])
        self._inner_of[id(shown)] = lease
        self._kept.append(shown)  # or its number would be another's
        return shown

    def _known(self, lease: Lease) -> Lease:
        return self._inner_of.get(id(lease), lease)


def _message(job: Envelope) -> Envelope:
    # From the system: processes that were forked must not make the same ones.
    return replace(job, id=str(uuid4()), body=job.id.encode() + job.body)


def _job_of(body: bytes) -> str:
    return body[:_ID].decode()
