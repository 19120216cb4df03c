"""Leases in the hands of a consumer of a pair: what its backend gave, and what the caller sees."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence

from anyjob.backends.paired.messages import Message
from anyjob.backends.paired.records import Record
from anyjob.backends.paired.session import Told
from anyjob.core.settlement import Lease, Settlement


class Hold:
    """One lease. Its consumer's sending lock is held around every change, once a caller has it."""

    __slots__ = (
        "ends",
        "inner",
        "lease",
        "message",
        "record",
        "settled",
        "until",
        "version",
        "written",
    )

    def __init__(
        self, inner: Lease, lease: Lease, message: Message, ends: float = math.inf
    ) -> None:
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
        #: The record as it was written with that, where nobody wanted to read it.
        self.written = b""
        #: When it ends: in seconds since the epoch, for people, and on the steady clock of its
        #: holder; endless until that is known.
        self.until = lease.until
        self.ends = ends


class Held:
    """The leases of a consumer; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By token: each consumer counts its own.
        self._holds: dict[int, Hold] = {}

    def add(self, holds: Iterable[Hold]) -> None:
        with self._lock:
            self._holds.update((hold.lease.token, hold) for hold in holds)

    def find(self, lease: Lease) -> Hold | None:
        return self.find_all([lease])[0]

    def find_all(self, leases: Sequence[Lease]) -> list[Hold | None]:
        """The hold of each; None for what is not held, such as another consumer's lease."""
        with self._lock:
            found = [self._holds.get(lease.token) for lease in leases]
        return [
            hold
            if hold is not None and (hold.lease is lease or _is_of(hold.lease, lease))
            else None
            for hold, lease in zip(found, leases, strict=True)
        ]

    def drop(self, holds: Iterable[Hold]) -> None:
        with self._lock:
            for hold in holds:
                self._holds.pop(hold.lease.token, None)

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


def _is_of(mine: Lease, other: Lease) -> bool:
    """Whether the other is a copy of mine."""
    return mine.id == other.id and mine.queue == other.queue
