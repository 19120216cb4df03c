"""How a pair stores jobs: a record first, the message second, and last the mark that says that it
was stored.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from anyjob.backends.paired.agenda import Agenda
from anyjob.backends.paired.agenda import Entry as Waiting
from anyjob.backends.paired.holders import INTENT, Holders, Wish
from anyjob.backends.paired.ledger import Known, Ledger
from anyjob.backends.paired.messages import Message, wrap
from anyjob.backends.paired.records import (
    FORGOTTEN,
    LARGEST_BODY,
    Change,
    Phase,
    Record,
    digest,
)
from anyjob.backends.paired.session import Session
from anyjob.backends.paired.words import Word, Words
from anyjob.core.backend import Backend
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Rejected
from anyjob.core.errors import (
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    EnqueueUncertain,
)

_LOOK = 0.02
#: Calls that came to nothing, and that a resend may ask about.
_REMEMBERED = 1000


class Storing:
    """Stores jobs for one backend; any thread."""

    def __init__(
        self, backend: Backend, ledger: Ledger, words: Words, agenda: Agenda, session: Session
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._words = words
        self._agenda = agenda
        self._session = session
        self._lock = threading.Lock()
        self._broken: OrderedDict[int, bool] = OrderedDict()
        self.holders = Holders(ledger, self._became)

    def store(self, jobs: Sequence[Envelope]) -> list[Receipt]:
        """Store jobs that were checked; raises as `Backend.enqueue`."""
        call = _Call(jobs, self._words.read({job.queue for job in jobs}))
        try:
            self._note(call)
            self._take_keys(call)
            self._hand_over(call)
        except EnqueueUncertain as error:
            self._break_off(call, in_doubt=True)
            raise EnqueueUncertain(str(error), jobs) from error
        except BackendError as error:
            is_definite = isinstance(error, BackendUnavailable | BackendFull | BackendCorrupt)
            in_doubt = call.has_begun and not is_definite
            # What waits in the store already, and cannot be taken out again, is stored.
            in_doubt = not self._break_off(call, in_doubt=in_doubt) or in_doubt
            if is_definite and not in_doubt:
                raise
            if in_doubt:
                raise EnqueueUncertain(str(error), jobs) from error
            # The store may have a record that says too much; no job was handed over.
            raise BackendUnavailable(str(error)) from error
        except BaseException:
            self._break_off(call, in_doubt=False)
            raise
        self._mark(call)
        return call.receipts

    # Steps

    def _note(self, call: _Call) -> None:
        """Write a record for each id that is new; what is known is a duplicate."""
        delayed = any(self._agenda.takes(job.due) for job in call.jobs)
        now = self._ledger.now() if delayed else 0.0
        first: dict[tuple[str, str], int] = {}
        changes: list[Change] = []
        at: list[int] = []
        for index, job in enumerate(call.jobs):
            if first.setdefault((job.queue, job.id), index) != index:
                call.receipts[index] = Duplicate(job.id)
                continue
            due = self._due(job, now)
            record = Record(
                Phase.SCHEDULED if due else Phase.WAITING,
                lot=call.lot,
                priority=job.priority,
                body=job.body if len(job.body) <= LARGEST_BODY else None,
                epoch=call.words[job.queue].epoch,
                key=b"" if job.unique is None else digest(job.unique),
                key_ttl=_ttl(job),
                due=due or _native_due(job),
            )
            call.due[index] = due
            call.native[index] = None if self._agenda.takes(job.due) else job.due
            changes.append(Change(job.queue, job.id, record, None, _lasts(due, now)))
            at.append(index)
        for index, change, written in zip(at, changes, self._ledger.write(changes), strict=True):
            call.records[index] = change.record
            if written.done:
                call.versions[index] = written.version or 0
            else:
                self._note_again(call, index, change)

    def _note_again(self, call: _Call, index: int, change: Change) -> None:
        """An id that is known: a duplicate, unless what is known of it is over for good."""
        while True:
            [known] = self._ledger.read([(change.queue, change.id)])
            gone = (
                known is None
                or call.words[change.queue].has_purged(known.record)
                # A call of ours that came to nothing, and could not take its record back.
                or (known.record.lot and self._became(known.record.lot) is False)
            )
            if not gone and known is not None:
                self._settle_doubt(call.jobs[index], known)
                call.receipts[index] = Duplicate(change.id)
                return
            version = None if known is None else known.version
            anew = msgspec.structs.replace(change, version=version)
            [written] = self._ledger.write([anew])
            if written.done:
                call.versions[index] = written.version or 0
                return

    def _take_keys(self, call: _Call) -> None:
        """Take the unique keys; a job whose key is held is a duplicate of the holder."""
        wishes = [
            (index, Wish(job.queue, job.id, call.records[index].key, call.records[index].key_ttl))
            for index, job in enumerate(call.jobs)
            if job.unique is not None and index in call.versions
        ]
        for index, wish in wishes:
            call.asked = wish
            [got] = self.holders.take([wish], call.lot, call.words)
            call.asked = None
            if got.version is not None:
                call.keys[index] = (wish, got.version)
                continue
            self._ledger.forget([(wish.queue, wish.id, call.versions.pop(index))])
            call.receipts[index] = Duplicate(got.holder)

    def _hand_over(self, call: _Call) -> None:
        """Bring the messages to where they wait."""
        later: dict[str, list[int]] = {}
        for index in call.versions:
            if call.due[index]:
                later.setdefault(call.jobs[index].queue, []).append(index)
        for queue, indexes in later.items():
            call.has_begun = True
            self._agenda.add(
                queue,
                [(call.jobs[at].id, call.due[at], _waiting(call, at)) for at in indexes],
            )
        now = [index for index in call.versions if not call.due[index]]
        if not now:
            return
        call.has_begun = True
        receipts = self._backend.enqueue([_message(call, index) for index in now])
        for index, receipt in zip(now, receipts, strict=True):
            if isinstance(receipt, Rejected):
                call.receipts[index] = receipt
                self._undo(call, [index])

    def _mark(self, call: _Call) -> None:
        """Say that the call is done. A resend finds out in another way if that fails; but a key
        that could not be kept is free before long, and that must be told.
        """
        try:
            if call.keys:
                self.holders.keep(list(call.keys.values()), call.lot)
            if call.versions:
                self._ledger.mark(call.lot)
        except BackendError as error:
            self._remember(call, stored=True)
            if call.keys:
                raise EnqueueUncertain(
                    f"the jobs are stored, and not all of their unique keys: {error}", call.jobs
                ) from error

    def _break_off(self, call: _Call, *, in_doubt: bool) -> bool:
        """What came to nothing leaves no trace; what is in doubt keeps its records and keys.

        Returns False if a job may be stored all the same.
        """
        self._remember(call, stored=in_doubt)
        try:
            if in_doubt:
                self.holders.keep(list(call.keys.values()), call.lot, in_doubt=True)
            else:
                self._undo(call, list(call.versions))
                if call.asked is not None:
                    # Whether it was taken, no answer said.
                    self.holders.free([(call.asked.queue, call.asked.id, call.asked.key)])
        except BackendError:
            # The store is away: records without a mark, and keys for a quarter of a minute.
            late = call.has_begun and any(call.due[index] for index in call.versions)
            self._remember(call, stored=in_doubt or late)
            return not late
        return True

    def _undo(self, call: _Call, indexes: Sequence[int]) -> None:
        late: dict[str, list[str]] = {}
        for index in indexes:
            if call.has_begun and call.due[index]:
                late.setdefault(call.jobs[index].queue, []).append(call.jobs[index].id)
        for queue, ids in late.items():
            self._agenda.remove(queue, ids)
        keys = [call.keys.pop(index) for index in indexes if index in call.keys]
        if keys:
            self.holders.give_back(keys)
        self._ledger.forget(
            [
                (call.jobs[index].queue, call.jobs[index].id, call.versions.pop(index))
                for index in indexes
            ]
        )

    # An id that comes again

    def _settle_doubt(self, job: Envelope, known: Known) -> None:
        """See to it that a job which is known is stored, too: whoever began may have died before.

        Waits for a call that is under way somewhere else. Raises BackendError.
        """
        record = known.record
        if record.is_over or self._is_marked(job, record):
            return
        if record.phase is Phase.SCHEDULED:
            entry = _entry_of(record, job)
            self._agenda.add(job.queue, [(job.id, record.due, entry)])
        elif job.id not in self._doubled(job.queue):
            self._backend.enqueue([_again(job, record)])
        if record.key:
            wish = Wish(job.queue, job.id, record.key, record.key_ttl)
            [got] = self.holders.take([wish], record.lot, self._words.read([job.queue]))
            if got.version is not None:
                self.holders.keep([(wish, got.version)], record.lot)
        with suppress(BackendError):
            # It is stored, and who sends it again finds that out in the same way.
            self._ledger.mark(record.lot)

    def _doubled(self, queue: str) -> Mapping[str, object]:
        """From now on two messages of a job are told apart; returns what is running already."""
        word = self._words.announce(queue, may_double=True)
        return self._session.ask(queue, word.revision)

    def _is_marked(self, job: Envelope, record: Record) -> bool:
        deadline = time.monotonic() + INTENT
        while True:
            [marked] = self._ledger.marked([record.lot])
            if marked or self._became(record.lot) is not None or time.monotonic() >= deadline:
                return marked
            [known] = self._ledger.read([(job.queue, job.id)])
            if known is None:
                raise BackendUnavailable(
                    f"job {job.id} was refused to another caller that stored it just now; send it"
                    " again"
                )
            if known.record.is_over or known.record.owner:
                return True
            time.sleep(_LOOK)

    # What became of calls

    def _remember(self, call: _Call, *, stored: bool) -> None:
        with self._lock:
            self._broken[call.lot] = stored
            while len(self._broken) > _REMEMBERED:
                self._broken.popitem(last=False)

    def _became(self, lot: int) -> bool | None:
        with self._lock:
            return self._broken.get(lot)

    # What is due later

    def _due(self, job: Envelope, now: float) -> float:
        """When a job that waits in the store is due; 0 if it does not wait there."""
        if not self._agenda.takes(job.due):
            return 0.0
        due = job.due
        at = due.timestamp() if isinstance(due, datetime) else now + (due or 0.0)
        return at if at > now else 0.0


class _Call:
    """One call of `enqueue`, and how far it is. Dictionaries are by the job's place in the call."""

    def __init__(self, jobs: Sequence[Envelope], words: Mapping[str, Word]) -> None:
        self.jobs = jobs
        self.words = words
        self.lot = secrets.randbits(63) or 1
        self.receipts: list[Receipt] = [ACCEPTED] * len(jobs)
        #: When it is due, for what waits in the store; 0 for the rest.
        self.due: dict[int, float] = {}
        #: What the backend is to delay by itself.
        self.native: dict[int, float | datetime | None] = {}
        self.records: dict[int, Record] = {}
        #: Of the records that are this call's own.
        self.versions: dict[int, int] = {}
        self.keys: dict[int, tuple[Wish, int]] = {}
        #: A key that is just being taken.
        self.asked: Wish | None = None
        self.has_begun = False


