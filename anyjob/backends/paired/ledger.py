"""The store of a pair, in the batches that it takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import msgspec

from anyjob.backends.paired.records import (
    FORGOTTEN,
    Change,
    Record,
    decode,
    encode,
    lot_key,
    record_key,
)
from anyjob.core.errors import BackendCorrupt, BackendError, BackendUnavailable
from anyjob.core.store import Delete, Due, Entry, Put, Store, Written

T = TypeVar("T")
R = TypeVar("R")

#: How long entries that are read to the end are out of the way of the next reader.
_READ = 5.0


class Known(msgspec.Struct, frozen=True):
    """A record and its version."""

    record: Record
    version: int


class Ledger:
    """Reads and writes what a pair remembers; any thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        #: The series that tells what time it is in the store.
        self._clock = "pair/clock"

    def read(self, jobs: Sequence[tuple[str, str]]) -> list[Known | None]:
        """The records of (queue, id) pairs, in order."""
        return [_known(entry) for entry in self.get([record_key(*job) for job in jobs])]

    def write(self, changes: Sequence[Change]) -> list[Written]:
        """Write records, each only if it stands as it was read, and say which were."""
        return self.put(
            [
                Put(
                    record_key(change.queue, change.id),
                    encode(change.record),
                    change.ttl,
                    if_version=change.version,
                    if_absent=change.version is None,
                )
                for change in changes
            ]
        )

    def forget(self, jobs: Sequence[tuple[str, str, int]]) -> list[bool]:
        """Remove the records of (queue, id, version) that stand as they were read."""
        deletes = [Delete(record_key(queue, id), version) for queue, id, version in jobs]
        return [written.done for written in self.delete(deletes)]

    def mark(self, lot: int) -> None:
        """Say that a call stored what it promised."""
        self.store.put([Put(lot_key(lot), b"", FORGOTTEN)])

    def marked(self, lots: Sequence[int]) -> list[bool]:
        """Which calls are known to have stored what they promised."""
        found = iter(self.get([lot_key(lot) for lot in lots if lot]))
        return [not lot or next(found) is not None for lot in lots]

    def now(self) -> float:
        """The store's wall clock, in seconds since the epoch: what it appends, it dates."""
        at, before = self._dated()
        if before is not None and before >= at:
            # A series never goes back in time, whatever the clock does; a new one begins with now.
            self._clock = f"pair/clock/{secrets.token_hex(8)}"
            at, _ = self._dated()
        return at

    def _dated(self) -> tuple[float, float | None]:
        """When the store dates what it is given now, and what it had dated last."""
        mine = secrets.token_bytes(8)
        self.store.append([(self._clock, mine)], 1.0)
        after: tuple[float, int] | None = None
        while points := self.store.series(self._clock, after, self.store.capabilities.max_batch):
            for point in points:
                if point.value == mine:
                    return point.at, None if after is None else after[0]
                after = point.at, point.sequence
        raise BackendUnavailable("the store dropped what it had dated just now; try again")

    # Batches

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        return [each for some in self._lots(keys) for each in self.store.get(some)]

    def put(self, puts: Sequence[Put]) -> list[Written]:
        return [each for some in self._lots(puts) for each in self.store.put(some)]

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        return [each for some in self._lots(deletes) for each in self.store.delete(some)]

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        return [each for some in self._lots(entries) for each in self.store.schedule(some)]

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        return [each for some in self._lots(entries) for each in self.store.unschedule(some)]

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        return [each for some in self._lots(taken) for each in self.store.settle_due(some)]

    @contextmanager
    def reading(
        self, listing: str, ids: Sequence[str] | None
    ) -> Iterator[tuple[list[str], list[str]]]:
        """The ids to be looked at, all that are listed with None, and a list to be filled with
        those that go off the listing.
        """
        over: list[str] = []
        listed = self.all_of(listing) if ids is None else []
        try:
            yield list(dict.fromkeys([due.id for due in listed] if ids is None else ids)), over
        finally:
            gone = set(over)
            # What stays taken is listed again before long, and may be listed for nothing.
            with suppress(BackendError):
                self.settle_due(listed)
                self.list_([(listing, due.id) for due in listed if due.id not in gone])
                self.unschedule([(listing, id) for id in over])

    def list_(self, entries: Sequence[tuple[str, str]]) -> None:
        """Put (listing, id) where it can be read."""
        self.schedule([(listing, id, 0.0, b"") for listing, id in entries])

    def all_of(self, listing: str) -> list[Due]:
        """Every entry of a listing, taken off it for a while: other readers do not see them."""
        most = self.store.capabilities.max_batch
        found: list[Due] = []
        while some := self.store.take_due(listing, most, _READ):
            found += some
        return found

    def change(self, key: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Write what `change` makes of a value, however many others do the same; None: leave it."""
        while True:
            entry = self.store.get([key])[0]
            value = change(None if entry is None else entry.value)
            if value is None:
                return None if entry is None else entry.value
            put = (
                Put(key, value, if_absent=True)
                if entry is None
                else Put(key, value, if_version=entry.version)
            )
            if self.store.put([put])[0].done:
                return value

    def _lots(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        most = self.store.capabilities.max_batch
        return (items[start : start + most] for start in range(0, len(items), most))


def _known(entry: Entry | None) -> Known | None:
    if entry is None:
        return None
    try:
        return Known(decode(entry.value), entry.version)
    except msgspec.DecodeError as error:
        raise BackendCorrupt(
            "the store holds a record of a job that this release does not read; was it written by"
            " a newer one?"
        ) from error
