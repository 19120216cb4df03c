"""A backend and a store, seen as one backend."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any
from weakref import WeakSet

from msgspec.structs import replace

from anyjob.backends.checks import check_edit, check_shares
from anyjob.backends.declared import check_jobs, check_lease
from anyjob.backends.paired.administration import Administration
from anyjob.backends.paired.agenda import LOOK, PAGE, Agenda
from anyjob.backends.paired.consumer import PairedConsumer
from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.levels import paired
from anyjob.backends.paired.lookup import Lookup, bare
from anyjob.backends.paired.session import Session
from anyjob.backends.paired.storing import Storing
from anyjob.backends.paired.words import Words
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
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, Misuse
from anyjob.core.names import checked_name
from anyjob.core.place import Place
from anyjob.core.seam import check_seconds, check_states
from anyjob.core.state import WAITING, State
from anyjob.core.store import Store


class PairedBackend(Backend):
    """Gives a backend what it lacks and a store has: one meaning of an id, unique keys, cancelling,
    results, look-up, and where the backend has none, delays and pause.

    Opens and closes both. `clock` tells what people read, and how old knowledge may be; leases are
    the backend's, due times the store's. The store decides: while it is away no job is taken, none
    is handed out, and settlements wait as unknown.
    """

    def __init__(self, backend: Backend, store: Store, *, clock: Clock | None = None) -> None:
        self._backend = backend
        self._store = store
        self._clock = clock or SystemClock()
        self._report: Callable[[str, Mapping[str, Any]], None] = _tell_nobody
        self._opened: _Parts | None = None

    def __repr__(self) -> str:
        return f"PairedBackend({self._backend!r}, {self._store!r})"

    def open(self) -> None:
        if self._opened is not None and self._opened.pid == os.getpid():
            return
        with ExitStack() as undo:
            undo.callback(self._backend.close)
            self._backend.open()
            undo.callback(self._store.close)
            self._store.open()
            self.capabilities = paired(self._backend.capabilities, self._store.capabilities)
            self._opened = _Parts(self._backend, self._store, self._clock, self._tell)
            undo.pop_all()

    def close(self) -> None:
        parts, self._opened = self._opened, None
        if parts is not None and parts.pid == os.getpid():
            for consumer in parts.consumers:
                consumer.abandon()
            parts.session.stop()
        self._backend.close()
        self._store.close()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        self._parts()
        self._backend.declare(queues)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        parts = self._parts()
        check_jobs(jobs, self.capabilities, now=self._clock.time(), transaction=transaction)
        return parts.storing.store(jobs) if jobs else []

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        parts = self._parts()
        check_shares(queues)
        check_lease(lease, self.capabilities)
        consumer = PairedConsumer(
            self._backend.consume(queues, lease=lease, worker=worker),
            [share.queue for share in queues],
            lease=lease,
            ledger=parts.ledger,
            words=parts.words,
            agenda=parts.agenda,
            session=parts.session,
            holders=parts.storing.holders,
            enqueue=self.enqueue,
            capabilities=self.capabilities,
            clock=self._clock,
            native_pause=self._backend.capabilities.pause != "none",
        )
        parts.consumers.add(consumer)
        return consumer

    def maintain(self, budget: float) -> float:
        parts = self._parts()
        deadline = time.monotonic() + budget
        wait = min(self._backend.maintain(budget / 2), self._store.maintain(budget / 4))
        queues = self._backend.queues()
        words = parts.words.read(queues)
        for queue, word in words.items():
            if not word.has_agenda:
                continue
            wait = min(wait, LOOK)
            while parts.agenda.promote(queue) >= PAGE:
                if time.monotonic() >= deadline:
                    return 0.0
        return wait

    def counts(self, queue: str) -> Counts:
        parts = self._parts()
        counts = self._backend.counts(queue)
        word = parts.words.read([queue])[queue]
        waiting = parts.agenda.waiting(queue) if word.has_agenda else 0
        return replace(
            counts,
            ready=max(0, counts.ready - word.superfluous),
            scheduled=None if counts.scheduled is None else counts.scheduled + waiting,
        )

    def pause(self, queue: str) -> None:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        if self._backend.capabilities.pause != "none":
            self._backend.pause(queue)
        else:
            parts.words.pause(queue, is_paused=True)

    def resume(self, queue: str) -> None:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        if self._backend.capabilities.pause != "none":
            self._backend.resume(queue)
        else:
            word = parts.words.pause(queue, is_paused=False)
            # At once for every worker that listens; the others find out by themselves.
            with suppress(BackendUnavailable):
                parts.session.ask(queue, word.revision, patience=1.0)

    def paused(self) -> set[str]:
        parts = self._parts()
        if self._backend.capabilities.pause != "none":
            return self._backend.paused()
        return parts.words.paused()

    def queues(self) -> set[str]:
        self._parts()
        return self._backend.queues()

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        self._parts()
        page = self._backend.browse(queue, state, cursor, limit)
        return Page([bare(record) or record for record in page.records], page.cursor)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        return parts.lookup.get(queue, ids, wait)

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        check_seconds(keep, "keep")
        return parts.administration.cancel(queue, ids, keep) if ids else []

    def purge(self, queue: str, states: Collection[State]) -> int:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        check_states(states, WAITING, "purge()")
        return parts.administration.purge(queue, states)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        check_edit(edit or {}, self.capabilities.max_payload)
        return parts.administration.revive(queue, ids, edit or {})

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        parts = self._parts()
        checked_name(queue, "a queue's name")
        return parts.administration.discard(queue, ids)

    def place(self) -> Place | None:
        return self._backend.place()

    def weaknesses(self) -> list[Finding]:
        return self._backend.weaknesses()

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._report = report
        self._backend.subscribe(report)

    def _tell(self, name: str, fields: Mapping[str, Any]) -> None:
        self._report(name, fields)

    def _parts(self) -> _Parts:
        """What is open. Raises Misuse before open(), after close() and in a forked child."""
        parts = self._opened
        if parts is None:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        if parts.pid != os.getpid():
            raise Misuse(f"{self!r} belongs to the process that opened it; open another here")
        return parts


class _Parts:
    """What an open pair is made of, in one process."""

    def __init__(
        self,
        backend: Backend,
        store: Store,
        clock: Clock,
        report: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self.pid = os.getpid()
        self.ledger = Ledger(store)
        self.words = Words(self.ledger, clock)
        self.agenda = Agenda(backend, self.ledger, self.words, clock)
        self.session = Session(self.ledger, self.words, clock, report)
        self.storing = Storing(backend, self.ledger, self.words, self.agenda, self.session)
        self.lookup = Lookup(backend, self.ledger, self.words, self.session, clock)
        self.administration = Administration(
            backend,
            self.ledger,
            self.words,
            self.agenda,
            self.session,
            self.storing.holders,
            clock,
        )
        self.consumers: WeakSet[PairedConsumer] = WeakSet()


def _tell_nobody(name: str, fields: Mapping[str, Any]) -> None:
    pass
