"""What a consumer holds: jobs it handed out, and the messages behind them."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Sequence

from anyjob.backends.sqs.facts import LONGEST_DELAY, LONGEST_LEASE
from anyjob.backends.sqs.messages import Record
from anyjob.core.settlement import Lease

#: The part of a lease after which nothing is sent for it: SQS tells nobody that a receipt is old.
SAFE = 0.9


class Held:
    """A message that is ours until its deadline, on the monotonic clock."""

    def __init__(
        self, lease: Lease, record: Record, url: str, receipt: str, began: float, seconds: float
    ) -> None:
        self.lease = lease
        #: With the lost leases that its receipts tell of.
        self.record = record
        self.url = url
        self.receipt = receipt
        self.began = began
        self.deadline = began + SAFE * seconds
        #: Whether what follows it was sent already, and it has only to be deleted.
        self.is_followed = False

    def extended(self, seconds: float, now: float) -> None:
        """It is ours for so many seconds from then."""
        self.deadline = now + SAFE * seconds

    @property
    def once(self) -> str:
        """What follows this lease, and no other, is sent under this word."""
        return f"{self.lease.id}-{self.lease.token:x}"

    def longest(self, seconds: float, now: float) -> int:
        """For how many whole seconds from now it can be ours: no longer than 12 h in all."""
        return max(0, min(math.ceil(seconds), int(self.began + LONGEST_LEASE - now)))


class Hands:
    """Finds a message again by its lease; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str, int], Held] = {}
        #: Never a server's counter: 31 bits of chance, and a number within this consumer.
        self._session = secrets.randbits(31)
        self._tokens = 0

    def token(self) -> int:
        with self._lock:
            self._tokens += 1
            return self._session << 32 | self._tokens

    def add(self, held: Sequence[Held]) -> None:
        with self._lock:
            self._held |= {_key(each.lease): each for each in held}

    def look(self, lease: Lease, now: float) -> Held | None:
        """What is behind a lease; None once it is over."""
        with self._lock:
            return self._live(lease, now)

    def take(self, lease: Lease, now: float) -> Held | None:
        """As `look`, and nobody else finds it after that."""
        with self._lock:
            found = self._live(lease, now)
            self._held.pop(_key(lease), None)
            return found

    def take_all(self, now: float) -> list[Held]:
        with self._lock:
            found = [each for each in self._held.values() if now < each.deadline]
            self._held.clear()
            return found

    def drop(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(_key(lease), None)

    def _live(self, lease: Lease, now: float) -> Held | None:
        found = self._held.get(_key(lease))
        if found is not None and now >= found.deadline:
            del self._held[_key(lease)]
            return None
        return found


def leg(due: float, now: float, *, fifo: bool = False) -> tuple[int, float | None]:
    """The delay of the next message, and the due time that it carries: none if it waits to the end.

    Rounded up, because SQS counts whole seconds. On a FIFO queue no message is delayed, and whoever
    receives it early hides it.
    """
    rest = math.ceil(due - now)
    if fifo:
        return 0, due
    return (rest, None) if rest <= LONGEST_DELAY else (LONGEST_DELAY, due)


def _key(lease: Lease) -> tuple[str, str, int]:
    return lease.queue, lease.id, lease.token
