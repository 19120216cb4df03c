"""One connection of kombu's, and the thread that alone touches it.

Neither kombu's virtual channels nor py-amqp's connections may be used by two threads, and few of
them end a call in time. So whoever wants something leaves it with the thread and waits so long and
no longer: then the connection is given up, with its thread if that comes back from nowhere.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import kombu
import msgspec

from anyjob.backends.kombu.errors import OWN, Lost, failed, unconnected
from anyjob.backends.kombu.url import Location
from anyjob.backends.kombu.way import Way
from anyjob.core.errors import AnyjobError, BackendUnavailable, Misuse

T = TypeVar("T")
#: Of its types it tells too little to be checked.
_kombu: Any = kombu

#: Seconds that a command may take, and a connection to be made.
COMMAND, CONNECT = 5.0, 3.0
#: Seconds of idleness after which it is looked whether the connection lives: before a broker that
#: hears nothing for two heartbeats ends it.
_TICK = 3.0


class _Work(msgspec.Struct, eq=False):
    do: Callable[[Any], Any]
    told: Future[Any]


class Link:
    """Any thread calls; `epoch` grows whenever what hung on the connection is lost."""

    def __init__(self, location: Location, way: Way) -> None:
        self.location = location
        self.way = way
        self.epoch = 0
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False
        self._hand: _Hand | None = None

    def __repr__(self) -> str:
        return f"<Link to {self.location.shown}>"

    def call(self, do: Callable[[Any], T], seconds: float = COMMAND) -> T:
        """Have `do(channel)` run by the thread, and return what it returns.

        Raises BackendUnavailable, and nothing was done, or its Lost, and nobody knows; what the
        broker refuses; and what of ours `do` raises.
        """
        self.check()
        hand = self._own_hand()
        work = _Work(do, Future())
        hand.works.put(work)
        try:
            result: T = work.told.result(max(0.0, seconds))
        except TimeoutError as error:
            never_begun = work.told.cancel()
            if seconds >= COMMAND:
                self._give_up(hand)
            # Less time than a call may take says nothing of the connection.
            self.check()
            kind = BackendUnavailable if never_begun else Lost
            raise kind(f"{self.location.shown} did not answer in time") from error
        return result

    def check(self) -> None:
        if os.getpid() != self._pid:
            raise Misuse(f"{self!r} was opened before a fork; open another in the child")
        if self._closed:
            raise Misuse(f"{self!r} is closed")

    def cut(self) -> None:
        """End the connection as a network does; the next call makes another."""
        hand = self._hand
        if hand is not None:
            self._give_up(hand)

    def close(self, seconds: float = 2.0) -> None:
        """End connection and thread; what hangs on them is the broker's again."""
        with self._lock:
            self._closed = True
            hand, self._hand = self._hand, None
            self.epoch += 1
        if hand is None or os.getpid() != self._pid:
            return
        hand.end()
        hand.thread.join(seconds)
        if hand.thread.is_alive():
            hand.sever()
            hand.thread.join(seconds)

    # Steps

    def _own_hand(self) -> _Hand:
        with self._lock:
            if self._hand is None:
                self._hand = _Hand(self)
            return self._hand

    def _give_up(self, hand: _Hand) -> None:
        with self._lock:
            if self._hand is hand:
                self._hand = None
                self.epoch += 1
        hand.end()
        hand.sever()

    def lost(self, hand: _Hand) -> None:
        """Its connection broke; asked by the hand."""
        with self._lock:
            if self._hand is hand:
                self.epoch += 1


class _Hand:
    """The thread, and the connection that it has at the time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._location = link.location
        self.works: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._connection: Any = None
        self._channel: Any = None
        self._ended = False
        self.thread = threading.Thread(target=self._run, name="anyjob-kombu", daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._ended = True
        self.works.put(None)

    def sever(self) -> None:
        """From any thread: have whatever blocks in it end, where the transport shows its socket."""
        connection = self._connection
        if connection is not None:
            with suppress(Exception):
                self._link.way.sever(connection)

    # In the thread

    def _run(self) -> None:
        while not self._ended:
            try:
                work = self.works.get(timeout=_TICK)
            except queue.Empty:
                self._look_alive()
                continue
            if work is not None and work.told.set_running_or_notify_cancel():
                self._do(work)
        self._refuse_the_rest()
        self._drop(is_broken=False)

    def _do(self, work: _Work) -> None:
        try:
            result = work.do(self._open_channel())
        except BaseException as error:
            work.told.set_exception(self._translated(error))
        else:
            work.told.set_result(result)

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, AnyjobError):
            if isinstance(error, Lost):
                self._drop(is_broken=True)
            return error
        if isinstance(error, OWN) or not isinstance(error, Exception):
            return error
        told = failed(self._location, error)
        told.__cause__ = error
        if self._link.way.breaks(self._channel, told):
            self._drop(is_broken=True)
        return told

    def _open_channel(self) -> Any:
        if self._channel is None:
            try:
                self._connection = self._link.way.connect(self._location)
                self._channel = self._connection.channel()
                self._link.way.begin(self._channel)
            except Exception as error:
                self._drop(is_broken=True)
                if isinstance(error, (AnyjobError, *OWN)):
                    raise
                raise unconnected(self._location, error) from error
        return self._channel

    def _look_alive(self) -> None:
        if self._channel is None:
            return
        try:
            self._link.way.barrier(self._channel)
        except Exception:
            self._drop(is_broken=True)

    def _drop(self, *, is_broken: bool) -> None:
        connection, self._connection = self._connection, None
        had_one, self._channel = self._channel is not None, None
        if connection is not None:
            with suppress(Exception):
                self._link.way.disconnect(connection, is_broken=is_broken)
        if had_one and is_broken:
            self._link.lost(self)

    def _refuse_the_rest(self) -> None:
        with suppress(queue.Empty):
            while True:
                work = self.works.get_nowait()
                if work is not None and work.told.set_running_or_notify_cancel():
                    refusal = BackendUnavailable(
                        f"{self._location.shown} was lost before it was asked"
                    )
                    refusal.__cause__ = ConnectionError("the connection was given up")
                    work.told.set_exception(refusal)


def make_connection(location: Location, seconds: float, **options: Any) -> Any:
    """A connected kombu Connection; raises what its transport raises.

    Each of its hosts is tried once: kombu would try for ever, with 2 s and more in between.
    """
    connection = _kombu.Connection(location.url, connect_timeout=seconds, **options)
    left = max(1, len(connection.alt))

    def on_failure(error: BaseException, _: float) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise error

    try:
        connection.ensure_connection(
            errback=on_failure,
            interval_start=0,
            interval_step=0,
            interval_max=0,
            reraise_as_library_errors=False,
        )
    except BaseException:
        with suppress(Exception):
            connection.release()
        raise
    return connection
