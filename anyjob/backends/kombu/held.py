"""What a consumer holds: jobs it handed out, and the messages behind them."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Sequence

from anyjob.backends.kombu.messages import Record
from anyjob.core.settlement import Lease

#: The part of a timed lease after which nothing is sent for it: the fence is our own clock.
SAFE = 0.9


class Held:
    """A message that is ours until its deadline on the monotonic clock, and as long as what it came
    on lives.
    """

    def __init__(
        self, lease: Lease, record: Record, tag: object, epoch: int, deadline: float = math.inf
    ) -> None:
        self.lease = lease
        #: With the lost leases that its deliveries tell of.
        self.record = record
        #: What the transport knows the message by.
        self.tag = tag
        #: The connection that it came on, by number.
        self.epoch = epoch
        self.deadline = deadline
        #: Whether what follows it was sent already, and it has only to be removed.
        self.is_followed = False


class Hands:
    """Finds a message again by its lease; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Held] = {}
        #: Never a server's counter: 31 bits of chance, and a number within this consumer.
        self._session = secrets.randbits(31)
        self._tokens = 0

    def tokens(self, count: int) -> range:
        """So many that nobody had before."""
        with self._lock:
            first = self._session << 32 | self._tokens + 1
            self._tokens += count
            return range(first, first + count)

    def add(self, held: Sequence[Held]) -> None:
        with self._lock:
            self._held |= {each.lease.token: each for each in held}

    def look(self, lease: Lease, now: float) -> Held | None:
        """What is behind a lease; None once it is over."""
        with self._lock:
            return self._live(lease, now)

    def take(self, lease: Lease, now: float) -> Held | None:
        """As `look`, and nobody else finds it after that."""
        with self._lock:
            found = self._live(lease, now)
            if found is not None:
                del self._held[lease.token]
            return found

    def take_all(self, now: float) -> list[Held]:
        with self._lock:
            found = [each for each in self._held.values() if now < each.deadline]
            self._held.clear()
            return found

    def drop(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(lease.token, None)

    def _live(self, lease: Lease, now: float) -> Held | None:
        found = self._held.get(lease.token)
        if found is None or (found.lease.id, found.lease.queue) != (lease.id, lease.queue):
            return None
        if now >= found.deadline:
            del self._held[lease.token]
            return None
        return found
