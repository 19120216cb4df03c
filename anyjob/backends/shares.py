"""How a consumer divides a fetch among its queues, and leaves a part to the low end of each.

Pure bookkeeping; the consumer's fetching thread alone uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from anyjob.core.backend import QueueShare
from anyjob.core.envelope import PRIORITIES

#: One job in so many is taken from the low end of the priorities.
LOW_SHARE = 16


class LowEnd:
    """Says how many of the next jobs come from the low end, and at which priority to look first.

    The priority to start at moves, because "lowest first" would starve the middle.
    """

    __slots__ = ("_account", "_start")

    def __init__(self) -> None:
        self._account = 0
        self._start = 0

    def part(self, jobs: int) -> int:
        """How many of the next `jobs` jobs."""
        part, self._account = divmod(self._account + jobs, LOW_SHARE)
        return part

    def is_due(self, jobs: int) -> bool:
        """Whether one of the next `jobs` jobs is."""
        return self._account + jobs >= LOW_SHARE

    def start(self) -> int:
        """The priority at or above which the next one of them is to be found."""
        start = self._start
        self._start = (start + 1) % PRIORITIES
        return start


class Ring:
    """Deficit round robin over queues."""

    def __init__(self, shares: Sequence[QueueShare]) -> None:
        self._weights = [share.weight for share in shares]
        self._deficits = [0] * len(shares)
        self._next = 0

    def allot(self, credit: int, available: Sequence[int]) -> list[int]:
        """Divide at most `credit` jobs among the queues, of which each has so many available."""
        if len(available) == 1:
            return [min(credit, available[0])]
        left = list(available)
        allotted = [0] * len(left)
        credit = min(credit, sum(left))
        quantum = self._quantum(credit, left)
        while credit:
            at = self._next
            turn = self._weights[at] * quantum
            # A turn that an earlier, larger fetch left unfinished is worth no more than one of now.
            deficit = min(self._deficits[at] or turn, turn)
            part = min(deficit, left[at], credit)
            allotted[at] += part
            left[at] -= part
            credit -= part
            # What an empty queue did not use is not saved up for a burst.
            self._deficits[at] = deficit - part if left[at] else 0
            if not self._deficits[at]:
                self._next = (at + 1) % len(left)
        return allotted

    def _quantum(self, credit: int, left: Sequence[int]) -> int:
        """Jobs per unit of weight and turn, so large that a large credit takes few turns."""
        active = sum(weight for weight, jobs in zip(self._weights, left, strict=True) if jobs)
        return max(1, credit // max(1, active))


class Turns:
    """Serves queues by weight for a consumer that learns what a queue has only by asking it.

    Whoever had the least by its weight is asked first; a queue that is empty leaves its part.
    """

    def __init__(self, shares: Sequence[QueueShare]) -> None:
        self._weights = {share.queue: share.weight for share in shares}
        #: How much each queue has had, by its weight; and how much the one that is served now.
        self._had = dict.fromkeys(self._weights, 0.0)
        self._now = 0.0

    def serve(
        self, credit: int, limits: Mapping[str, int], take: Callable[[str, int], int]
    ) -> None:
        """Divide at most `credit` jobs; `take` takes up to so many of a queue and says how many.

        What it raises goes on to the caller.
        """
        room = {name: min(credit, limits.get(name, credit)) for name in self._weights}
        active = [name for name in self._weights if room[name] > 0]
        while active and credit:
            name = min(active, key=lambda each: max(self._had[each], self._now))
            # What an empty queue did not use is not saved up for a burst.
            self._now = max(self._had[name], self._now)
            weight = self._weights[name]
            total = sum(self._weights[each] for each in active)
            part = min(math.ceil(credit * weight / total), room[name])
            taken = take(name, part)
            self._had[name] = self._now + taken / weight
            room[name] -= taken
            credit -= taken
            if taken < part or not room[name]:
                active.remove(name)
