"""Which queues are paused, as a consumer knows it: a tag says so, which is read now and then."""

from __future__ import annotations

import math

from anyjob.backends.sqs.link import Link
from anyjob.backends.sqs.queues import Queues

#: Seconds after which the tag that pauses a queue is read again: before jobs are handed out, and
#: before a paused queue is left out once more.
_PAUSED, _RESUMED = 4.0, 0.5


class Pauses:
    """Reads the tags of one consumer's queues; the thread that fetches asks."""

    def __init__(self, link: Link, queues: Queues) -> None:
        self._link = link
        self._queues = queues
        #: By queue: whether it is paused, and when that was read.
        self._known: dict[str, tuple[bool, float]] = {}

    def begin_fetch(self) -> None:
        """Forget when a tag was read that said so: a queue that was resumed is served by the next
        fetch.
        """
        self._known = {
            name: (paused, -math.inf if paused else read_at)
            for name, (paused, read_at) in self._known.items()
        }

    def is_still_paused(self, name: str) -> bool:
        """Whether a queue is paused still; that it is paused now is found out when a job comes."""
        paused, _ = self._known.get(name, (False, 0.0))
        return paused and self.is_paused(name, _RESUMED)

    def is_paused(self, name: str, known: float = _PAUSED) -> bool:
        """Whether a queue is paused, by what was read within so many seconds."""
        now = self._link.clock.monotonic()
        paused, read_at = self._known.get(name, (False, -math.inf))
        if now - read_at >= known:
            paused = self._queues.is_paused(name)
            self._known[name] = paused, now
        return paused
