"""What of the jobs that came is handed out next: by the weights of queues, by priority within one,
and a part of it from the low end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from anyjob.backends.rabbitmq.line import Delivery, Line
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.shares import LowEnd, Ring
from anyjob.core.backend import QueueShare

#: What came, and on which line.
Dealt = tuple[Line, Delivery]


class Dealer:
    """Of the fetching thread, with the consumer's lock held."""

    def __init__(
        self, shares: Sequence[QueueShare], lines: Sequence[Sequence[Line]], names: Names
    ) -> None:
        """`lines` are those of each queue, highest band first."""
        self._lines = lines
        self._names = names
        self._queues = [share.queue for share in shares]
        self._weights = [share.weight for share in shares]
        self._ring = Ring(shares)
        self._low = [LowEnd() for _ in shares]

    def wants_low(self, credit: int) -> bool:
        """Whether one of the next `credit` jobs comes from the low end."""
        return any(low.is_due(credit) for low in self._low)

    def deal(self, credit: int, limits: Mapping[str, int], paused: Collection[str]) -> list[Dealt]:
        """Take at most `credit` jobs out of the lines' buffers, in delivery order."""
        available = [
            0
            if queue in paused
            else min(sum(len(line.buffer) for line in lines), limits.get(queue, credit))
            for queue, lines in zip(self._queues, self._lines, strict=True)
        ]
        if not any(available):
            return []
        dealt: list[Dealt] = []
        for at, part in enumerate(self._parts(credit, available)):
            dealt += self._dealt_of(at, part)
        return dealt

    def _parts(self, credit: int, available: Sequence[int]) -> list[int]:
        """How many jobs of each queue to hand out, of those that came."""
        # A queue of which more may come is not empty, or the weights would count for nothing where
        # jobs are fetched one by one.
        likely = [
            max(jobs, weight) if jobs and any(line.may_have_more for line in lines) else jobs
            for jobs, weight, lines in zip(available, self._weights, self._lines, strict=True)
        ]
        parts = list(map(min, self._ring.allot(credit, likely), available))
        if (left := credit - sum(parts)) and sum(available) > sum(parts):
            rest = [jobs - part for jobs, part in zip(available, parts, strict=True)]
            parts = list(map(sum, zip(parts, self._ring.allot(left, rest), strict=True)))
        return parts

    def _dealt_of(self, at: int, part: int) -> list[Dealt]:
        lines, low = self._lines[at], self._low[at]
        from_below = [low.start() for _ in range(low.part(part))]
        dealt = []
        for number in range(part):
            line = next(line for line in lines if line.buffer)
            if number < len(from_below):
                # A line serves all priorities from its floor up to the next one's.
                floor = self._names.floor(from_below[number])
                above = [each for each in lines if each.buffer and each.floor >= floor]
                line = above[-1] if above else line
            dealt.append((line, line.buffer.popleft()))
        dealt.sort(key=lambda each: -each[0].floor)
        return dealt
