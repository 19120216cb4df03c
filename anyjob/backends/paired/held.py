"""Leases in the hands of a consumer of a pair: what its backend gave, and what the caller sees."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

from anyjob.backends.paired.messages import Message
from anyjob.backends.paired.records import Record
from anyjob.backends.paired.session import Told
from anyjob.core.settlement import Lease, Settlement


class Hold:
    """One lease. Its consumer's sending lock is held around every change."""

    __slots__ = ("ends", "inner", "lease", "message", "record", "settled", "until", "version")

    def __init__(self, inner: Lease, lease: Lease, message: Message) -> None:
        #: As the backend knows it.
        self.inner = inner
        #: As the caller sees it.
        self.lease = lease
        self.message = message
        #: As it was last read or written; None: nobody had to look.
        self.record: Record | None = None
        #: Of the record, as it stands for all that is known here; 0: there is none.
        self.version = message.version
        #: What the store has been told of its end already.
        self.settled: Settlement | None = None
        #: When it ends: in seconds since the epoch, for people, and on the steady clock of its
        #: holder; endless until that is known.
        self.until = lease.until
        self.ends = math.inf


class Held:
    """The leases of a consumer; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holds: dict[tuple[str, str, int], Hold] = {}

    def add(self, holds: Iterable[Hold]) -> None:
        with self._lock:
            for hold in holds:
                self._holds[_key(hold.lease)] = hold

    def find(self, lease: Lease) -> Hold | None:
        with self._lock:
            return self._holds.get(_key(lease))

    def drop(self, holds: Iterable[Hold]) -> None:
        with self._lock:
            for hold in holds:
                self._holds.pop(_key(hold.lease), None)

    def told(self, now: float) -> list[Told]:
        """Those that have not lapsed at `now` on the steady clock, for others to know."""
        with self._lock:
            return [_told(hold) for hold in self._holds.values() if hold.ends > now]

    def left(self) -> list[tuple[float, Told]]:
        """All of them, each with its end on the steady clock."""
        with self._lock:
            return [(hold.ends, _told(hold)) for hold in self._holds.values()]


def _told(hold: Hold) -> Told:
    lease = hold.lease
    return Told(
        lease.queue,
        lease.id,
        lease.attempt - 1,
        lease.redeliveries,
        hold.until,
        hold.version,
    )


def _key(lease: Lease) -> tuple[str, str, int]:
    return lease.queue, lease.id, lease.token
