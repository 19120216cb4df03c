"""What a pair tells of jobs by id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.messages import unwrap
from anyjob.backends.paired.records import ENDED, Phase, Record, shown
from anyjob.backends.paired.session import Session, Told
from anyjob.backends.paired.words import Words
from anyjob.core.backend import Backend, JobRecord
from anyjob.core.clock import Clock
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.state import State

_FIRST_LOOK, _LONGEST_LOOK = 0.01, 0.25


class Lookup:
    """Finds jobs by their records; any thread."""

    def __init__(
        self, backend: Backend, ledger: Ledger, words: Words, session: Session, clock: Clock
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._words = words
        self._session = session
        self._clock = clock

    def get(self, queue: str, ids: Sequence[str], wait: float) -> list[JobRecord | None]:
        deadline = time.monotonic() + wait
        pause = _FIRST_LOOK
        while True:
            records = self._look(queue, ids)
            over = any(record is None or record.state.is_terminal for record in records)
            left = deadline - time.monotonic()
            if over or left <= 0 or not ids:
                return records
            time.sleep(min(left, pause))
            pause = min(_LONGEST_LOOK, 1.5 * pause)

    def _look(self, queue: str, ids: Sequence[str]) -> list[JobRecord | None]:
        known = self._ledger.read([(queue, id) for id in ids])
        found = [None if each is None else each.record for each in known]
        open_ = [record for record in found if record is not None and not record.is_over]
        word = self._words.read([queue])[queue] if open_ else None
        told = self._session.held(queue) if open_ else {}
        # What was told before the record changed is old.
        leased = {
            id: told[id]
            for id, each in zip(ids, known, strict=True)
            if each is not None and id in told and told[id].version == each.version
        }
        shown_ = [
            None
            if record is None or (id not in leased and word is not None and word.has_purged(record))
            else self._show(queue, id, record, leased.get(id))
            for id, record in zip(ids, found, strict=True)
        ]
        return self._from_backend(queue, ids, found, shown_)

    def _show(self, queue: str, id: str, record: Record, told: Told | None) -> JobRecord:
        if record.is_over:
            return shown(queue, id, record, ENDED[record.phase])
        if told is not None and record.phase is Phase.WAITING:
            leased = replace(record, attempts=told.attempts, redeliveries=told.redeliveries)
            return replace(shown(queue, id, leased, State.LEASED), until=told.until)
        is_later = record.phase is Phase.SCHEDULED or record.due > self._clock.time()
        return shown(queue, id, record, State.SCHEDULED if is_later else State.READY)

    def _from_backend(
        self,
        queue: str,
        ids: Sequence[str],
        found: Sequence[Record | None],
        records: list[JobRecord | None],
    ) -> list[JobRecord | None]:
        """Jobs that the store never heard of may be known to a backend that lists some."""
        unknown = [id for id, record in zip(ids, found, strict=True) if record is None]
        if not unknown or self._backend.capabilities.browse == "none":
            return records
        theirs = self._theirs(queue, unknown)
        return [
            bare(theirs.get(id)) if record is None else record
            for id, record in zip(ids, records, strict=True)
        ]

    def _theirs(self, queue: str, ids: Sequence[str]) -> dict[str, JobRecord | None]:
        """What the backend shows of these; one that finds dead jobs alone refuses to look for
        several if one of them is not dead.
        """
        try:
            return dict(zip(ids, self._backend.get(queue, ids), strict=True))
        except UnsupportedCapability:
            found: dict[str, JobRecord | None] = {}
        for id in ids if len(ids) > 1 else ():
            with suppress(UnsupportedCapability):
                [found[id]] = self._backend.get(queue, [id])
        return found


def bare(record: JobRecord | None) -> JobRecord | None:
    """What a backend shows of a message, without what the pair wrote before its body."""
    if record is None or record.body is None:
        return record
    return replace(record, body=unwrap(record.body).body)
