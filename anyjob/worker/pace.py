"""How far ahead to fetch: what this worker finishes in a tenth of a second. Pure: times come in."""

from __future__ import annotations

import math

#: A buffer holds what runs in so many seconds, so that short jobs never wait long behind another.
HORIZON = 0.1
MAX_BUFFER = 4000
MAX_BUFFER_BYTES = 32 * 1024 * 1024
#: Queues whose jobs run longer than this on average are not fetched ahead at all.
SLOW = 1.0
#: Waking a thread costs this much where the interpreter lock is contended.
QUICK = 0.0001
#: The weight of old measurements falls to a third in so many seconds.
_MEMORY = 1.0
_FIRST = 16


class Pace:
    """Measures jobs a second, seconds a job and bytes a job; the fetcher reads it, the keeper feeds
    it.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._count = 0
        self._per_second = 0.0
        self._mean_run: dict[str, float] = {}
        self._mean_bytes = 0.0
        self._target = 0

    def ended(self, queue: str, runs: int, seconds: float) -> None:
        """Note that `runs` jobs of a queue ended which ran `seconds` in all."""
        mean = seconds / runs
        old = self._mean_run.get(queue)
        weight = min(1.0, 0.05 * runs)
        self._mean_run[queue] = mean if old is None else old + (mean - old) * weight
        self._count += runs

    def measure(self, now: float) -> None:
        """Fold what ended since the last call into the pace; call it a few times a second."""
        elapsed = now - self._since
        if elapsed < HORIZON / 2:
            return
        weight = 1 - math.exp(-elapsed / _MEMORY)
        rate = self._count / elapsed
        # A pace that grows is believed at once, one that falls only as it lasts.
        self._per_second = max(rate, self._per_second + (rate - self._per_second) * weight)
        self._since, self._count = now, 0

    def fetched(self, count: int, credit: int, size_bytes: int) -> None:
        """Note that a fetch with `credit` brought `count` jobs of `size_bytes` in all."""
        if count:
            self._mean_bytes = max(size_bytes / count, self._mean_bytes * 0.9)
        if count == credit:
            self._target = max(_FIRST, self._target * 2)
        elif count == 0:
            self._target = 0

    def buffer(self) -> int:
        """Return how many jobs may be held beyond the free slots."""
        limit = self._per_second * HORIZON
        if self._mean_bytes:
            limit = min(limit, MAX_BUFFER_BYTES / self._mean_bytes)
        self._target = min(self._target, MAX_BUFFER, int(limit))
        return self._target

    def empty(self) -> None:
        """Hold nothing ahead until fetches come back full again."""
        self._target = 0

    def is_quick(self, queue: str) -> bool:
        """Whether jobs of this queue end sooner than another thread would wake for the next."""
        return self._mean_run.get(queue, SLOW) < QUICK

    def is_slow(self, queue: str) -> bool:
        """Whether jobs of this queue run so long that none is to wait behind another here."""
        return self._mean_run.get(queue, 0.0) > SLOW