def _message(call: _Call, index: int) -> Envelope:
    job, record = call.jobs[index], call.records[index]
    message = Message(
        job.body,
        version=call.versions[index],
        copy=secrets.randbits(63) or 1,
        key=record.key,
        key_ttl=record.key_ttl,
    )
    return Envelope(job.id, job.queue, wrap(message), job.priority, call.native[index])


def _again(job: Envelope, record: Record) -> Envelope:
    message = Message(
        job.body,
        generation=record.generation,
        copy=secrets.randbits(63) or 1,
        key=record.key,
        key_ttl=record.key_ttl,
        is_marked=True,
    )
    return Envelope(job.id, job.queue, wrap(message), job.priority)


def _waiting(call: _Call, index: int) -> Waiting:
    return _entry_of(call.records[index], call.jobs[index])


def _entry_of(record: Record, job: Envelope) -> Waiting:
    return Waiting(record.generation, job.priority, job.body, record.key, record.key_ttl)


def _ttl(job: Envelope) -> float:
    ttl = None if job.unique is None else job.unique.ttl
    return float("inf") if ttl is None else ttl


def _native_due(job: Envelope) -> float:
    return job.due.timestamp() if isinstance(job.due, datetime) else 0.0


def _lasts(due: float, now: float) -> float:
    return FORGOTTEN + (due - now if due else 0.0)
