"""The memory backend behind a line that a test cuts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from anyjob.backends.memory import MemoryBackend
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import BackendUnavailable
from anyjob.core.settlement import Answer, Lease, Settled, Settlement


class Line:
    """Which operations fail, and how often each was tried."""

    def __init__(self) -> None:
        self.cut: set[str] = set()
        #: Seconds that an operation takes besides its own.
        self.delays: dict[str, float] = {}
        #: Settlements whose answer is lost once, although they are carried out.
        self.loses_answers = False
        self.tried: dict[str, int] = {}
        self._lock = threading.Lock()

    def through(self, name: str) -> None:
        with self._lock:
            self.tried[name] = self.tried.get(name, 0) + 1
        time.sleep(self.delays.get(name, 0.0))
        if name in self.cut:
            raise BackendUnavailable(f"no answer to {name} within 5 s; try again")


class FlakyConsumer(Consumer):
    def __init__(self, consumer: Consumer, line: Line) -> None:
        self._consumer = consumer
        self._line = line

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._line.through("fetch")
        # Short, so that a cut is met soon.
        return self._consumer.fetch(credit, min(timeout, 0.02), limits)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._consumer.settle(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._line.through("flush")
        answered = self._consumer.flush(deadline)
        if self._line.loses_answers and answered:
            self._line.loses_answers = False
            return [Settled(one.settlement, Answer.UNKNOWN) for one in answered]
        return answered

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._line.through("extend")
        return self._consumer.extend(leases, lease)

    def wake(self) -> None:
        self._consumer.wake()

    def stop(self) -> None:
        self._consumer.stop()

    def close(self, *, release: bool) -> None:
        self._line.through("close")
        self._consumer.close(release=release)


class FlakyBackend(MemoryBackend):
    def __init__(self, url: str, line: Line) -> None:
        super().__init__(url)
        self._line = line

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return FlakyConsumer(super().consume(queues, lease=lease, worker=worker), self._line)

    def maintain(self, budget: float) -> float:
        self._line.through("maintain")
        return min(0.05, super().maintain(budget))
