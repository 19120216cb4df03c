"""Every lease that this worker holds, from fetch to answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer
from anyjob.core.outcome import Outcome
from anyjob.core.settlement import Lease, Settled, Settlement


class Finished(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An ended attempt on its way to the backend."""

    lease: Lease
    #: None where there was nothing to run: an undecodable or unknown job.
    attempt: Attempt | None
    outcome: Outcome
    settlement: Settlement
    #: Seconds the task ran.
    seconds: float


class Held:
    """The leases of one worker, shared by its threads without a lock on the way of a job.

    Adding an item to a set or deque, and removing one, are atomic; so whoever removes an attempt
    from `waiting` begins or releases it, and whoever removes it from `running` decides its outcome.
    Nobody else may.
    """

    def __init__(self) -> None:
        #: Leased, in the buffer, not begun.
        self.waiting: set[Attempt] = set()
        #: Begun, no outcome yet.
        self.running: set[Attempt] = set()
        #: Judged too late to be ended: their slot is still taken by user code.
        self.strays: set[Attempt] = set()
        #: What went to the slots and when, oldest first; the keeper forgets what has begun.
        self.lots: deque[tuple[float, list[Attempt]]] = deque()
        self._finished: deque[Finished] = deque()
        #: Handed to the consumer, not answered.
        self._unanswered: dict[Lease, Finished] = {}
        self._handing_over = threading.Lock()
        #: Called when something is finished while the keeper sleeps.
        self.on_finished: Callable[[], None] = lambda: None
        #: Called when a slot frees while the fetcher waits for room.
        self.on_room: Callable[[], None] = lambda: None

    def begin(self, attempt: Attempt) -> bool:
        """Move an attempt from waiting to running; False if somebody took it back."""
        # In both for a moment rather than in neither, where a stopping worker would not see it.
        self.running.add(attempt)
        try:
            self.waiting.remove(attempt)
        except KeyError:
            self.running.discard(attempt)
            return False
        return True

    def take_back(self, attempts: Iterable[Attempt]) -> list[Attempt]:
        """Remove those attempts that still wait and return them; the caller settles them."""
        taken = []
        for attempt in attempts:
            try:
                self.waiting.remove(attempt)
            except KeyError:
                continue
            taken.append(attempt)
        return taken

    def end(self, attempt: Attempt) -> bool:
        """Remove a running attempt; False if its outcome was decided already."""
        try:
            self.running.remove(attempt)
        except KeyError:
            return False
        return True

    def finish(self, finished: Finished) -> None:
        """Queue an ended attempt for settling."""
        self._finished.append(finished)
        self.on_finished()

    def hand_over(self, consumer: Consumer) -> int:
        """Give everything finished to the consumer: it leaves with its next fetch or flush."""
        with self._handing_over:
            lot = [self._finished.popleft() for _ in range(len(self._finished))]
            for finished in lot:
                self._unanswered[finished.lease] = finished
            if lot:
                consumer.settle([finished.settlement for finished in lot])
        return len(lot)

    def hand_over_again(self, consumer: Consumer, settlements: list[Settlement]) -> None:
        """Settle once more what was not answered; the lease's token keeps it from acting twice."""
        with self._handing_over:
            consumer.settle(settlements)

    def answered(self, settled: Iterable[Settled]) -> list[tuple[Finished, Settled]]:
        """Return what was answered for good with its answer, and forget it."""
        return [
            (finished, one)
            for one in settled
            if (finished := self._unanswered.pop(one.settlement.lease, None)) is not None
        ]

    def unanswered(self) -> list[Finished]:
        return list(self._unanswered.values())

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self.waiting and not self.running

    @property
    def is_settled(self) -> bool:
        """Whether everything finished has its answer."""
        return not self._finished and not self._unanswered

    @property
    def pending(self) -> int:
        """How many outcomes have no answer yet."""
        return len(self._finished) + len(self._unanswered)

    def are_settled(self, leases: Iterable[Lease]) -> bool:
        """Whether none of these still waits for its answer."""
        with self._handing_over:
            pending = {finished.lease for finished in list(self._finished)}
            return (pending | set(self._unanswered)).isdisjoint(leases)

    @property
    def unfinished(self) -> list[Attempt]:
        """What is to be kept alive and may still be cut: waiting and running."""
        return [*self.waiting, *self.running]

    def leases(self) -> list[Lease]:
        """Every lease to renew: waiting, running, and finished but not answered."""
        kept = [a.lease for a in self.unfinished if a.ending != LEASE_LOST]
        kept += [finished.lease for finished in list(self._finished)]
        return kept + list(self._unanswered)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.running)


#: Reasons in `Attempt.ending`.
LEASE_LOST = "its lease was lost"
TIME_LIMIT = "its time limit has passed"
STOPPING = "the worker stops"
