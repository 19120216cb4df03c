"""What values, claims and series of a store may do.

Where time leaves a choice (an end that is just now), several worlds are possible; the answer says
which of them it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from anyjob.core.store import Claim, ClaimRequest, Delete, Entry, Point, Put, Written


@dataclass
class Held:
    """What lasts until a time: a value, or somebody's claim."""

    value: bytes
    owner: str
    number: int
    #: None: for ever.
    end: float | None


class Slot:
    """One key, and what is there; its numbers only grow."""

    def __init__(self, now: Callable[[], float], eps: float) -> None:
        self._now, self._eps = now, eps
        self._held: Held | None = None
        #: Every number that was ever given for this key.
        self.numbers: list[int] = []

    def worlds(self) -> list[Held | None]:
        """What may be there now."""
        held = self._held
        if held is None or held.end is None or self._now() < held.end - self._eps:
            return [held]
        return [None] if self._now() > held.end + self._eps else [held, None]

    def is_expired(self) -> bool:
        """Whether something was there, and its time is over."""
        return self._held is not None and self.worlds() == [None]

    # Values

    def read(self, entry: Entry | None) -> None:
        """`get` answered so. Fails if that is no legal answer."""
        found = [held for held in self.worlds() if entry == _entry(held)]
        assert found, f"read {entry!r:.80}, expected one of {self._expected()}"
        self._held = found[0]

    def put(self, put: Put, written: Written) -> None:
        """A put was answered so. Fails if that is no legal answer."""
        passing = [held for held in self.worlds() if _passes(put, held)]
        if not written.done:
            self._refused([held for held in self.worlds() if not _passes(put, held)], written)
            return
        assert passing, f"{put!r:.120} was done, on {self._expected()}"
        assert written.version is not None
        self._hold(put.value, "", written.version, put.ttl)

    def delete(self, delete: Delete, written: Written) -> None:
        """A delete was answered so. Fails if that is no legal answer."""
        if delete.if_version is None:
            assert written == Written(True, None)
            self._held = None
            return
        passing = [h for h in self.worlds() if h and h.number == delete.if_version]
        if not written.done:
            self._refused([held for held in self.worlds() if held not in passing], written)
            return
        assert passing, f"{delete!r:.120} was done, on {self._expected()}"
        assert written.version is None
        self._held = None

    # Claims

    def claim(self, wish: ClaimRequest, claim: Claim) -> None:
        """A claim was answered so. Fails if that is no legal answer."""
        others = [held for held in self.worlds() if held and held.owner != wish.owner]
        if not claim.granted:
            assert others, f"{wish.owner} was refused, on {self._expected()}"
            assert (claim.owner, claim.fence) == (others[0].owner, others[0].number)
            assert others[0].end is not None
            assert abs(claim.left - (others[0].end - self._now())) <= self._eps
            self._held = others[0]
            return
        assert (claim.owner, abs(claim.left - wish.ttl) <= self._eps) == (wish.owner, True)
        mine = [h for h in self.worlds() if h and h.owner == wish.owner and h.number == claim.fence]
        if mine:
            mine[0].end = self._now() + wish.ttl
            self._held = mine[0]
            return
        assert None in self.worlds(), f"{wish.owner} was granted it, on {self._expected()}"
        self._hold(b"", wish.owner, claim.fence, wish.ttl)

    def unclaim(self, fence: int, done: bool) -> None:
        """A claim was given up. Fails if that is no legal answer."""
        mine = [held for held in self.worlds() if held and held.number == fence]
        rest = [held for held in self.worlds() if held not in mine]
        assert mine if done else rest, f"unclaim: {done}, on {self._expected()}"
        self._held = None if done else rest[0]

    # Steps

    def _hold(self, value: bytes, owner: str, number: int, ttl: float | None) -> None:
        highest = max(self.numbers, default=-1)
        assert number > highest, f"number {number} after {highest}"
        self.numbers.append(number)
        self._held = Held(value, owner, number, None if ttl is None else self._now() + ttl)

    def _refused(self, worlds: list[Held | None], written: Written) -> None:
        found = [held for held in worlds if (held.number if held else None) == written.version]
        assert found, f"refused with {written}, expected one of {self._expected()}"
        self._held = found[0]

    def _expected(self) -> str:
        return repr([held and (held.owner, held.number, held.end) for held in self.worlds()])


@dataclass
class SeriesModel:
    """A series: points in the order of their appends, of which the oldest may go."""

    now: Callable[[], float]
    eps: float
    #: When each was appended, and its value.
    points: list[tuple[float, bytes]] = field(default_factory=list)
    #: Where each was found, once it was read.
    places: dict[int, tuple[float, int]] = field(default_factory=dict)
    #: What is older may be dropped.
    horizon: float = float("-inf")
    #: So many are known to be gone.
    gone: int = 0

    def append(self, value: bytes, keep: float) -> None:
        """A point was appended."""
        self.points.append((self.now(), value))
        self.horizon = max(self.horizon, self.now() - keep)

    def read(self, start: int, limit: int, found: list[Point]) -> int:
        """What was read after the first `start` points; returns after how many it ended. Fails if
        that is no legal answer.
        """
        first = max(start, self.gone)
        most = sum(at <= self.horizon + self.eps for at, _ in self.points)
        starts = [at for at in range(first, max(most, first) + 1) if self._fits(at, limit, found)]
        assert starts, f"read {len(found)} points of {len(self.points) - first}, or not those"
        begin = starts[0]
        self.gone = begin if begin > first else self.gone
        for place, point in enumerate(found, start=begin):
            assert self.places.setdefault(place, (point.at, point.sequence)) == (
                point.at,
                point.sequence,
            )
            assert abs(point.at - self.points[place][0]) <= self.eps
        known = [self.places[place] for place in sorted(self.places)]
        assert known == sorted(set(known)), "a series is out of order"
        return begin + len(found)

    def _fits(self, begin: int, limit: int, found: list[Point]) -> bool:
        values = [value for _, value in self.points[begin : begin + limit]]
        return [point.value for point in found] == values


def _entry(held: Held | None) -> Entry | None:
    return None if held is None else Entry(held.value, held.number)


def _passes(put: Put, held: Held | None) -> bool:
    if put.if_absent:
        return held is None
    return put.if_version is None or (held is not None and held.number == put.if_version)
