"""What a pair does with the leases of its backend before anybody sees them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from anyjob.backends.paired.agenda import Agenda, Entry
from anyjob.backends.paired.held import Held, Hold
from anyjob.backends.paired.ledger import Known, Ledger
from anyjob.backends.paired.messages import unwrap
from anyjob.backends.paired.records import Change, Record, dead_of
from anyjob.backends.paired.verdicts import Fate, fate_of, taken
from anyjob.backends.paired.words import Word, Words
from anyjob.core.errors import BackendError
from anyjob.core.settlement import Bury, Complete, Lease, Release, Settlement

#: So often a record may change under our eyes before the message goes back.
_ROUNDS = 5


class Intake:
    """Turns messages into leases of jobs, for the thread in which one consumer fetches."""

    def __init__(self, held: Held, ledger: Ledger, words: Words, agenda: Agenda) -> None:
        self._held = held
        self._ledger = ledger
        self._words = words
        self._agenda = agenda
        # Of our own: a backend may give two messages of one job in one fetch, under one token.
        self._tokens = itertools.count(secrets.randbits(31) << 32)

    def take(self, leases: Sequence[Lease], now: float) -> tuple[list[Lease], list[Settlement]]:
        """Return the leases that go to the caller, in order, and how the others end with the
        backend; `now` is on the steady clock. Raises BackendError, and then none is held.
        """
        holds = [_hold(lease, next(self._tokens), now) for lease in leases]
        # Held before the word is looked at: whoever changes it asks afterwards who holds what.
        self._held.add(holds)
        words = {queue: self._words.last(queue) for queue in {each.queue for each in leases}}
        doubtful = [hold for hold in holds if _is_doubtful(hold, words)]
        if not doubtful:
            return [hold.lease for hold in holds], []
        try:
            ends = self._look(doubtful)
        except BackendError:
            self._held.drop(holds)
            raise
        gone = [hold for hold in doubtful if id(hold) in ends]
        self._held.drop(gone)
        return [hold.lease for hold in holds if id(hold) not in ends], list(ends.values())

    def _look(self, holds: Sequence[Hold]) -> dict[int, Settlement]:
        """How those end that are not to be run, by identity."""
        ends: dict[int, Settlement] = {}
        left = list(holds)
        for _ in range(_ROUNDS):
            if not left:
                return ends
            known = self._ledger.read([(each.inner.queue, each.inner.id) for each in left])
            left = self._judge(left, known, ends)
        ends |= {id(hold): Release(lease=hold.inner) for hold in left}
        return ends

    def _judge(
        self, holds: Sequence[Hold], known: Sequence[Known | None], ends: dict[int, Settlement]
    ) -> list[Hold]:
        """Decide what can be decided; returns those whose record changed meanwhile."""
        changing: list[Hold] = []
        changes: list[Change] = []
        for hold, found in zip(holds, known, strict=True):
            if found is None:
                hold.version = 0
                continue
            fate = fate_of(hold, found.record)
            if fate is Fate.RUN:
                record = taken(hold, found.record, self._epoch(hold))
            elif fate is Fate.CANCEL:
                record = replace(found.record, is_pending=False)
            else:
                ends[id(hold)] = self._end(hold, found.record, fate)
                if self._words.last(hold.inner.queue).superfluous:
                    self._words.change(hold.inner.queue, one_less)
                continue
            changing.append(hold)
            changes.append(_change(hold, record, found.version))
        again: list[Hold] = []
        for hold, change, written in zip(
            changing, changes, self._ledger.write(changes), strict=True
        ):
            if not written.done:
                again.append(hold)
            elif change.record.is_over:
                ends[id(hold)] = Complete(lease=hold.inner)
                self._words.change(hold.inner.queue, one_less)
            else:
                hold.record, hold.version = change.record, written.version or 0
                _show(hold, change.record)
        return again

    def _end(self, hold: Hold, record: Record, fate: Fate) -> Settlement:
        if fate is Fate.BURY:
            self._ledger.list_([(dead_of(hold.inner.queue), hold.inner.id)])
            return Bury(lease=hold.inner, reason=record.reason or "", note=record.note, ran=False)
        if fate is Fate.POSTPONE:
            # Whoever wrote the record may have died before the job was in the store.
            entry = Entry(
                record.generation,
                record.priority,
                hold.message.body,
                record.key,
                record.key_ttl,
            )
            self._agenda.add(hold.inner.queue, [(hold.inner.id, record.due, entry)])
        return Complete(lease=hold.inner)

    def _epoch(self, hold: Hold) -> int:
        word = self._words.last(hold.inner.queue)
        return word.purging or word.epoch


def _is_doubtful(hold: Hold, words: Mapping[str, Word]) -> bool:
    """Whether its record may say more than the message."""
    inner = hold.inner
    return (
        hold.message.is_marked
        or inner.redeliveries > 0
        or inner.attempt > 1
        or words[inner.queue].is_doubtful
    )


def _hold(inner: Lease, token: int, now: float) -> Hold:
    message = unwrap(inner.body)
    # By place: of all that is done for each job, `replace` would be the dearest.
    lease = Lease(
        inner.id,
        inner.queue,
        token,
        message.body,
        inner.priority,
        inner.attempt,
        inner.redeliveries,
        inner.note,
        inner.now,
        inner.until,
        inner.verdict,
    )
    return Hold(inner, lease, message, now + inner.until - inner.now)


def _show(hold: Hold, record: Record) -> None:
    """Add to the lease what its backend does not know."""
    if record.base_attempts or record.base_redeliveries or record.base_note:
        inner = hold.inner
        hold.lease = replace(
            hold.lease,
            attempt=inner.attempt + record.base_attempts,
            redeliveries=inner.redeliveries + record.base_redeliveries,
            note=inner.note or record.base_note,
        )


def _change(hold: Hold, record: Record, version: int) -> Change:
    return Change(hold.inner.queue, hold.inner.id, record, version)


def one_less(word: Word) -> Word:
    """One superfluous message less."""
    return replace(word, superfluous=max(0, word.superfluous - 1))
