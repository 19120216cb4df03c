"""Hearing of jobs that end: one connection and one thread for everybody in the process who waits.

Scripts tell on a channel which jobs ended, while somebody has said of late that they listen.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.link import COMMAND_SECONDS, Link
from anyjob.backends.redis.resp import ReplyError, pack
from anyjob.backends.redis.scripts import LISTEN
from anyjob.backends.redis.wire import Wire
from anyjob.core.errors import AnyjobError

#: Who is told that jobs of a queue may have ended; it takes no lock but its own.
Tell = Callable[[str, Collection[str]], None]

#: Scripts are told to tell for so long, and told again in time.
_HEARD_SECONDS = 60.0
_AGAIN_SECONDS = 20.0
#: The thread stays for so long after the last one who waited.
_IDLE_SECONDS = 5.0
#: Pause before a connection that broke is made again.
_PAUSE_SECONDS = 0.2


class EveryEnding:
    """Who hears of which jobs, with a connection and a thread to each server that tells; any
    thread.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._of: dict[Link, Endings] = {}

    def at(self, queue: str) -> Endings:
        """Those that the queue's server tells of; raises an error of ours if none holds it."""
        node = self._link.at(self._link.keys.over(queue))
        with self._lock:
            endings = self._of.get(node)
            if endings is None:
                for gone in [other for other in self._of if other.is_retired]:
                    self._of.pop(gone).close()
                endings = self._of[node] = Endings(self._link, node)
            return endings

    def close(self) -> None:
        """Let everybody look, and end the threads."""
        with self._lock:
            every, self._of = list(self._of.values()), {}
        for endings in every:
            endings.close()


class Endings:
    """Who hears of which jobs, of those that one server tells of; any thread."""

    def __init__(self, link: Link, node: Link) -> None:
        """`node` leads to the server that tells; it is the same unless there are several."""
        self._link = link
        self._node = node
        self._lock = threading.Lock()
        #: Of each queue that somebody waits in: job -> those who wait for it.
        self._hearers: dict[str, dict[str, list[Tell]]] = {}
        #: Of each queue that somebody waited in: whether its channel stands; else nobody tells.
        self._standing: dict[str, bool] = {}
        self._thread: threading.Thread | None = None
        self._alarm = self._ring = -1
        self._is_closed = False

    def add(self, queue: str, ids: Collection[str], tell: Tell) -> None:
        """From now on `tell` is called when one of these jobs ends, once the channel stands; and
        with all of them, when it comes to stand or breaks.
        """
        with self._lock:
            self._standing.setdefault(queue, False)
            hearers = self._hearers.setdefault(queue, {})
            for id in ids:
                hearers.setdefault(id, []).append(tell)
            self._start()

    def remove(self, queue: str, ids: Collection[str], tell: Tell) -> None:
        """End what `add` began."""
        with self._lock:
            hearers = self._hearers[queue]
            for id in ids:
                hearers[id].remove(tell)
                if not hearers[id]:
                    del hearers[id]
            if not hearers:
                del self._hearers[queue]

    def stands(self, queue: str) -> bool:
        """Whether what ends in a queue is heard of."""
        return self._standing.get(queue, False)

    def close(self) -> None:
        """Let everybody look, and end the thread."""
        with self._lock:
            self._is_closed = True
            self._sound()
        self._tell_all()

    # Guarded by the lock

    def _start(self) -> None:
        self._is_closed = False
        if self._thread is None:
            self._alarm, self._ring = os.pipe()
            os.set_blocking(self._alarm, False)
            os.set_blocking(self._ring, False)
            self._thread = threading.Thread(target=self._live, name="anyjob-endings", daemon=True)
            self._thread.start()
        self._sound()

    def _sound(self) -> None:
        if self._ring >= 0:
            with suppress(BlockingIOError):
                os.write(self._ring, b"!")

    # The thread's own

    def _live(self) -> None:
        while self._is_wanted():
            try:
                self._listen()
            except (Lost, AnyjobError):
                # Whoever waits looks twice a second meanwhile.
                if not self._link.is_open or not self._hearers:
                    break
                self._tell_all()
                time.sleep(_PAUSE_SECONDS)
        self._end()

    def _is_wanted(self) -> bool:
        return not self._is_closed and self._link.is_open

    def _listen(self) -> None:
        """Hear what is told, until nobody waits any more or the connection breaks."""
        wire = self._node.take(time.monotonic() + COMMAND_SECONDS)
        try:
            subscribed: set[str] = set()
            idle_at = time.monotonic()
            again_at = idle_at + _AGAIN_SECONDS
            while self._is_wanted():
                now = time.monotonic()
                if self._hearers:
                    idle_at = now + _IDLE_SECONDS
                elif now >= idle_at:
                    self._is_closed = True
                    return
                self._subscribe(wire, subscribed)
                if now >= again_at:
                    again_at = now + _AGAIN_SECONDS
                    self._ask_to_tell(subscribed)
                if wire.wait(min(_IDLE_SECONDS, again_at - now), self._alarm):
                    subscribed -= self._hear(wire.arrived())
                else:
                    with suppress(BlockingIOError):
                        os.read(self._alarm, 4096)
        finally:
            with self._lock:
                self._standing = dict.fromkeys(self._standing, False)
            self._node.end(wire)

    def _subscribe(self, wire: Wire, subscribed: set[str]) -> None:
        new = [queue for queue in list(self._standing) if queue not in subscribed]
        if not new:
            return
        # One by one, as those of several slots are refused together.
        each = [pack([b"SSUBSCRIBE", self._link.keys.over(queue)]) for queue in new]
        wire.send(b"".join(each), 0, time.monotonic() + COMMAND_SECONDS)
        subscribed.update(new)
        self._ask_to_tell(new)

    def _ask_to_tell(self, queues: Collection[str]) -> None:
        for queue in queues:
            self._link.run(LISTEN, queue, round(_HEARD_SECONDS * 1000))

    def _hear(self, replies: list[Any]) -> set[str]:
        """Pass on what was told. Returns the queues whose channels the server has ended."""
        ended: set[str] = set()
        for reply in replies:
            if isinstance(reply, ReplyError):
                continue  # without the right to a channel, whoever waits looks twice a second
            kind, channel, what = reply
            queue = self._link.keys.queue_of(channel)
            if kind == b"smessage":
                self._tell(queue, what.decode("utf-8", "replace").split("\n"))
                continue
            with self._lock:
                self._standing[queue] = kind == b"ssubscribe"
                everything = list(self._hearers.get(queue, ()))
            if kind != b"ssubscribe":
                ended.add(queue)  # as a node of a Cluster does with a slot that moves away
            self._tell(queue, everything)
        return ended

    def _tell(self, queue: str, ids: Collection[str]) -> None:
        told: dict[Tell, list[str]] = {}
        with self._lock:
            hearers = self._hearers.get(queue, {})
            for id in ids:
                for tell in hearers.get(id, ()):
                    told.setdefault(tell, []).append(id)
        for tell, some in told.items():
            tell(queue, some)

    def _tell_all(self) -> None:
        with self._lock:
            everything = {queue: list(hearers) for queue, hearers in self._hearers.items()}
        for queue, ids in everything.items():
            self._tell(queue, ids)

    def _end(self) -> None:
        with self._lock:
            os.close(self._alarm)
            os.close(self._ring)
            self._alarm = self._ring = -1
            self._standing = dict.fromkeys(self._hearers, False)
            self._thread = None
            again = bool(self._hearers) and self._link.is_open
            if again:
                self._start()  # somebody came in the meantime
        self._tell_all()
