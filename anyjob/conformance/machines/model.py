"""What a queue of jobs may do: the model that the machines compare a backend with.

It is a dict of jobs. Where the contract leaves a choice (a lease past its end that nobody took, a
due time inside the lag), the model knows the set of legal answers, and learns from the one that was
given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from anyjob.conformance.brief import brief
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import CancelResult
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import PRIORITIES, Envelope
from anyjob.core.settlement import (
    Abandon,
    Answer,
    Bury,
    Complete,
    End,
    Lease,
    Release,
    Retry,
    Settlement,
)
from anyjob.core.state import WAITING, State

#: The place of a job that was released: before all that were never leased.
HEAD = -1
#: The part of a lease after which a local fence lets nothing pass.
LOCAL_DEADLINE = 0.9
#: One job in so many may come from the low end of the priorities.
LOW_SHARE = 16


@dataclass(eq=False)
class ModelJob:
    """A job as the model knows it."""

    id: str
    body: bytes
    priority: int
    state: State
    #: In its priority, smaller first; None: anywhere.
    place: int | None
    #: Since when it is ready, when it is due, when it ended, all on the wall clock; or when its
    #: lease ends, on the steady one.
    at: float
    #: Until when a lease is surely its holder's: earlier than its end where the fence is local.
    sure: float = 0.0
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""
    token: int | None = None
    #: Whether its place was given by its enqueue: that of a job that was delayed, retried or
    #: revived is left open, and so is where a release puts it back.
    is_placed: bool = True
    was_released: bool = False
    tokens: set[int] = field(default_factory=set)
    reason: str | None = None
    outcome: bytes | None = None
    keep: float = 0.0
    #: When it ended, on the steady clock.
    ended: float = 0.0
    #: How often the wall clock had been set back when it was accepted.
    era: int = 0


class Model:
    """The jobs of one queue, and what may be seen of them."""

    def __init__(self, capabilities: Capabilities, clock: FakeClock) -> None:
        self.capabilities = capabilities
        #: The wall clock, which may be set, and the steady one.
        self.now = clock.time
        self.steady = clock.monotonic
        self.jobs: dict[str, ModelJob] = {}
        self.paused = False
        #: How often the wall clock was set back: by then, a place may be told by an earlier time
        #: than those before it.
        self.era = 0
        self._places = 0
        self._fetched = 0
        self._inversions = 0

    # What is known

    def unfinished(self) -> list[ModelJob]:
        """The jobs that are not over."""
        return [job for job in self.jobs.values() if not job.state.is_terminal]

    def in_state(self, *states: State) -> list[ModelJob]:
        """The jobs of some states."""
        return [job for job in self.jobs.values() if job.state in states]

    def may_be_leased(self, job: ModelJob) -> bool:
        """Whether a fetch may return it."""
        return not self.paused and (job.state is State.READY or self._has_come(job, 0.0))

    def must_be_leased(self, job: ModelJob) -> bool:
        """Whether a fetch that finds nothing would be wrong."""
        if self.paused or job.state is State.READY:
            return not self.paused
        return self._has_come(job, self._lag(job) + self.capabilities.resolution)

    def is_live(self, lease: Lease) -> bool:
        """Whether this lease is the job's own and has not ended."""
        return self._is_current(lease) and self.steady() < self.jobs[lease.id].sure - self._eps

    def may_be_live(self, lease: Lease) -> bool:
        """Whether it is the newest of its job and nobody is known to have taken it back."""
        return self._is_current(lease)

    def is_certain(self, job: ModelJob) -> bool:
        """Whether its state is not about to change by itself, or just has."""
        moves = job.state in (State.SCHEDULED, State.LEASED)
        return not moves or self._clock_of(job) < job.at - self._eps

    def may_have_come(self, job: ModelJob) -> bool:
        """Whether its time is over, or is now."""
        return self._has_come(job, 0.0)

    def is_remembered(self, job: ModelJob) -> bool:
        """Whether the record of an ended job must still be there."""
        return self.steady() < job.ended + max(job.keep, self.capabilities.dedup_window) - 1.0

    # What happens

    def accept(self, envelope: Envelope) -> None:
        """A job was stored."""
        at = self._due(envelope.due)
        job = ModelJob(
            id=envelope.id,
            body=envelope.body,
            priority=envelope.priority,
            state=State.SCHEDULED if at > self.now() else State.READY,
            place=None if envelope.due is not None else self._next_place(),
            at=at,
            is_placed=envelope.due is None,
            era=self.era,
        )
        self.jobs[job.id] = job

    def fetched(
        self, leases: Sequence[Lease], credit: int, seconds: float, must: Iterable[ModelJob]
    ) -> None:
        """A fetch returned these; `must` could be leased when it began. Fails if that is no legal
        answer.
        """
        waiting = list(must)
        assert len(leases) <= credit, f"{len(leases)} leases for a credit of {credit}"
        assert leases or not waiting, f"nothing fetched, though {len(waiting)} jobs are ready"
        assert len({lease.id for lease in leases}) == len(leases), "one job twice in a fetch"
        for lease in leases:
            job = self.jobs.get(lease.id)
            assert job is not None, f"{lease.id} was never enqueued, or is gone"
            self._check_turn(job, waiting)
            self._lease(job, lease, seconds)
        self._fetched += len(leases)

    def settled(self, settlement: Settlement, answer: Answer) -> None:
        """A settlement was answered. Fails if that is no legal answer."""
        lease = settlement.lease
        if self.is_live(lease):
            assert answer is Answer.DONE, f"live lease on {lease.id} answered {answer}"
        if not self._is_current(lease):
            assert answer is Answer.LEASE_LOST, f"stale lease on {lease.id} answered {answer}"
        elif self._is_fenced_off(lease):
            assert answer is Answer.LEASE_LOST, f"{lease.id} settled past its local deadline"
        if answer is Answer.DONE:
            self._apply(self.jobs[lease.id], settlement)

    def extended(self, lease: Lease, seconds: float, *, lost: bool) -> None:
        """A lease was extended, or reported as lost. Fails if that is no legal answer."""
        assert not (lost and self.is_live(lease)), f"live lease on {lease.id} reported as lost"
        assert lost or self._is_current(lease), f"stale lease on {lease.id} extended"
        assert lost or not self._is_fenced_off(lease), f"{lease.id} extended past its deadline"
        if not lost:
            self._hold(self.jobs[lease.id], seconds)

    def severed(self, leases: Iterable[Lease] | None = None) -> None:
        """The connections were cut on which these leases hang, or all."""
        for job in self.in_state(State.LEASED):
            if leases is None or any(
                self._is_current(each) for each in leases if each.id == job.id
            ):
                job.at = job.sure = self.steady()

    def cancelled(self, job_id: str, result: CancelResult) -> None:
        """A request to cancel was answered. Fails if that is no legal answer."""
        job = self.jobs.get(job_id)
        assert result in self._cancel_results(job), f"cancel of {job and job.state}: {result}"
        if job is not None and result is CancelResult.CANCELLED:
            # It was waiting, or its lease had lapsed and was taken back.
            job.redeliveries += job.state is State.LEASED
            self._end(job, State.CANCELLED)

    def revived(self, job: ModelJob, body: bytes | None) -> None:
        """A dead job was made ready."""
        job.state, job.place, job.at = State.READY, None, self.now()
        job.attempts = job.redeliveries = 0
        job.is_placed = False
        job.reason = None
        job.body = job.body if body is None else body

    def removed(self, job: ModelJob) -> None:
        """A job was purged or discarded."""
        del self.jobs[job.id]

    # Steps

    @property
    def _eps(self) -> float:
        return self.capabilities.resolution

    def _clock_of(self, job: ModelJob) -> float:
        """What the clock shows that the job's time is on."""
        return self.steady() if job.state is State.LEASED else self.now()

    def _due(self, due: float | datetime | None) -> float:
        if isinstance(due, datetime):
            return due.timestamp()
        return self.now() + max(due or 0.0, 0.0)

    def _lag(self, job: ModelJob) -> float:
        lapsing = job.state is State.LEASED
        return self.capabilities.redelivery_lag if lapsing else self.capabilities.schedule_lag

    def _has_come(self, job: ModelJob, lag: float) -> bool:
        moves = job.state in (State.SCHEDULED, State.LEASED)
        return moves and self._clock_of(job) >= job.at + lag - (0.0 if lag else self._eps / 2)

    def _is_current(self, lease: Lease) -> bool:
        job = self.jobs.get(lease.id)
        return job is not None and job.state is State.LEASED and job.token == lease.token

    def _is_fenced_off(self, lease: Lease) -> bool:
        """Whether a local fence has to stop its holder by now."""
        local = self.capabilities.fencing == "local" and self.capabilities.lease == "timed"
        return local and self.steady() > self.jobs[lease.id].sure + self._eps

    def _next_place(self) -> int:
        self._places += 1
        return self._places

    def _check_turn(self, job: ModelJob, waiting: list[ModelJob]) -> None:
        """Whether it was this job's turn before those that still wait."""
        assert self.may_be_leased(job), (
            f"{job.state} job {job.id} was leased at {self._clock_of(job) - job.at:.3f} s"
        )
        if job in waiting:
            waiting.remove(job)
        if self.capabilities.order == "fifo" and job.place is not None:
            passed = [
                other.id
                for other in waiting
                if (other.priority, other.era) == (job.priority, job.era)
                and other.place is not None
                and other.place < job.place
            ]
            assert not passed, f"{job.id} went before {passed} of its priority"
        if any(self._outranks(other, job) for other in waiting):
            self._inversions += 1
            allowed = (self._fetched + LOW_SHARE) / LOW_SHARE + 2
            assert self._inversions <= allowed, f"{self._inversions} inversions of priority"

    def _outranks(self, one: ModelJob, other: ModelJob) -> bool:
        if self.capabilities.priorities == PRIORITIES:
            return one.priority > other.priority
        # Which of the ten fall together is not declared; the first and the last never do.
        several = self.capabilities.priorities > 1
        return several and (one.priority, other.priority) == (PRIORITIES - 1, 0)

    def _lease(self, job: ModelJob, lease: Lease, seconds: float) -> None:
        redeliveries = job.redeliveries + (job.state is State.LEASED)
        exact = self.capabilities.redeliveries == "exact"
        assert brief(lease.body) == brief(job.body)
        assert lease.priority == job.priority
        assert lease.attempt == job.attempts + 1
        assert lease.redeliveries == redeliveries or (
            not exact and lease.redeliveries > redeliveries
        )
        assert brief(lease.note) == brief(job.note)
        assert lease.token not in job.tokens, f"a token of {job.id} was issued twice"
        if self.capabilities.lease == "timed":
            assert abs(lease.until - lease.now - seconds) <= self._eps
        assert abs(lease.now - self.now()) <= self._eps
        job.redeliveries = lease.redeliveries
        job.was_released = False
        # Where a lapsed job comes back is left open.
        job.place = None
        job.state, job.token = State.LEASED, lease.token
        job.tokens.add(lease.token)
        self._hold(job, seconds)

    def _hold(self, job: ModelJob, seconds: float) -> None:
        if self.capabilities.lease == "connection":
            job.at = job.sure = math.inf
            return
        local = self.capabilities.fencing == "local"
        job.at = self.steady() + seconds
        job.sure = self.steady() + (LOCAL_DEADLINE * seconds if local else seconds)

    def _apply(self, job: ModelJob, settlement: Settlement) -> None:
        if settlement.note is not None:
            job.note = settlement.note
        match settlement:
            case Complete():
                self._end(job, State.SUCCEEDED, settlement)
            case End():
                self._end(job, State(settlement.state), settlement)
            case Bury():
                job.attempts += settlement.ran
                job.reason = settlement.reason
                job.state, job.at = State.DEAD, self.now()
            case Retry():
                job.attempts += 1
                job.is_placed = False
                self._wait(job, settlement.delay, None)
            case Release():
                job.was_released = True
                job.is_placed = job.is_placed and not settlement.delay
                returns = job.is_placed and self.capabilities.release == "place"
                self._wait(job, settlement.delay, HEAD if returns else None)
            case Abandon():
                job.redeliveries += 1
                self._wait(job, 0.0, None)
        for child in settlement.then:
            self.accept(child)

    def _wait(self, job: ModelJob, delay: float, place: int | None) -> None:
        job.state = State.SCHEDULED if delay else State.READY
        job.place = None if delay else place
        job.at = self.now() + delay

    def _end(self, job: ModelJob, state: State, settlement: Settlement | None = None) -> None:
        job.state, job.at, job.ended = state, self.now(), self.steady()
        if settlement is not None:
            job.outcome, job.keep = settlement.outcome, settlement.keep

    def _cancel_results(self, job: ModelJob | None) -> set[CancelResult]:
        if job is None:
            return {CancelResult.UNKNOWN}
        if job.state in WAITING:
            return {CancelResult.CANCELLED}
        if job.state is State.LEASED:
            lapsed = not self.is_certain(job)
            return {CancelResult.RUNNING, *([CancelResult.CANCELLED] if lapsed else [])}
        forgotten = job.state is not State.DEAD and not self.is_remembered(job)
        return {CancelResult.ENDED, *([CancelResult.UNKNOWN] if forgotten else [])}
