"""The state that memory stores share: values, claims, sets, counters, schedules and series."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from heapq import heapify, heappop, heappush
from itertools import count

import msgspec

from anyjob.core.clock import Clock
from anyjob.core.store import Due, Point

#: Entries of a heap that are no longer true may number this, or as many as the true ones.
SLACK = 1000


class Held(msgspec.Struct, gc=False, eq=False):
    """A value, or the owner of a claim, until a monotonic time."""

    content: bytes
    #: The version of a value, the fence of a claim.
    number: int
    until: float


class Members(msgspec.Struct, gc=False, eq=False):
    """Which ordinals of a set are closed: a byte each, 0 while open."""

    closed: bytearray
    remaining: int


class Scheduled(msgspec.Struct, gc=False, eq=False):
    """An entry of a schedule set; held until a monotonic time under its newest token."""

    id: str
    due: float
    value: bytes
    token: int = 0
    until: float = 0.0
    is_gone: bool = False


class Schedule:
    """A set of entries: the free ones by due time, the held ones by the end of their lease."""

    def __init__(self) -> None:
        self.entries: dict[str, Scheduled] = {}
        self._free: list[tuple[float, int, Scheduled]] = []
        self._held: list[tuple[float, int, Scheduled]] = []
        self._numbers = count()

    def add(self, entry: Scheduled) -> None:
        self.entries[entry.id] = entry
        heappush(self._free, (entry.due, next(self._numbers), entry))

    def remove(self, entry: Scheduled) -> None:
        entry.is_gone = True
        del self.entries[entry.id]
        if len(self._free) > 2 * len(self.entries) + SLACK:
            self._free = [each for each in self._free if not each[2].is_gone]
            heapify(self._free)

    def take(
        self, set: str, limit: int, lease: float, now: tuple[float, float], tokens: count[int]
    ) -> list[Due]:
        """Lease what is due, oldest first; `now` is wall and monotonic time."""
        wall, mono = now
        self._take_back(mono)
        taken: list[Due] = []
        while self._free and self._free[0][0] <= wall and len(taken) < limit:
            entry = heappop(self._free)[2]
            if entry.is_gone:
                continue
            entry.token, entry.until = next(tokens), mono + lease
            heappush(self._held, (entry.until, next(self._numbers), entry))
            taken.append(Due(set, entry.id, entry.due, entry.value, entry.token))
        return taken

    def _take_back(self, mono: float) -> None:
        while self._held and self._held[0][0] <= mono:
            entry = heappop(self._held)[2]
            if not entry.is_gone:
                heappush(self._free, (entry.due, next(self._numbers), entry))


class Series:
    """Points in the order of time."""

    def __init__(self) -> None:
        self._points: list[Point] = []

    def append(self, value: bytes, wall: float, keep: float, sequence: int) -> None:
        # A wall clock that steps back must not put a point before one that a reader has seen.
        at = max(wall, self._points[-1].at) if self._points else wall
        self._points.append(Point(at, sequence, value))
        old = bisect_right(self._points, wall - keep, key=lambda point: point.at)
        # A slice moves all that stays, so it waits until it is worth it.
        if old > len(self._points) // 2:
            del self._points[:old]

    def after(self, last: tuple[float, int] | None, limit: int) -> list[Point]:
        start = 0
        if last is not None:
            start = bisect_right(self._points, last, key=lambda point: (point.at, point.sequence))
        return self._points[start : start + limit]


class Expiring:
    """Values by key, some until a time; past it they are as if they were not there."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._ends: list[tuple[float, str]] = []

    def get(self, key: str, mono: float) -> Held | None:
        held = self._held.get(key)
        return None if held is None or held.until <= mono else held

    def set(self, key: str, held: Held) -> None:
        self._held[key] = held
        if held.until < math.inf:
            heappush(self._ends, (held.until, key))
            if len(self._ends) > 2 * len(self._held) + SLACK:
                self._ends = [(each.until, key) for key, each in self._held.items()]
                heapify(self._ends)

    def remove(self, key: str) -> None:
        self._held.pop(key, None)

    def sweep(self, mono: float, most: int) -> int:
        """Drop what is past its time, looking at `most` ends; returns how many were looked at."""
        looked = 0
        while self._ends and self._ends[0][0] <= mono and looked < most:
            key = heappop(self._ends)[1]
            looked += 1
            held = self._held.get(key)
            if held is not None and held.until <= mono:
                del self._held[key]
        return looked


class Shelf:
    """Everything the stores of a space share. `lock` guards it all."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        #: One count for versions, fences, tokens and sequences: it grows past deletion, expiry and
        #: re-creation of any key.
        self.numbers = count(1)
        self.values = Expiring()
        self.claims = Expiring()
        self.sets: dict[str, Members] = {}
        self.counters: dict[str, int] = {}
        self.schedules: dict[str, Schedule] = {}
        self.series: dict[str, Series] = {}
