"""A consumer for backends that are asked again and again: the half of one that has nothing to do
with where the jobs are.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from anyjob.backends.checks import check_shares
from anyjob.backends.declared import check_ends, check_lease
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt, Rejected
from anyjob.core.errors import BackendError, BackendUnavailable, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Answer, Lease, Release, Settled, Settlement

#: What a backend knows a leased job by.
HoldT = TypeVar("HoldT")


class Polled(Protocol[HoldT]):
    """What a backend says of its jobs. No two threads ask at once on behalf of one consumer.

    A *hold* is whatever finds a leased job again: a row, a handle, a name. All raise BackendError.
    """

    capabilities: Capabilities
    clock: Clock

    def require(self) -> None:
        """Raise Misuse before `open()`, after `close()` and in a forked child."""

    def lease(self, queue: str, seconds: float) -> Iterator[tuple[Lease, HoldT]]:
        """Lease the ready jobs of a queue in the order of delivery, each when it is asked for."""

    def extend(self, hold: HoldT, seconds: float) -> HoldT | None:
        """Let a lease end so many seconds from now; None if it is lost."""

    def end(self, hold: HoldT, settlement: Settlement) -> object | None:
        """End a lease as the settlement says, all at once; None, without effect, if it is lost.

        What is to be enqueued with it has been.
        """

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        """As in Backend."""


class PollingConsumer(Consumer, Generic[HoldT]):
    """Keeps what is held, buffers settlements and their answers, waits, wakes, stops, and divides
    each fetch among the queues by weight.

    Children are enqueued before the settlement they belong to, so a crash in between repeats them
    and loses none. Raises InvalidOption or ConfigurationError for shares or a lease that no
    consumer may have.
    """

    def __init__(
        self,
        backend: Polled[HoldT],
        shares: Sequence[QueueShare],
        *,
        lease: float,
        poll: float = 0.02,
    ) -> None:
        backend.require()
        check_shares(shares)
        check_lease(lease, backend.capabilities)
        self._backend = backend
        self._weights = {share.queue: share.weight for share in shares}
        self._turns = dict.fromkeys(self._weights, 0)
        self._seconds = lease
        self._poll = poll
        self._held: dict[tuple[str, str, int], tuple[Lease, HoldT]] = {}
        self._buffer: deque[Settlement] = deque()
        self._answered: list[Settled] = []
        # Held while the backend is asked, never while anybody waits.
        self._lock = threading.RLock()
        self._woken = threading.Event()
        self._stopped = False
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._require()
        check_count(credit, "credit", sys.maxsize)
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                self._send(float("inf"))
                leases = [] if self._stopped else self._take(credit, limits or {})
            left = deadline - time.monotonic()
            if leases or self._stopped or left <= 0 or self._woken.wait(min(left, self._poll)):
                self._woken.clear()
                return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        backend = self._backend
        check_ends(settlements, backend.capabilities, now=backend.clock.time())
        self._buffer.extend(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._require()
        end = time.monotonic() + deadline
        with self._lock:
            self._send(end)
            answered, self._answered = self._answered, []
        return answered

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._require()
        check_lease(lease, self._backend.capabilities)
        with self._lock:
            return [each for each in leases if self._extended(each, lease) is None]

    def wake(self) -> None:
        self._require()
        self._woken.set()

    def stop(self) -> None:
        self._require()
        self._stopped = True
        self._woken.set()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._closed = self._stopped = True
        self._woken.set()
        try:
            self._backend.require()
        except (Misuse, BackendError):
            # The backend is closed or out of reach, or this is a forked child: nothing can be given
            # back, and what is leased runs out.
            return
        with self._lock:
            if release:
                self._send(float("inf"))
                self._give_back()
            self._buffer.clear()

    # Steps

    def _require(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        self._backend.require()

    def _take(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        lines = {
            queue: islice(self._backend.lease(queue, self._seconds), limits.get(queue, credit))
            for queue in self._weights
        }
        leases: list[Lease] = []
        while lines and len(leases) < credit:
            queue = self._turn(lines)
            try:
                found = next(lines[queue], None)
            except BackendError:
                if leases:
                    return leases  # they are ours already; the next fetch meets the error
                raise
            if found is None:
                del lines[queue]
                # What an empty queue did not use is not saved up for a burst.
                self._turns[queue] = 0
            else:
                self._held[_key(found[0])] = found
                leases.append(found[0])
        return leases

    def _turn(self, queues: Collection[str]) -> str:
        """Whose turn it is among these: in proportion to the weights, and as evenly as can be."""
        for queue in queues:
            self._turns[queue] += self._weights[queue]
        chosen = max(queues, key=self._turns.__getitem__)
        self._turns[chosen] -= sum(self._weights[queue] for queue in queues)
        return chosen

    def _send(self, deadline: float) -> None:
        while self._buffer:
            settlement = self._buffer.popleft()
            answer = Answer.UNKNOWN
            if time.monotonic() < deadline:
                # Unknown, and still held: it may be settled again.
                with suppress(BackendError):
                    answer = self._ended(settlement)
            self._answered.append(Settled(settlement, answer))

    def _ended(self, settlement: Settlement) -> Answer:
        lease = settlement.lease
        if settlement.then:
            # Proves that the lease is ours, and keeps it so until the children are stored.
            if self._extended(lease, self._seconds) is None:
                return Answer.LEASE_LOST
            receipts = self._backend.enqueue(settlement.then)
            if any(isinstance(receipt, Rejected) for receipt in receipts):
                raise BackendUnavailable(f"the children of job {lease.id} were not all stored")
        _, hold = self._held.get(_key(lease), (lease, None))
        done = hold is not None and self._backend.end(hold, settlement) is not None
        self._held.pop(_key(lease), None)
        return Answer.DONE if done else Answer.LEASE_LOST

    def _extended(self, lease: Lease, seconds: float) -> HoldT | None:
        own, hold = self._held.get(_key(lease), (lease, None))
        hold = None if hold is None else self._backend.extend(hold, seconds)
        if hold is None:
            self._held.pop(_key(lease), None)
        else:
            self._held[_key(lease)] = (own, hold)
        return hold

    def _give_back(self) -> None:
        for lease, hold in self._held.values():
            # What is out of reach now runs out by itself.
            with suppress(BackendError):
                self._backend.end(hold, Release(lease=lease))
        self._held.clear()


def _key(lease: Lease) -> tuple[str, str, int]:
    return lease.queue, lease.id, lease.token
