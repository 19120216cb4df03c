"""The memory store: state beside the jobs of a memory space."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Self

from anyjob.backends.checks import (
    check_batch,
    check_claims,
    check_instant,
    check_keys,
    check_put,
    check_size,
    check_value,
)
from anyjob.backends.memory import steps
from anyjob.backends.memory.shelf import Expiring, Series, Shelf
from anyjob.backends.memory.space import Place, forked
from anyjob.core.backend import CONTRACT
from anyjob.core.clock import Clock
from anyjob.core.errors import Misuse
from anyjob.core.seam import check_count, check_seconds
from anyjob.core.store import (
    Claim,
    ClaimRequest,
    Delete,
    Due,
    Entry,
    Member,
    MemberSettled,
    Point,
    Put,
    Store,
    StoreCapabilities,
    Written,
)

#: Entries that a sweep handles before it lets others at the lock.
PAGE = 1000

CAPABILITIES = StoreCapabilities(
    product="memory",
    version=CONTRACT,
    durability="none",
    reach="process",
    max_value=64 * 1024 * 1024,
    max_batch=1000,
    resolution=0.001,
)


class MemoryStore(Store):
    """Remembers state in this process, in the space that its URL names; see `MemoryBackend`."""

    capabilities = CAPABILITIES

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._place = Place(url, namespace, clock)
        self._open: Shelf | None = None
        self._pid = 0

    @classmethod
    def at(cls, place: Place) -> Self:
        """The store of a place that a backend holds already."""
        store = cls("memory://")
        store._place = place
        return store

    def __repr__(self) -> str:
        return f"MemoryStore({str(self._place)!r})"

    def open(self) -> None:
        self._open = self._place.space().shelf
        self._pid = os.getpid()

    def close(self) -> None:
        self._open = None

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        shelf = self._shelf()
        _check_keys(keys)
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.entry(shelf.values.get(key, mono)) for key in keys]

    def put(self, puts: Sequence[Put]) -> list[Written]:
        shelf = self._shelf()
        _check_keys([put.key for put in puts])
        for put in puts:
            check_put(put, CAPABILITIES.max_value)
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.put(shelf, put, mono) for put in puts]

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        shelf = self._shelf()
        _check_keys([delete.key for delete in deletes])
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.delete(shelf, delete, mono) for delete in deletes]

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        shelf = self._shelf()
        _check_keys([claim.key for claim in claims])
        check_claims(claims)
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.claim(shelf, claim, mono) for claim in claims]

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        shelf = self._shelf()
        _check_keys([key for key, _ in claims])
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.unclaim(shelf, key, fence, mono) for key, fence in claims]

    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        shelf = self._shelf()
        _check_keys([name for name, _ in sets])
        for name, size in sets:
            check_size(name, size)
        with shelf.lock:
            return [steps.create_set(shelf, name, size) for name, size in sets]

    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        shelf = self._shelf()
        _check_keys([member.set for member in members])
        with shelf.lock:
            for member in members:
                steps.check_member(shelf, member)
            return [
                steps.settle_member(shelf.sets[member.set], member.ordinal) for member in members
            ]

    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        shelf = self._shelf()
        _check_keys([key for key, _ in amounts])
        values = []
        with shelf.lock:
            for key, amount in amounts:
                shelf.counters[key] = shelf.counters.get(key, 0) + amount
                values.append(shelf.counters[key])
        return values

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        shelf = self._shelf()
        _check_keys([set for set, _, _, _ in entries])
        check_keys([id for _, id, _, _ in entries])
        for _, _, due, value in entries:
            check_instant(due)
            check_value(value, CAPABILITIES.max_value)
        with shelf.lock:
            return [steps.schedule(shelf, *entry) for entry in entries]

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        shelf = self._shelf()
        _check_keys([set])
        check_count(limit, "limit", CAPABILITIES.max_batch)
        check_seconds(lease, "a lease", zero=False)
        with shelf.lock:
            schedule = shelf.schedules.get(set)
            if schedule is None:
                return []
            now = shelf.clock.time(), shelf.clock.monotonic()
            return schedule.take(set, limit, lease, now, shelf.numbers)

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        shelf = self._shelf()
        check_batch(taken, CAPABILITIES.max_batch)
        with shelf.lock:
            return [steps.settle_due(shelf, due) for due in taken]

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        shelf = self._shelf()
        check_batch(entries, CAPABILITIES.max_batch)
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.unschedule(shelf, set, id, mono) for set, id in entries]

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        shelf = self._shelf()
        _check_keys([name for name, _ in points])
        check_seconds(keep, "keep")
        for _, value in points:
            check_value(value, CAPABILITIES.max_value)
        with shelf.lock:
            wall = shelf.clock.time()
            for name, value in points:
                series = shelf.series.setdefault(name, Series())
                series.append(value, wall, keep, next(shelf.numbers))

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        shelf = self._shelf()
        _check_keys([name])
        check_count(limit, "limit", CAPABILITIES.max_batch)
        with shelf.lock:
            series = shelf.series.get(name)
            return [] if series is None else series.after(after, limit)

    def maintain(self, budget: float) -> float:
        shelf = self._shelf()
        deadline = time.monotonic() + budget
        for kept in (shelf.values, shelf.claims):
            while _sweep_page(shelf, kept):
                if time.monotonic() >= deadline:
                    return 0.0
        return 1.0

    def _shelf(self) -> Shelf:
        """The open shelf. Raises Misuse before open(), after close() and in a forked child."""
        shelf = self._open
        if shelf is None:
            raise Misuse(f"{self!r} is not open; call open() first")
        if self._pid != os.getpid():
            raise forked(repr(self))
        return shelf


def _sweep_page(shelf: Shelf, kept: Expiring) -> bool:
    with shelf.lock:
        return kept.sweep(shelf.clock.monotonic(), PAGE) >= PAGE


def _check_keys(keys: Sequence[str]) -> None:
    check_batch(keys, CAPABILITIES.max_batch)
    check_keys(keys)
