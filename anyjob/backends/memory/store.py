"""The memory store: state beside the jobs of a memory space."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection, Sequence
from typing import Self

from anyjob.backends.memory import steps
from anyjob.backends.memory.shelf import Expiring, Series, Shelf
from anyjob.backends.memory.space import Place, forked
from anyjob.core.backend import CONTRACT
from anyjob.core.clock import Clock
from anyjob.core.errors import InvalidOption, Misuse, PayloadTooLarge
from anyjob.core.seam import check_count, check_seconds
from anyjob.core.store import (
    MAX_KEY,
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
            _check_put(put)
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
        for claim in claims:
            check_seconds(claim.ttl, "the ttl of a claim", zero=False)
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
            if type(size) is not int or size < 0:
                raise InvalidOption(
                    f"expected the size of set {name!r} to be an int >= 0, got {size!r}"
                )
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
        _check_keys([key for set, id, _, _ in entries for key in (set, id)], most=2 * len(entries))
        _check_batch(entries)
        for _, _, due, value in entries:
            if not isinstance(due, int | float) or not math.isfinite(due):
                raise InvalidOption(f"expected due to be seconds since the epoch, got {due!r}")
            _check_value(value)
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
        _check_batch(taken)
        with shelf.lock:
            return [steps.settle_due(shelf, due) for due in taken]

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        shelf = self._shelf()
        _check_batch(entries)
        with shelf.lock:
            mono = shelf.clock.monotonic()
            return [steps.unschedule(shelf, set, id, mono) for set, id in entries]

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        shelf = self._shelf()
        _check_keys([name for name, _ in points])
        check_seconds(keep, "keep")
        for _, value in points:
            _check_value(value)
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


def _check_batch(items: Collection[object], most: int = CAPABILITIES.max_batch) -> None:
    if len(items) > most:
        raise InvalidOption(
            f"expected at most {most} items in one call, got {len(items)}; split them"
        )


def _check_keys(keys: Sequence[str], most: int = CAPABILITIES.max_batch) -> None:
    _check_batch(keys, most)
    for key in keys:
        try:
            size = len(key.encode())
        except UnicodeEncodeError as error:
            raise InvalidOption("expected a key to be text that UTF-8 can write") from error
        if not 1 <= size <= MAX_KEY:
            raise InvalidOption(f"expected a key of 1 to {MAX_KEY} bytes as UTF-8, got {size}")


def _check_value(value: bytes) -> None:
    if type(value) is not bytes:
        raise InvalidOption(f"expected a value to be bytes, got {type(value).__name__}")
    if len(value) > CAPABILITIES.max_value:
        raise PayloadTooLarge(
            f"expected a value of at most {CAPABILITIES.max_value} bytes, got {len(value)}"
        )


def _check_put(put: Put) -> None:
    _check_value(put.value)
    if put.ttl is not None:
        check_seconds(put.ttl, "a ttl", zero=False)
    if put.if_absent and put.if_version is not None:
        raise InvalidOption("expected at most one of if_absent and if_version, got both")
