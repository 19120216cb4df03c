"""Jobs that wait in the store until they are due, where the backend cannot hold them so long."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from anyjob.backends.paired.ledger import Known, Ledger
from anyjob.backends.paired.messages import Message, wrap
from anyjob.backends.paired.records import (
    Change,
    Phase,
    agenda_of,
    count_key,
    listing_of,
)
from anyjob.backends.paired.words import Words
from anyjob.core.backend import Backend
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Rejected
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain
from anyjob.core.store import Due

#: How long who takes due jobs has for bringing them to the backend; after that somebody else does.
TAKEN = 3.0
#: Jobs that go over in one step.
PAGE = 500
#: Seconds between two looks for what is due.
LOOK = 0.25


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A job in the store."""

    generation: int
    priority: int
    body: bytes
    key: bytes
    key_ttl: float


_encode = msgspec.msgpack.Encoder().encode
_entry = msgspec.msgpack.Decoder(Entry).decode


class Agenda:
    """Puts jobs into the store and takes them out again; any thread, any number of processes."""

    def __init__(self, backend: Backend, ledger: Ledger, words: Words, clock: Clock) -> None:
        self._backend = backend
        self._ledger = ledger
        self._words = words
        self._clock = clock
        #: When this process last looked for what is due, by queue.
        self._looked: dict[str, float] = {}

    def takes(self, due: float | datetime | None) -> bool:
        """Whether a job that is due then waits here and not with the backend."""
        if due is None:
            return False
        levels = self._backend.capabilities
        if levels.delay == "none":
            return True
        if levels.max_delay is None:
            return False
        # An instant is compared by the store's clock; the backend's own is nobody's to read.
        return isinstance(due, datetime) or due > levels.max_delay

    def add(self, queue: str, jobs: Sequence[tuple[str, float, Entry]]) -> None:
        """Keep (id, due, job) until they are due; one that is kept already stays as it is."""
        if not self._words.last(queue).has_agenda:
            self._words.change(queue, lambda word: replace(word, has_agenda=True))
        self._ledger.list_([(listing_of(queue), id) for id, _, _ in jobs])
        added = self._ledger.schedule(
            [(agenda_of(queue), id, due, _encode(entry)) for id, due, entry in jobs]
        )
        self._count(queue, sum(added))
        # It may be due already.
        self._looked.pop(queue, None)

    def remove(self, queue: str, ids: Sequence[str]) -> list[bool]:
        """Take jobs out that nobody takes over; False for the others."""
        removed = self._ledger.unschedule([(agenda_of(queue), id) for id in ids])
        gone = [id for id, done in zip(ids, removed, strict=True) if done]
        self._ledger.unschedule([(listing_of(queue), id) for id in gone])
        self._count(queue, -len(gone))
        return removed

    def waiting(self, queue: str) -> int:
        """How many jobs of a queue wait here; approximate after a crash."""
        return max(0, self._ledger.store.increment([(count_key(queue), 0)])[0])

    def purge(self, queue: str) -> int:
        """Remove every job of a queue that waits here, with its record."""
        listed = self._ledger.all_of(listing_of(queue))
        removed = self._ledger.unschedule([(agenda_of(queue), each.id) for each in listed])
        known = self._ledger.read([(queue, each.id) for each in listed])
        forgotten = [
            (queue, each.id, found.version)
            for each, found, done in zip(listed, known, removed, strict=True)
            if done and found is not None and not found.record.is_over
        ]
        self._ledger.forget(forgotten)
        self._ledger.settle_due(listed)
        # What somebody else is taking over stays listed until that is done.
        self._ledger.list_(
            [
                (listing_of(queue), each.id)
                for each, found, done in zip(listed, known, removed, strict=True)
                if not done and found is not None and found.record.phase is Phase.SCHEDULED
            ]
        )
        self._count(queue, -sum(removed))
        return len(forgotten)

    def look(self, queue: str) -> None:
        """Bring what is due to the backend, unless that was done just now; raises BackendError."""
        now = self._clock.time()
        # In both directions: the clock may have been set.
        if abs(now - self._looked.get(queue, 0.0)) >= LOOK:
            self._looked[queue] = now
            self.promote(queue)

    def promote(self, queue: str) -> int:
        """Bring a page of what is due to the backend; returns how many jobs there were.

        Raises BackendError, and then what was not brought is due again a little later.
        """
        taken = self._ledger.store.take_due(
            agenda_of(queue), min(PAGE, self._ledger.store.capabilities.max_batch), TAKEN
        )
        if not taken:
            return 0
        ready = self._claimed(queue, taken)
        most = self._backend.capabilities.max_batch
        for start in range(0, len(ready), most):
            self._hand_over(queue, ready[start : start + most])
        over = [each for each in taken if each.id not in {due.id for due, _ in ready}]
        self._finish(queue, over)
        return len(taken)

    def _claimed(self, queue: str, taken: Sequence[Due]) -> list[tuple[Due, Entry]]:
        """Those that are still to be run, each noted as on its way."""
        known = self._ledger.read([(queue, due.id) for due in taken])
        word = self._words.read([queue])[queue]
        ready: list[tuple[Due, Entry]] = []
        changes: list[Change] = []
        for due, found in zip(taken, known, strict=True):
            entry = _entry(due.value)
            if found is None:
                ready.append((due, entry))
            elif _is_next(found, entry):
                record = replace(
                    found.record,
                    phase=Phase.WAITING,
                    owner=0,
                    copy=0,
                    lot=0,
                    epoch=word.purging or word.epoch,
                )
                changes.append(Change(queue, due.id, record, found.version))
                ready.append((due, entry))
            elif found.record.phase is Phase.WAITING and (
                found.record.generation == entry.generation
            ):
                # Whoever noted that did not come to remove it; its message may be there.
                self._words.announce(queue, may_double=True)
                ready.append((due, entry))
        written = {
            change.id: done.done
            for change, done in zip(changes, self._ledger.write(changes), strict=True)
        }
        return [(due, entry) for due, entry in ready if written.get(due.id, True)]

    def _hand_over(self, queue: str, ready: Sequence[tuple[Due, Entry]]) -> None:
        jobs = [
            Envelope(
                due.id,
                queue,
                wrap(
                    Message(
                        entry.body,
                        generation=entry.generation,
                        copy=secrets.randbits(63) or 1,
                        key=entry.key,
                        key_ttl=entry.key_ttl,
                        is_marked=True,
                    )
                ),
                entry.priority,
            )
            for due, entry in ready
        ]
        try:
            receipts = self._backend.enqueue(jobs)
        except EnqueueUncertain:
            raise
        except BaseException:
            self._take_back(queue, ready)
            raise
        if any(isinstance(receipt, Rejected) for receipt in receipts):
            raise BackendUnavailable(f"due jobs of queue {queue!r} were not all taken")
        self._finish(queue, [due for due, _ in ready])

    def _take_back(self, queue: str, ready: Sequence[tuple[Due, Entry]]) -> None:
        """Nothing was brought: they are due still."""
        known = self._ledger.read([(queue, due.id) for due, _ in ready])
        self._ledger.write(
            [
                Change(queue, due.id, replace(found.record, phase=Phase.SCHEDULED), found.version)
                for (due, _), found in zip(ready, known, strict=True)
                if found is not None and found.record.phase is Phase.WAITING
            ]
        )

    def _finish(self, queue: str, taken: Sequence[Due]) -> None:
        settled = self._ledger.settle_due(taken)
        self._ledger.unschedule([(listing_of(queue), due.id) for due in taken])
        self._count(queue, -sum(settled))

    def _count(self, queue: str, change: int) -> None:
        if change:
            self._ledger.store.increment([(count_key(queue), change)])


def _is_next(found: Known, entry: Entry) -> bool:
    record = found.record
    return record.phase is Phase.SCHEDULED and record.generation == entry.generation
