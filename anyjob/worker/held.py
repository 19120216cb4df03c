"""Every lease that this worker holds, from fetch to answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer
from anyjob.core.outcome import Outcome
from anyjob.core.settlement import Answer, Lease, Settled, Settlement, Verdict

_REFUSED = 100
#: A new lease of a job whose run is being judged waits so long for that, and looks so often.
_JUDGED_WITHIN, _LOOK_AGAIN = 1.0, 0.001


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
    Nobody else may, but `adopt`, which puts it back.
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
        #: Ended, and not queued for settling yet.
        self._ending: set[Attempt] = set()
        self._finished: deque[Finished] = deque()
        #: Handed to the consumer, not answered.
        self._unanswered: dict[Lease, Finished] = {}
        #: Refused because the lease was gone: the next one may be on its way to us. The last few,
        #: for each keeps its job's body.
        self._refused: deque[Finished] = deque(maxlen=_REFUSED)
        self._handing_over = threading.Lock()
        #: Guards `Attempt.lease` of what runs, where it is changed or given up.
        self._adopting = threading.Lock()
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
        """Remove a running attempt; False if its outcome was decided already.

        Who removed it calls `finish` or `drop` next.
        """
        # In both for a moment rather than in neither, where `adopt` would not see it.
        self._ending.add(attempt)
        try:
            self.running.remove(attempt)
        except KeyError:
            with self._adopting:  # it may be away for the moment in which it adopts a lease
                if self._take(attempt):
                    return True
            self._ending.discard(attempt)
            return False
        return True

    def drop(self, attempt: Attempt) -> None:
        """Forget an ended attempt that is not to be settled."""
        self._ending.discard(attempt)

    def adopt(self, lease: Lease, lease_deadline: float) -> Attempt | None:
        """Let the run that goes on here, or that has ended and is not settled, take over a new
        lease of its job; returns that attempt.

        None where there is none, and where more happened to the job than that this worker's lease
        ran out: somebody else ended a run of it, or it was edited.
        """
        attempt = next((a for a in list(self.running) if _follows(lease, a.lease)), None)
        if attempt is not None:
            with self._adopting:
                if attempt.ending == LEASE_LOST:
                    return None
                if self._take(attempt):
                    # Nobody decides its outcome meanwhile, so the settlement names one lease or
                    # the other.
                    attempt.lease, attempt.lease_deadline = lease, lease_deadline
                    self.running.add(attempt)
                    return attempt
        self._wait_for_end(lease)
        return self._adopt_ended(lease)

    def _wait_for_end(self, lease: Lease) -> None:
        """Let whoever judges the run that this lease follows come to an end with it."""
        deadline = time.monotonic() + _JUDGED_WITHIN
        while any(_follows(lease, a.lease) for a in list(self._ending)):
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_AGAIN)

    def _adopt_ended(self, lease: Lease) -> Attempt | None:
        """Settle what has ended under the lease that followed its own: the older one is void."""
        with self._handing_over:
            unsettled = [*self._finished, *self.unanswered(), *self._refused]
            old = next((f for f in unsettled if f.attempt and _follows(lease, f.lease)), None)
            if old is None:
                return None
            settlement = msgspec.structs.replace(old.settlement, lease=lease)
            new = msgspec.structs.replace(old, lease=lease, settlement=settlement)
            # What is still to be handed over keeps its place; an answer to the old one is ignored.
            if self._unanswered.pop(old.lease, None) is None and old in self._finished:
                self._finished[self._finished.index(old)] = new
            else:
                self._finished.append(new)
            if old in self._refused:
                self._refused.remove(old)
        self.on_finished()
        return old.attempt

    def lose(self, attempt: Attempt, lease: Lease) -> bool:
        """Give an attempt up whose lease is gone; False if it has taken over another one."""
        with self._adopting:
            if attempt.lease is not lease:
                return False
            attempt.ending = LEASE_LOST
            return True

    def _take(self, attempt: Attempt) -> bool:
        try:
            self.running.remove(attempt)
        except KeyError:
            return False
        return True

    def finish(self, finished: Finished) -> None:
        """Queue an ended attempt for settling."""
        self._finished.append(finished)
        if finished.attempt is not None:
            self._ending.discard(finished.attempt)
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
        answers = []
        for one in settled:
            finished = self._unanswered.get(one.settlement.lease)
            if finished is None:
                continue
            if one.answer is Answer.LEASE_LOST:
                self._refused.append(finished)
            if self._unanswered.pop(finished.lease, None) is not None:
                answers.append((finished, one))
        return answers

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


def _follows(new: Lease, old: Lease) -> bool:
    """Whether the job was leased anew because the old lease ran out, and nothing else came of it
    in between.
    """
    return (
        new.id == old.id
        and new.queue == old.queue
        and new.attempt == old.attempt
        and new.redeliveries == old.redeliveries + 1
        and new.verdict is Verdict.RUN
        and new.note == old.note
        and new.body == old.body
    )


#: Reasons in `Attempt.ending`.
LEASE_LOST = "its lease was lost"
TIME_LIMIT = "its time limit has passed"
STOPPING = "the worker stops"
