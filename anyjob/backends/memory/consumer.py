"""A worker's hand on queues in memory."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from anyjob.backends.memory.settling import apply, release
from anyjob.backends.memory.space import Space
from anyjob.backends.shares import LowEnd, Ring
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import InvalidOption, Misuse
from anyjob.core.seam import check_seconds, check_settlements
from anyjob.core.settlement import Lease, Settled, Settlement


class MemoryConsumer(Consumer):
    """Leases jobs of one space.

    The space's lock guards everything but the buffer of settlements, a deque that threads share by
    its atomic ends.
    """

    def __init__(
        self,
        enter: Callable[[], Space],
        shares: Sequence[QueueShare],
        *,
        lease: float,
        max_batch: int,
        max_payload: int,
    ) -> None:
        # Asked at every call: raises Misuse once the backend is closed, and in a forked child.
        self._enter = enter
        self._space = space = enter()
        self._queues = [space.queue(share.queue) for share in shares]
        self._ring = Ring(shares)
        self._low_ends = [LowEnd() for _ in shares]
        self._lease = lease
        self._max_batch = max_batch
        self._max_payload = max_payload
        # A random number and no counter, so that no two consumers ever share a token.
        self._session = secrets.randbits(31)
        self._fetches = 0
        self._buffer: deque[Settlement] = deque()
        self._answered: list[Settled] = []
        self._woken = False
        self._stopped = False
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        space = self._require()
        if credit < 1:
            raise InvalidOption(f"expected credit to be 1 or more, got {credit!r}")
        deadline = time.monotonic() + timeout
        with space.lock:
            while not (self._stopped or self._closed):
                self._send()
                leases = self._take(credit, limits or {})
                left = deadline - time.monotonic()
                if leases or self._woken or left <= 0:
                    self._woken = False
                    return leases
                space.arrived.wait(min(left, self._patience()))
            if not self._closed:
                self._send()
            return []

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        check_settlements(settlements, max_batch=self._max_batch, max_payload=self._max_payload)
        self._buffer.extend(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        space = self._require()
        with space.lock:
            self._send()
            answered, self._answered = self._answered, []
        return answered

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        space = self._require()
        check_seconds(lease, "a lease", zero=False)
        lost: set[int] = set()
        with space.lock:
            until = space.clock.monotonic() + lease
            for name in {each.queue for each in leases}:
                mine = [each for each in leases if each.queue == name]
                queue = space.queues.get(name)
                lost.update(map(id, mine if queue is None else queue.extend(mine, until)))
            space.announce()
        return [each for each in leases if id(each) in lost]

    def wake(self) -> None:
        space = self._require()
        with space.lock:
            self._woken = True
            space.arrived.notify_all()

    def stop(self) -> None:
        space = self._require()
        with space.lock:
            self._stopped = True
            space.arrived.notify_all()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        try:
            space = self._enter()
        except Misuse:
            # The backend is closed, or this is a forked child: there is nothing of ours to give
            # back.
            self._closed = True
            return
        with space.lock:
            if release:
                self._send()
                self._release()
            self.abandon()

    def abandon(self) -> None:
        """End without giving anything back; the space's lock is held."""
        self._closed = True
        self._space.arrived.notify_all()

    def _require(self) -> Space:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        return self._enter()

    def _send(self) -> None:
        buffer, space = self._buffer, self._space
        if not buffer:
            return
        wall, mono = space.clock.time(), space.clock.monotonic()
        answered = self._answered
        for _ in range(len(buffer)):
            settlement = buffer.popleft()
            answered.append(Settled(settlement, apply(space, settlement, wall, mono)))
        for queue in self._queues:
            # Forgetting faster than jobs end keeps what is remembered in bounds without anybody
            # calling maintain().
            queue.forget(mono, 2 * len(answered))
        space.announce()

    def _take(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        clock = self._space.clock
        wall, mono = clock.time(), clock.monotonic()
        available = []
        for queue in self._queues:
            queue.advance(wall, mono)
            limit = limits.get(queue.name, queue.ready)
            available.append(0 if queue.paused else max(0, min(queue.ready, limit)))
        if not any(available):
            return []
        self._fetches += 1
        token = self._session << 32 | self._fetches
        leases: list[Lease] = []
        parts = self._ring.allot(credit, available)
        for queue, part, low_end in zip(self._queues, parts, self._low_ends, strict=True):
            if part:
                leases += queue.lease(part, low_end, token, self._lease, wall, mono)
        return leases

    def _patience(self) -> float:
        clock = self._space.clock
        wall, mono = clock.time(), clock.monotonic()
        changes = (queue.next_change(wall, mono) for queue in self._queues)
        return max(0.0, min(self._space.patience, *changes))

    def _release(self) -> None:
        wall = self._space.clock.time()
        for queue in self._queues:
            release(queue, self._session, wall)
        self._space.announce()
