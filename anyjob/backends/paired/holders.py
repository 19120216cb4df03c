"""Unique keys in the store: who holds one, and whether that job still lives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.records import holder_key
from anyjob.backends.paired.words import Word
from anyjob.core.store import Delete, Put

#: A key is kept so long for a job that is being stored, and for whoever dies meanwhile. Longer than
#: a backend and a store may take together for an answer.
INTENT = 15.0
#: It is kept so long for a job of which nobody knows whether it was stored.
IN_DOUBT = 3600.0
_LOOK = 0.02


class Holding(msgspec.Struct, frozen=True, array_like=True):
    """Who has a key: the job, and the call that stores it."""

    id: str
    lot: int
    #: Whether the job is stored, or may be: then its end frees the key, or its time.
    is_kept: bool = False


class Wish(msgspec.Struct, frozen=True):
    """A job that wants a key."""

    queue: str
    id: str
    key: bytes
    ttl: float


class Got(msgspec.Struct, frozen=True):
    """A key that is ours, by the version of its entry; or who has it."""

    version: int | None
    holder: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Holding).decode


class Holders:
    """Takes keys and frees them; any thread."""

    def __init__(self, ledger: Ledger, became: Callable[[int], bool | None]) -> None:
        """`became` says of a call whether it may have stored its jobs; None: nobody here knows."""
        self._ledger = ledger
        self._became = became

    def take(self, wishes: Sequence[Wish], lot: int, words: Mapping[str, Word]) -> list[Got]:
        """Take a key for each, or learn who has it; one after the other, as they are few.

        Waits where the holder is just being stored, for that to be known.
        """
        return [self._take(wish, lot, words[wish.queue]) for wish in wishes]

    def keep(self, taken: Sequence[tuple[Wish, int]], lot: int, *, in_doubt: bool = False) -> None:
        """Hold these keys for as long as was asked: their jobs are stored, or may be."""
        self._ledger.put(
            [
                Put(
                    holder_key(wish.queue, wish.key),
                    _encode(Holding(wish.id, lot, is_kept=True)),
                    _seconds(min(wish.ttl, IN_DOUBT) if in_doubt else wish.ttl),
                    if_version=version,
                )
                for wish, version in taken
            ]
        )

    def give_back(self, taken: Sequence[tuple[Wish, int]]) -> None:
        """Free keys whose jobs were not stored."""
        self._ledger.delete(
            [Delete(holder_key(wish.queue, wish.key), version) for wish, version in taken]
        )

    def free(self, jobs: Sequence[tuple[str, str, bytes]]) -> None:
        """Free the keys of (queue, id, key) that are over, where they hold them still."""
        keys = [holder_key(queue, key) for queue, _, key in jobs]
        deletes = [
            Delete(key, entry.version)
            for key, entry, (_, id, _) in zip(keys, self._ledger.get(keys), jobs, strict=True)
            if entry is not None and _decode(entry.value).id == id
        ]
        if deletes:
            self._ledger.delete(deletes)

    def _take(self, wish: Wish, lot: int, word: Word) -> Got:
        key = holder_key(wish.queue, wish.key)
        value = _encode(Holding(wish.id, lot))
        ttl = min(wish.ttl, INTENT)
        deadline = time.monotonic() + INTENT + 1.0
        put = Put(key, value, ttl, if_absent=True)
        while True:
            written = self._ledger.put([put])[0]
            if written.done:
                return Got(written.version)
            entry = self._ledger.get([key])[0]
            if entry is None:
                put = Put(key, value, ttl, if_absent=True)
                continue
            holding = _decode(entry.value)
            if holding.id == wish.id:
                put = Put(key, value, ttl, if_version=entry.version)
                continue
            lives = self._lives(wish.queue, holding, lot, word)
            if lives:
                return Got(None, holding.id)
            if lives is False or time.monotonic() >= deadline:
                put = Put(key, value, ttl, if_version=entry.version)
                continue
            time.sleep(_LOOK)

    def _lives(self, queue: str, holding: Holding, lot: int, word: Word) -> bool | None:
        """Whether the holder is stored and not over; None while that is being decided."""
        if holding.lot == lot:
            return True
        [known] = self._ledger.read([(queue, holding.id)])
        if known is None or known.record.is_over or word.has_purged(known.record):
            return False
        if holding.is_kept:
            return True
        [marked] = self._ledger.marked([known.record.lot])
        return True if marked else self._became(known.record.lot)


def _seconds(ttl: float) -> float | None:
    return None if ttl == math.inf else ttl
