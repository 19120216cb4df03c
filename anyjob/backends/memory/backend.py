"""The memory backend: jobs live in this process, for as long as somebody holds them."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from weakref import WeakSet

from anyjob.backends.checks import check_edit, check_shares
from anyjob.backends.memory.administration import cancel, dead, discard, purge, revive
from anyjob.backends.memory.browse import BROWSABLE, page
from anyjob.backends.memory.consumer import MemoryConsumer
from anyjob.backends.memory.job import LEASED, Job, record_of
from anyjob.backends.memory.queue import DEDUP_WINDOW, Queue
from anyjob.backends.memory.space import Place, Space, forked
from anyjob.backends.memory.store import MemoryStore
from anyjob.backends.memory.watch import MemoryWatch
from anyjob.core.backend import (
    CONTRACT,
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
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import Misuse, UnsupportedCapability
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_envelopes, check_seconds, check_states
from anyjob.core.state import WAITING, State

#: Jobs that maintenance handles before it lets others at the lock.
PAGE = 1000

CAPABILITIES = Capabilities(
    product="memory",
    version=CONTRACT,
    reach="process",
    lease="timed",
    fencing="token",
    durability="none",
    dedup="window",
    dedup_window=DEDUP_WINDOW,
    atomic_batch=True,
    max_batch=1000,
    atomic_children=True,
    transaction=False,
    delay="native",
    resolution=0.001,
    schedule_lag=0.01,
    priorities=10,
    low_share="native",
    order="fifo",
    redeliveries="exact",
    release="place",
    dead="native",
    counts="exact",
    browse="all",
    results="native",
    cancel="native",
    unique="native",
    pause="native",
    wait="block",
    wakeup_lag=0.01,
    visibility_lag=0.0,
    redelivery_lag=0.05,
    max_payload=64 * 1024 * 1024,
)


class MemoryBackend(Backend):
    """Holds jobs in the memory of this process.

    `memory://` is a space of this object and its store alone; `memory://NAME` is one for all
    backends and stores of that name and namespace in the process, and goes with the last of them.
    Closing one loses no job while the object lives.
    """

    capabilities = CAPABILITIES

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._place = Place(url, namespace, clock)
        self._open: Space | None = None
        self._pid = 0
        self._consumers: WeakSet[MemoryConsumer] = WeakSet()

    def __repr__(self) -> str:
        return f"MemoryBackend({str(self._place)!r})"

    def open(self) -> None:
        self._open = self._place.space()
        self._pid = os.getpid()

    def close(self) -> None:
        space = self._open
        if space is None or self._pid != os.getpid():
            return
        with space.lock:
            self._open = None
            for consumer in self._consumers:
                consumer.abandon()
            self._consumers.clear()
            space.ended.notify_all()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        space = self._space()
        for spec in queues:
            checked_name(spec.name, "a queue's name")
        with space.lock:
            for spec in queues:
                space.queue(spec.name).declared = True

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        space = self._space()
        if transaction is not None:
            raise UnsupportedCapability(
                "transaction",
                "memory:// has no transaction that a job could be part of; leave transaction= out",
            )
        check_envelopes(
            jobs,
            max_batch=CAPABILITIES.max_batch,
            max_payload=CAPABILITIES.max_payload,
            known_queues=space.queues,
        )
        receipts: list[Receipt] = []
        with space.lock:
            wall, mono = space.clock.time(), space.clock.monotonic()
            queue: Queue | None = None
            for job in jobs:
                if queue is None or queue.name != job.queue:
                    queue = space.queue(job.queue)
                    queue.promote(wall)
                receipts.append(queue.add(job, wall, mono))
            space.announce()
        return receipts

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        space = self._space()
        check_shares(queues)
        check_seconds(lease, "a lease", zero=False)
        with space.lock:
            consumer = MemoryConsumer(
                self._space,
                queues,
                lease=lease,
                max_batch=CAPABILITIES.max_batch,
                max_payload=CAPABILITIES.max_payload,
            )
            self._consumers.add(consumer)
        return consumer

    def maintain(self, budget: float) -> float:
        space = self._space()
        deadline = time.monotonic() + budget
        for queue in list(space.queues.values()):
            while _maintain_page(space, queue):
                if time.monotonic() >= deadline:
                    return 0.0
        with space.lock:
            wall, mono = space.clock.time(), space.clock.monotonic()
            waits = [
                # Records end one by one; they are swept by the second.
                min(queue.next_change(wall, mono), max(1.0, queue.next_forget(mono)))
                for queue in space.queues.values()
            ]
        return max(0.0, min(1.0, *waits)) if waits else 1.0

    def counts(self, queue: str) -> Counts:
        space = self._space()
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return Counts(0, 0, 0, 0)
            ready_at = [at for line in found.lines if (at := line.oldest()) is not None]
            age = max(0.0, space.clock.time() - min(ready_at)) if ready_at else None
            return Counts(found.ready, found.scheduled, len(found.leased), len(found.dead), age)

    def pause(self, queue: str) -> None:
        space = self._space()
        with space.lock:
            space.queue(queue).paused = True

    def resume(self, queue: str) -> None:
        space = self._space()
        with space.lock:
            found = _look_up(space, queue)
            if found is not None:
                found.paused = False
                space.arrived.notify_all()

    def paused(self) -> set[str]:
        space = self._space()
        with space.lock:
            return {queue.name for queue in space.queues.values() if queue.paused}

    def queues(self) -> set[str]:
        space = self._space()
        with space.lock:
            queues = space.queues.values()
            return {queue.name for queue in queues if queue.declared or not queue.is_empty()}

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        space = self._space()
        check_states([state], BROWSABLE, "browse()")
        check_count(limit, "limit", MAX_PAGE)
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return Page([], None)
            jobs, behind = page(found, State(state), cursor, limit)
            return Page([_show(space, found, job) for job in jobs], behind)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        space = self._space()
        checked_name(queue, "a queue's name")
        deadline = time.monotonic() + wait
        with space.lock:
            while True:
                records = _records(space, queue, ids)
                settled = any(record is None or record.state.is_terminal for record in records)
                left = deadline - time.monotonic()
                if settled or left <= 0 or not ids or self._open is not space:
                    return records
                space.ended.wait(left)

    def watch(self) -> MemoryWatch:
        space = self._space()
        watch = MemoryWatch()
        with space.lock:
            space.watches.add(watch)
        return watch

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        space = self._space()
        check_seconds(keep, "keep")
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return [CancelResult.UNKNOWN for _ in ids]
            wall, mono = space.clock.time(), space.clock.monotonic()
            results = [cancel(found, id, wall, mono, keep) for id in ids]
            found.drop_stale()
            space.announce()
        return results

    def purge(self, queue: str, states: Collection[State]) -> int:
        space = self._space()
        check_states(states, WAITING, "purge()")
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return 0
            purged = sum(purge(found, State(state)) for state in set(states))
            found.drop_stale()
            space.announce()
        return purged

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        space = self._space()
        edit = edit or {}
        check_edit(edit, CAPABILITIES.max_payload)
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return 0
            wall, mono = space.clock.time(), space.clock.monotonic()
            found.promote(wall)
            revived = sum(
                revive(found, job, wall, mono, edit.get(job.id)) for job in dead(found, ids)
            )
            space.announce()
        return revived

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        space = self._space()
        with space.lock:
            found = _look_up(space, queue)
            if found is None:
                return 0
            discarded = discard(found, dead(found, ids))
            space.announce()
        return discarded

    def store(self) -> MemoryStore:
        return MemoryStore.at(self._place)

    def weaknesses(self) -> list[Finding]:
        return [
            Finding(
                id="memory-not-durable",
                severity="warning",
                seen="jobs wait in the memory of this process",
                why="they are gone when it ends, and no other process sees them",
                fix="use sqlite:///FILE for jobs that must not be lost",
            )
        ]

    def _space(self) -> Space:
        """The open space. Raises Misuse before open(), after close() and in a forked child."""
        space = self._open
        if space is None:
            raise Misuse(f"{self!r} is not open; call open() first")
        if self._pid != os.getpid():
            raise forked(repr(self))
        return space


def _look_up(space: Space, name: str) -> Queue | None:
    """A queue brought up to the present, or None; looking makes none."""
    queue = space.queues.get(checked_name(name, "a queue's name"))
    if queue is not None:
        queue.advance(space.clock.time(), space.clock.monotonic())
    return queue


def _maintain_page(space: Space, queue: Queue) -> bool:
    """Do a page of each chore; returns whether one of them may have more."""
    with space.lock:
        wall, mono = space.clock.time(), space.clock.monotonic()
        done = (
            queue.promote(wall, PAGE),
            queue.reap(wall, mono, PAGE),
            queue.forget(mono, PAGE),
        )
        space.announce()
    return max(done) >= PAGE


def _records(space: Space, name: str, ids: Sequence[str]) -> list[JobRecord | None]:
    queue = _look_up(space, name)
    if queue is None:
        return [None for _ in ids]
    mono = space.clock.monotonic()
    jobs = (queue.find(id, mono) for id in ids)
    return [None if job is None else _show(space, queue, job) for job in jobs]


def _show(space: Space, queue: Queue, job: Job) -> JobRecord:
    clock = space.clock
    until = clock.time() + job.until - clock.monotonic() if job.state is LEASED else None
    return record_of(job, queue.name, until)
