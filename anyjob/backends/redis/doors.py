"""Which event loop has which door to the server, or to the Cluster."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from anyjob.backends.redis.cluster import ClusterLink
from anyjob.backends.redis.cluster_door import ClusterDoor
from anyjob.backends.redis.door import Door
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.wishes import Answer, closed
from anyjob.core.envelope import Envelope


class Doors:
    """A door for each loop of this process that enqueues, from a backend's opening to its closing;
    any thread.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._guard = threading.Lock()
        self._doors: dict[asyncio.AbstractEventLoop, Door | ClusterDoor] = {}
        self._is_closed = False

    def enqueue(self, jobs: Sequence[Envelope]) -> Answer:
        """A future of the running loop, of a receipt for each of these jobs; at least one."""
        loop = asyncio.get_running_loop()
        door = self._doors.get(loop)
        if door is None:
            door = self._made(loop)
        return door.enqueue(jobs)

    def close(self) -> None:
        """End every connection; whoever waits is told that it was closed. Idempotent."""
        with self._guard:
            self._is_closed = True
            doors, self._doors = self._doors, {}
        if self._link.is_forked:
            return  # they are the parent's, and so is what its loops wait with
        for door in doors.values():
            door.close()

    def _made(self, loop: asyncio.AbstractEventLoop) -> Door | ClusterDoor:
        with self._guard:
            if self._is_closed:
                raise closed()
            # A loop that is closed tells nobody; the next one to come clears up behind it.
            for gone in [other for other in self._doors if other.is_closed()]:
                self._doors.pop(gone).close()
            door = self._doors[loop] = _door(self._link, loop)
            return door


def _door(link: Link, loop: asyncio.AbstractEventLoop) -> Door | ClusterDoor:
    return ClusterDoor(link, loop) if isinstance(link, ClusterLink) else Door(link, loop)
