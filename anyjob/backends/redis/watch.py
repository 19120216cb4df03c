"""One who waits for jobs of any queues, by what servers tell of their ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress

import msgspec

from anyjob.backends.redis.endings import Endings, EveryEnding
from anyjob.core.backend import Watch
from anyjob.core.errors import AnyjobError

#: Pause between two looks at a queue whose server tells nobody.
_ALONE_SECONDS = 0.5


class _Line(msgspec.Struct, eq=False):
    """What is watched of one queue."""

    ids: set[str]
    #: Where it is heard of; None while no server is known to hold the queue.
    endings: Endings | None = None


class RedisWatch(Watch):
    """Hears what servers tell. Jobs of a queue whose channel does not stand are named twice a
    second.
    """

    def __init__(self, every: EveryEnding) -> None:
        self._every = every
        self._lines: dict[str, _Line] = {}
        #: When those that nobody tells of are named next; None while there are none.
        self._alone_at: float | None = None
        #: Guards what follows.
        self._news = threading.Condition()
        self._told: dict[str, set[str]] = {}
        self._is_woken = False

    def add(self, queue: str, ids: Collection[str]) -> None:
        line = self._lines.setdefault(queue, _Line(set()))
        new = set(ids) - line.ids
        line.ids |= new
        if line.endings is None:
            self._settle(queue, line)
        else:
            line.endings.add(queue, new, self._tell)

    def remove(self, queue: str, ids: Collection[str]) -> None:
        line = self._lines.get(queue)
        if line is None:
            return
        gone = line.ids.intersection(ids)
        line.ids -= gone
        if line.endings is not None:
            line.endings.remove(queue, gone, self._tell)
        if not line.ids:
            del self._lines[queue]

    def stands(self, queue: str) -> bool:
        """Whether the ends in a queue are heard of."""
        line = self._lines.get(queue)
        return line is not None and line.endings is not None and line.endings.stands(queue)

    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        alone = [queue for queue in self._lines if not self.stands(queue)]
        if not alone:
            self._alone_at = None
        elif self._alone_at is None:
            self._alone_at = time.monotonic() + _ALONE_SECONDS
        told = self._heard(timeout)
        if self._alone_at is not None and time.monotonic() >= self._alone_at:
            self._alone_at = None
            for queue in alone:
                self._settle(queue, self._lines[queue])
                told[queue] = self._lines[queue].ids
        return {
            queue: line.ids & ids
            for queue, ids in told.items()
            if (line := self._lines.get(queue)) is not None
        }

    def wake(self) -> None:
        with self._news:
            self._is_woken = True
            self._news.notify()

    def close(self) -> None:
        for queue, line in list(self._lines.items()):
            self.remove(queue, list(line.ids))

    # Steps

    def _settle(self, queue: str, line: _Line) -> None:
        """Hear of a queue where it is by now."""
        endings = None
        with suppress(AnyjobError):  # whoever looks is told what is the matter
            endings = self._every.at(queue)
        if endings is line.endings:
            return
        if line.endings is not None:
            line.endings.remove(queue, line.ids, self._tell)
        line.endings = endings
        if endings is not None:
            endings.add(queue, line.ids, self._tell)

    def _heard(self, timeout: float) -> dict[str, set[str]]:
        """What was told, as soon as there is something; nothing in the end, or when woken."""
        if self._alone_at is not None:
            timeout = min(timeout, max(0.0, self._alone_at - time.monotonic()))
        with self._news:
            self._news.wait_for(lambda: self._told or self._is_woken, timeout)
            self._is_woken = False
            told, self._told = self._told, {}
        return told

    def _tell(self, queue: str, ids: Collection[str]) -> None:
        with self._news:
            self._told.setdefault(queue, set()).update(ids)
            self._news.notify()
