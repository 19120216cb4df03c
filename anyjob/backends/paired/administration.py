"""What people ask of the queues of a pair: cancel, purge, revive and discard."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from anyjob.backends.paired.agenda import Agenda
from anyjob.backends.paired.holders import Holders, Wish
from anyjob.backends.paired.intake import one_less
from anyjob.backends.paired.ledger import Known, Ledger
from anyjob.backends.paired.levels import DEDUP_WINDOW
from anyjob.backends.paired.messages import Message, wrap
from anyjob.backends.paired.records import FORGOTTEN, Change, Phase, Record, dead_of
from anyjob.backends.paired.session import Session
from anyjob.backends.paired.words import Word, Words
from anyjob.core.backend import Backend, CancelResult
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, BackendUnavailable
from anyjob.core.state import State

_ROUNDS = 5


class HalfDone(BackendError):
    """Raised when a part was done, and something stands in the way of the rest; repeat the call."""

    retryable = True


class Administration:
    """Does to records what is done to messages; any thread."""

    def __init__(
        self,
        backend: Backend,
        ledger: Ledger,
        words: Words,
        agenda: Agenda,
        session: Session,
        holders: Holders,
        clock: Clock,
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._words = words
        self._agenda = agenda
        self._session = session
        self._holders = holders
        self._clock = clock

    # Cancel

    def cancel(self, queue: str, ids: Sequence[str], keep: float) -> list[CancelResult]:
        """Write the end first; a consumer that holds the job by then has the last word."""
        word = self._words.read([queue])[queue]
        found = self._ledger.read([(queue, id) for id in ids])
        results = {id: self._standing(known, word) for id, known in zip(ids, found, strict=True)}
        results |= self._undecided(queue, ids, found)
        waiting = {
            id: known
            for id, known in zip(ids, found, strict=True)
            if known is not None and results[id] is CancelResult.CANCELLED
        }
        here = {id: known for id, known in waiting.items() if known.record.phase is Phase.SCHEDULED}
        there = {id: known for id, known in waiting.items() if id not in here}
        try:
            results |= self._cancel_here(queue, here, keep)
            results |= self._cancel_there(queue, there, keep)
        except BackendUnavailable as error:
            raise HalfDone(f"jobs may be cancelled and were not confirmed: {error}") from error
        keys = [
            (queue, id, known.record.key)
            for id, known in waiting.items()
            if known.record.key and results[id] is CancelResult.CANCELLED
        ]
        if keys:
            # Whoever wants one finds that its holder is over.
            with suppress(BackendError):
                self._holders.free(keys)
        return [results[id] for id in ids]

    def _standing(self, known: Known | None, word: Word) -> CancelResult:
        if known is None:
            return CancelResult.UNKNOWN
        if known.record.is_over:
            return CancelResult.ENDED
        is_gone = word.has_purged(known.record)
        return CancelResult.UNKNOWN if is_gone else CancelResult.CANCELLED

    def _undecided(
        self, queue: str, ids: Sequence[str], found: Sequence[Known | None]
    ) -> dict[str, CancelResult]:
        """Jobs that somebody else is just cancelling, or has, and that run all the same."""
        pending = [
            id
            for id, known in zip(ids, found, strict=True)
            if known is not None and known.record.is_pending
        ]
        if not pending:
            return {}
        held = self._session.ask(queue, self._words.announce(queue).revision)
        return {id: CancelResult.RUNNING for id in pending if id in held}

    def _cancel_here(
        self, queue: str, jobs: Mapping[str, Known], keep: float
    ) -> dict[str, CancelResult]:
        """End what waits in the store."""
        now = self._clock.time()
        ttl = max(keep, 0.0) + DEDUP_WINDOW
        changes = [
            Change(queue, id, known.record.ends(Phase.CANCELLED, 0, now), known.version, ttl)
            for id, known in jobs.items()
        ]
        written = self._ledger.write(changes)
        ended = [change.id for change, each in zip(changes, written, strict=True) if each.done]
        self._agenda.remove(queue, ended)
        # What changed in this moment has just come due, and may be running.
        left = [id for id in jobs if id not in ended]
        again = self.cancel(queue, left, keep) if left else []
        return dict.fromkeys(ended, CancelResult.CANCELLED) | dict(zip(left, again, strict=True))

    def _cancel_there(
        self, queue: str, jobs: Mapping[str, Known], keep: float
    ) -> dict[str, CancelResult]:
        """End what waits with the backend: its messages are removed when they come up."""
        if not jobs:
            return {}
        # First, so that no message comes up past a record that says so.
        self._words.change(
            queue, lambda word: replace(word, superfluous=word.superfluous + len(jobs))
        )
        now = self._clock.time()
        changes = [
            Change(
                queue,
                id,
                replace(
                    known.record.ends(Phase.CANCELLED, 0, now),
                    body=known.record.body,
                    is_pending=True,
                ),
                known.version,
                # As long as the message may lie there.
                max(FORGOTTEN, keep),
            )
            for id, known in jobs.items()
        ]
        written = self._ledger.write(changes)
        held = self._session.ask(queue, self._words.announce(queue).revision)
        results: dict[str, CancelResult] = {}
        changed: list[str] = []
        unheld: list[str] = []
        for change, each in zip(changes, written, strict=True):
            if not each.done:
                changed.append(change.id)
                self._words.change(queue, one_less)
            elif change.id in held:
                before = jobs[change.id].record
                results[change.id] = self._let_run(change, each.version or 0, before)
            else:
                unheld.append(change.id)
        results |= self._unless_they_ran(queue, unheld)
        again = self.cancel(queue, changed, keep) if changed else []
        return results | dict(zip(changed, again, strict=True))

    def _let_run(self, change: Change, version: int, before: Record) -> CancelResult:
        """Take a cancellation back whose job is running, unless that has ended by now."""
        back = Change(change.queue, change.id, replace(before, lot=0), version)
        if self._ledger.write([back])[0].done:
            self._words.change(change.queue, one_less)
            return CancelResult.RUNNING
        return self._unless_they_ran(change.queue, [change.id])[change.id]

    def _unless_they_ran(self, queue: str, ids: Sequence[str]) -> dict[str, CancelResult]:
        """Cancelled; or what became of those whose holder settled before it was asked."""
        found = self._ledger.read([(queue, id) for id in ids]) if ids else []
        return {id: _since(known) for id, known in zip(ids, found, strict=True)}

    # Purge

    def purge(self, queue: str, states: Collection[State]) -> int:
        removed = self._purge_agenda(queue) if State.SCHEDULED in states else 0
        try:
            if State.READY in states:
                removed += self._purge_ready(queue, states)
            elif State.SCHEDULED in states and self._backend.capabilities.delay != "none":
                removed += self._backend.purge(queue, [State.SCHEDULED])
        except BackendError as error:
            if not removed:
                raise
            raise HalfDone(f"{removed} jobs are purged, and then: {error}") from error
        return removed

    def _purge_agenda(self, queue: str) -> int:
        if not self._words.read([queue])[queue].has_agenda:
            return 0
        try:
            return self._agenda.purge(queue)
        except BackendUnavailable as error:
            raise HalfDone(f"delayed jobs may be purged and were not counted: {error}") from error

    def _purge_ready(self, queue: str, states: Collection[State]) -> int:
        delays = self._backend.capabilities.delay != "none"
        word = self._words.change(queue, _purging)
        self._keep_leased(queue, word)
        named = [state for state in set(states) if state is State.READY or delays]
        purged = self._backend.purge(queue, named)
        # Cancelled jobs are counted there, and are none.
        gone = min(purged, word.superfluous)
        try:
            self._words.change(queue, lambda word: _purged(word, gone))
        except BackendUnavailable as error:
            raise HalfDone(f"{purged} jobs are purged, and are shown still: {error}") from error
        return purged - gone

    def _keep_leased(self, queue: str, word: Word) -> None:
        """Note in the records of what is leased that the purge does not mean it."""
        ids = list(self._session.ask(queue, word.revision))
        for _ in range(_ROUNDS):
            known = self._ledger.read([(queue, id) for id in ids])
            changes = [
                Change(queue, id, replace(each.record, epoch=word.purging), each.version)
                for id, each in zip(ids, known, strict=True)
                if each is not None and not each.record.is_over and each.record.epoch < word.purging
            ]
            if not changes:
                return
            self._ledger.write(changes)

    # The dead

    def revive(self, queue: str, ids: Sequence[str] | None, edit: Mapping[str, bytes]) -> int:
        with self._ledger.reading(dead_of(queue), ids) as (named, over):
            known = self._ledger.read([(queue, id) for id in named])
            dead = {
                id: each
                for id, each in zip(named, known, strict=True)
                if each is not None and each.record.phase is Phase.DEAD
            }
            stay = self._take_keys(queue, dead)
            epoch = self._words.read([queue])[queue].epoch
            self._ledger.write(
                [
                    Change(queue, id, _revived(each.record, edit.get(id), epoch), each.version)
                    for id, each in dead.items()
                    if id not in stay
                ]
            )
            bodies = {id: _edited(body, dead.get(id)) for id, body in edit.items()}
            wanted = [id for id in named if id not in stay]
            if ids is None and not stay:
                # All of them: also those that the backend buried by itself.
                revived = self._backend.revive(queue, None, edit=bodies)
            else:
                revived = self._backend.revive(queue, wanted, edit=bodies) if wanted else 0
            over.extend(wanted)
        return revived

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        with self._ledger.reading(dead_of(queue), ids) as (named, over):
            known = self._ledger.read([(queue, id) for id in named])
            self._ledger.forget(
                [
                    (queue, id, each.version)
                    for id, each in zip(named, known, strict=True)
                    if each is not None and each.record.phase is Phase.DEAD
                ]
            )
            discarded = self._backend.discard(queue, ids)
            over.extend(named)
        return discarded

    def _take_keys(self, queue: str, dead: Mapping[str, Known]) -> set[str]:
        """Take the unique keys of dead jobs again; returns those whose keys others hold."""
        words = self._words.read([queue])
        stay: set[str] = set()
        lot = secrets.randbits(63) or 1
        for id, known in dead.items():
            if not known.record.key:
                continue
            wish = Wish(queue, id, known.record.key, known.record.key_ttl or math.inf)
            [got] = self._holders.take([wish], lot, words)
            if got.version is None:
                stay.add(id)
            else:
                self._holders.keep([(wish, got.version)], lot)
        return stay


def _since(known: Known | None) -> CancelResult:
    if known is not None and known.record.phase is Phase.CANCELLED:
        return CancelResult.CANCELLED
    is_over = known is None or known.record.is_over
    return CancelResult.ENDED if is_over else CancelResult.RUNNING


def _purging(word: Word) -> Word:
    epoch = max(word.epoch, word.purging) + 1
    return replace(word, purging=epoch, revision=word.revision + 1)


def _purged(word: Word, gone: int) -> Word:
    epoch = max(word.purging, word.epoch)
    return replace(
        word,
        epoch=epoch,
        purged=epoch,
        purging=0,
        superfluous=max(0, word.superfluous - gone),
        revision=word.revision + 1,
    )


def _revived(record: Record, body: bytes | None, epoch: int) -> Record:
    return replace(
        record,
        phase=Phase.WAITING,
        body=record.body if body is None else body,
        attempts=0,
        redeliveries=0,
        base_attempts=0,
        base_redeliveries=0,
        # The note stays, and a message that was in the store does not carry it.
        base_note=record.note,
        copy=0,
        owner=0,
        epoch=epoch,
        due=0.0,
        reason=None,
        ended=None,
        outcome=None,
    )


def _edited(body: bytes, known: Known | None) -> bytes:
    """Another body as a message, of the same generation."""
    record = Record(Phase.WAITING) if known is None else known.record
    return wrap(
        Message(
            body,
            generation=record.generation,
            key=record.key,
            key_ttl=record.key_ttl,
            is_marked=True,
        )
    )
