"""A queue's word: the little that every consumer has to know of it, and how old its knowledge may
be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.records import Phase, Record, word_key
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError
from anyjob.core.store import Entry

#: Nothing is handed out by a word that is older, in seconds.
OLDEST = 1.0


class Word(msgspec.Struct, frozen=True, array_like=True):
    """What holds for a whole queue."""

    #: Grows with every change that consumers have to confirm.
    revision: int = 0
    is_paused: bool = False
    #: Messages that are still with the backend, of jobs that are over, cancelled or elsewhere.
    superfluous: int = 0
    #: Whether a job may have two messages there.
    may_double: bool = False
    #: Whether the store ever held a job until it was due.
    has_agenda: bool = False
    #: Grows with every purge; the last one that removed what waits with the backend.
    epoch: int = 0
    purged: int = 0
    #: The epoch of a purge that is under way; 0: none.
    purging: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether each job that comes up is to be compared with its record."""
        return bool(self.superfluous or self.may_double or self.purging)

    def has_purged(self, record: Record) -> bool:
        """Whether the job of a record that is not leased was removed with all that waited."""
        return record.phase is Phase.WAITING and record.epoch < self.purged


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Word).decode
_names = msgspec.msgpack.Decoder(list[str]).decode
_NEW = Word()
_PAUSED = "pair/paused"


class Words:
    """The words of all queues, as they were last read; any thread."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Word]] = {}
        self._offset = clock.time() - clock.monotonic()

    def read(self, queues: Collection[str]) -> dict[str, Word]:
        """The words as they are now; raises BackendError."""
        names = list(queues)
        at = self._clock.monotonic()
        return self._read(at, names, self._ledger.get([word_key(name) for name in names]))

    def read_beside(self, key: str, queues: Collection[str]) -> tuple[bool, dict[str, Word]]:
        """The words, and whether there is an entry of this key; raises BackendError."""
        names = list(queues)
        at = self._clock.monotonic()
        own, *entries = self._ledger.get([key, *(word_key(name) for name in names)])
        return own is not None, self._read(at, names, entries)

    def _read(
        self, at: float, names: Sequence[str], entries: Sequence[Entry | None]
    ) -> dict[str, Word]:
        words = {
            name: _NEW if entry is None else _decode(entry.value)
            for name, entry in zip(names, entries, strict=True)
        }
        with self._lock:
            for name, word in words.items():
                self._learn(name, at, word)
        return words

    def recent(self, queues: Collection[str]) -> dict[str, Word]:
        """The words as they were a second ago at most; raises BackendError."""
        now, wall = self._clock.monotonic(), self._clock.time()
        # A wall clock that was set may have made something due.
        is_set = abs(wall - now - self._offset) > OLDEST
        self._offset = wall - now
        with self._lock:
            known = {name: self._known[name] for name in queues if name in self._known}
        is_recent = all(now - OLDEST <= at for at, _ in known.values())
        if len(known) == len(queues) and is_recent and not is_set:
            return {name: word for name, (_, word) in known.items()}
        return self.read(queues)

    def last(self, queue: str) -> Word:
        """The word as it was last read."""
        with self._lock:
            return self._known[queue][1] if queue in self._known else _NEW

    def change(self, queue: str, change: Callable[[Word], Word]) -> Word:
        """Change a word, in turn with everybody else, and return what it is then."""
        at = self._clock.monotonic()

        def changed(value: bytes | None) -> bytes | None:
            old = _NEW if value is None else _decode(value)
            new = change(old)
            return None if new == old else _encode(new)

        value = self._ledger.change(word_key(queue), changed)
        word = _NEW if value is None else _decode(value)
        with self._lock:
            self._learn(queue, at, word)
        return word

    def announce(self, queue: str, **fields: object) -> Word:
        """Change these fields, and ask every consumer to confirm."""
        return self.change(queue, lambda word: replace(word, revision=word.revision + 1, **fields))

    def pause(self, queue: str, *, is_paused: bool) -> Word:
        """Let a queue deliver nothing, or again."""
        # Listed before it is paused, and off the list after it goes on: who looks finds every one.
        if is_paused:
            self._ledger.change(_PAUSED, lambda value: _listed(value, queue))
        word = self.announce(queue, is_paused=is_paused)
        if not is_paused:
            # It goes on already; one that is listed for nothing is told from the others.
            with suppress(BackendError):
                self._ledger.change(_PAUSED, lambda value: _unlisted(value, queue))
        return word

    def paused(self) -> set[str]:
        """The queues that are paused; raises BackendError."""
        entry = self._ledger.get([_PAUSED])[0]
        names = [] if entry is None else _names(entry.value)
        return {name for name, word in self.read(names).items() if word.is_paused}

    def _learn(self, name: str, at: float, word: Word) -> None:
        before = self._known.get(name)
        # An answer that was long on its way tells nothing new.
        if before is None or before[0] <= at:
            self._known[name] = (at, word)


def _listed(value: bytes | None, name: str) -> bytes | None:
    names = [] if value is None else _names(value)
    return None if name in names else _encode([*names, name])


def _unlisted(value: bytes | None, name: str) -> bytes | None:
    names = [] if value is None else _names(value)
    return _encode([each for each in names if each != name]) if name in names else None
