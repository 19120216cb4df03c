"""Waiting for jobs to end: one connection and one thread for everybody in the process who waits.

Scripts tell on a channel which jobs ended, while somebody has said of late that they listen.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.link import COMMAND_SECONDS, Link
from anyjob.backends.redis.resp import ReplyError, pack
from anyjob.backends.redis.scripts import LISTEN
from anyjob.backends.redis.wire import Wire
from anyjob.core.errors import AnyjobError

#: Scripts are told to tell for so long, and told again in time.
_HEARD_SECONDS = 60.0
_AGAIN_SECONDS = 20.0
#: The thread stays for so long after the last one who waited.
_IDLE_SECONDS = 5.0
#: Whoever begins to wait gives the channel so long to stand.
_READY_SECONDS = 1.0
#: Pause before a connection that broke is made again.
_PAUSE_SECONDS = 0.2


class Watch:
    """One who waits for one of some jobs."""

    def __init__(self, standing: threading.Event) -> None:
        self._event = threading.Event()
        self._standing = standing

    @property
    def is_told(self) -> bool:
        """Whether the channel stands; else nobody tells."""
        return self._standing.is_set()

    def wait(self, seconds: float) -> None:
        """Until one of the jobs may have ended, or so long."""
        self._event.wait(seconds)
        self._event.clear()

    def tell(self) -> None:
        self._event.set()


class EveryEnding:
    """Who waits for which jobs, with a connection and a thread to each server that tells; any
    thread.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._of: dict[Link, Endings] = {}

    def watching(self, queue: str, ids: Sequence[str]) -> AbstractContextManager[Watch]:
        """From the beginning of the block on, the watch is told when one of these jobs ends."""
        node = self._link.at(self._link.keys.over(queue))
        with self._lock:
            endings = self._of.get(node)
            if endings is None:
                endings = self._of[node] = Endings(self._link, node)
        return endings.watching(queue, ids)

    def close(self) -> None:
        """Let everybody look, and end the threads."""
        with self._lock:
            every, self._of = list(self._of.values()), {}
        for endings in every:
            endings.close()


class Endings:
    """Who waits for which jobs, of those that one server tells of; any thread."""

    def __init__(self, link: Link, node: Link) -> None:
        """`node` leads to the server that tells; it is the same unless there are several."""
        self._link = link
        self._node = node
        self._lock = threading.Lock()
        #: Of each queue that somebody waits in: job -> those who wait for it.
        self._watches: dict[str, dict[str, list[Watch]]] = {}
        #: Of each queue with a channel: whether it stands.
        self._standing: dict[str, threading.Event] = {}
        self._thread: threading.Thread | None = None
        self._alarm = self._ring = -1
        self._is_closed = False

    @contextmanager
    def watching(self, queue: str, ids: Sequence[str]) -> Iterator[Watch]:
        """From the beginning of the block on, the watch is told when one of these jobs ends."""
        with self._lock:
            standing = self._standing.setdefault(queue, threading.Event())
            watch = Watch(standing)
            waiting = self._watches.setdefault(queue, {})
            for id in ids:
                waiting.setdefault(id, []).append(watch)
            self._start()
        try:
            standing.wait(_READY_SECONDS)
            yield watch
        finally:
            with self._lock:
                self._leave(queue, ids, watch)

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

    def _leave(self, queue: str, ids: Sequence[str], watch: Watch) -> None:
        waiting = self._watches[queue]
        for id in ids:
            others = [other for other in waiting[id] if other is not watch]
            if others:
                waiting[id] = others
            else:
                del waiting[id]
        if not waiting:
            del self._watches[queue]

    # The thread's own

    def _live(self) -> None:
        while self._is_wanted():
            try:
                self._listen()
            except (Lost, AnyjobError):
                # Whoever waits looks every second meanwhile.
                if not self._link.is_open:
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
            with self._lock:
                for standing in self._standing.values():
                    standing.clear()
            subscribed: set[str] = set()
            again_at = idle_at = time.monotonic()
            while self._is_wanted():
                now = time.monotonic()
                if self._watches:
                    idle_at = now + _IDLE_SECONDS
                elif now >= idle_at:
                    self._is_closed = True
                    return
                self._subscribe(wire, subscribed)
                if now >= again_at:
                    again_at = now + _AGAIN_SECONDS
                    self._ask_to_tell(subscribed)
                if wire.wait(min(_IDLE_SECONDS, again_at - now), self._alarm):
                    self._hear(wire.arrived())
                else:
                    with suppress(BlockingIOError):
                        os.read(self._alarm, 4096)
        finally:
            self._node.end(wire)

    def _subscribe(self, wire: Wire, subscribed: set[str]) -> None:
        new = [queue for queue in list(self._standing) if queue not in subscribed]
        for queue in new:
            channel = self._link.keys.over(queue)
            wire.send(pack([b"SSUBSCRIBE", channel]), 0, time.monotonic() + COMMAND_SECONDS)
            subscribed.add(queue)
        self._ask_to_tell(new)

    def _ask_to_tell(self, queues: Sequence[str] | set[str]) -> None:
        for queue in queues:
            self._link.run(LISTEN, queue, round(_HEARD_SECONDS * 1000))

    def _hear(self, replies: list[Any]) -> None:
        for reply in replies:
            if isinstance(reply, ReplyError):
                continue  # without the right to a channel, whoever waits looks every second
            kind, channel, what = reply
            queue = self._link.keys.queue_of(channel)
            with self._lock:
                standing = self._standing.setdefault(queue, threading.Event())
                if kind != b"smessage":
                    # A node of a Cluster ends the channel of a slot that moves away.
                    standing.set() if kind == b"ssubscribe" else standing.clear()
                    continue
                waiting = self._watches.get(queue, {})
                told = [
                    watch
                    for id in what.decode("utf-8", "replace").split("\n")
                    for watch in waiting.get(id, ())
                ]
            for watch in told:
                watch.tell()

    def _tell_all(self) -> None:
        with self._lock:
            watches = [
                watch
                for waiting in self._watches.values()
                for some in waiting.values()
                for watch in some
            ]
        for watch in watches:
            watch.tell()

    def _end(self) -> None:
        with self._lock:
            os.close(self._alarm)
            os.close(self._ring)
            self._alarm = self._ring = -1
            self._standing.clear()
            self._thread = None
            again = bool(self._watches) and self._link.is_open
            if again:
                self._start()  # somebody came in the meantime
        self._tell_all()
