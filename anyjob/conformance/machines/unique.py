"""The machine of unique keys and of ids that come twice: who holds a key, and when it is free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from msgspec.structs import replace

from anyjob.conformance.machines.base import refused
from anyjob.conformance.machines.model import ModelJob
from anyjob.conformance.machines.queue import End, QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.conformance.settlements import KINDS
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Unique
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.state import WAITING, State

SITUATIONS: dict[str, str | None] = {
    "a conflict named the holder": "unique",
    "one call wanted one key twice": "unique",
    "a key was free after its job ended": "unique",
    "a key was free after its job died": "unique",
    "a key was free after its job was removed": "unique",
    "a key was free after its time": "unique",
    "a key was wanted while its lapsed holder was leased again": "unique",
    "a stale settlement was sent": None,
    "an id came again": "dedup",
    "a dead job stayed dead for its key": "unique",
}

#: Such as careless text would take for one another.
KEYS = ["k", "K", "k\0"]
TTLS = st.sampled_from([None, None, LEASE / 2, 3 * LEASE])
WANTED = st.none() | st.tuples(st.sampled_from(KEYS), TTLS)
JOBS = st.lists(st.tuples(WANTED, st.sampled_from([None, None, 2.0])), min_size=1, max_size=4)
CONSUMERS = st.integers(0, 1)
PICKS = st.integers(0, 6)
END = st.tuples(st.sampled_from(KINDS), st.none(), st.none(), st.sampled_from([0.0, 2.0]))
#: A key wanted, and in how many seconds the job is due.
Wish = tuple[tuple[str, float | None] | None, float | None]


@dataclass
class Holding:
    """Whose a key is, and until when."""

    job: ModelJob
    until: float


class UniqueMachine(QueueMachine):
    """A few keys, wanted by many jobs that end in every way."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        #: By key: who took it last.
        self.holdings: dict[str, Holding] = {}
        #: Every job as it was accepted, the newest last.
        self.sent: list[Envelope] = []
        self.lapsed_once: set[str] = set()

    # Jobs come in

    @initialize(wishes=JOBS)
    def begin(self, wishes: Sequence[Wish]) -> None:
        self.enqueue(0, wishes)

    @rule(who=CONSUMERS, wishes=JOBS)
    def enqueue(self, who: int, wishes: Sequence[Wish]) -> None:
        jobs = [self._wished(*wish) for wish in wishes]
        keys = [job.unique.key for job in jobs if job.unique is not None]
        self.marks["one call wanted one key twice"] += len(set(keys)) < len(keys)

        self._received(jobs, self.backends[who].enqueue(jobs))

    @precondition(lambda self: self.model.capabilities.dedup == "window" and self.sent)
    @rule(who=CONSUMERS, picks=st.lists(PICKS, min_size=1, max_size=3))
    def enqueue_again(self, who: int, picks: list[int]) -> None:
        """What was stored is sent once more: a duplicate until its memory has ended."""
        chosen = dict.fromkeys(pick % len(self.sent) for pick in picks)
        self._resend(who, [self.sent[-1 - pick].id for pick in chosen])

    # Jobs go out, and come back

    @rule(who=CONSUMERS, ends=st.lists(END, min_size=1, max_size=4), wishes=JOBS)
    def work(self, who: int, ends: list[End], wishes: Sequence[Wish]) -> None:
        """Jobs run, and what they are for is wanted again, by a new id and by the old one."""
        leases = self.take(who, len(ends))
        self.end(who, list(enumerate(ends)))
        self.enqueue(1 - who, wishes)
        self._resend(who, [lease.id for lease in leases])

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def fetch(self, who: int, credit: int) -> None:
        self.take(who, credit)

    @rule(who=CONSUMERS, picks=st.lists(st.tuples(PICKS, END), min_size=1, max_size=4))
    def settle(self, who: int, picks: list[tuple[int, End]]) -> None:
        self.end(who, picks)

    @rule(seconds=st.sampled_from([0.5, LEASE / 2, LEASE + 6.0, 3 * LEASE]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(who=CONSUMERS, credit=st.integers(1, 4), end=END, wishes=JOBS)
    def overtake(self, who: int, credit: int, end: End, wishes: Sequence[Wish]) -> None:
        """The owner is another when the first one settles, and the key is still the job's."""
        self.take(who, credit)
        self.pass_time(LEASE + self.model.capabilities.redelivery_lag + 0.01)
        self.lapsed_once |= {lease.id for lease in self.take(1 - who, 10)}
        self.end(who, [(pick, end) for pick in range(credit)])
        self.enqueue(who, wishes)

    @rule(who=CONSUMERS, key=st.sampled_from(KEYS), end=END)
    def outlive_a_key(self, who: int, key: str, end: End) -> None:
        """A job outlives its key, which is another's when the job ends, and a third wants it."""
        self.enqueue(who, [((key, LEASE / 2), None)])
        self.take(who, 10)
        self.pass_time(LEASE / 2 + 1.0)
        self.enqueue(1 - who, [((key, None), None)])
        self.end(who, [(pick, end) for pick in range(3)])
        self.enqueue(who, [((key, None), None)])

    @rule(who=CONSUMERS, key=st.sampled_from(KEYS), step=st.sampled_from([-3600.0, 3600.0]))
    def set_clock(self, who: int, key: str, step: float) -> None:
        """A key is held as long as it was asked for, whatever the clock on the wall shows."""
        self.enqueue(who, [((key, LEASE / 2), None)])
        self.set_wall_clock(step)
        self.enqueue(1 - who, [((key, LEASE), None)])
        self.pass_time(LEASE / 2 + 1.0)
        self.enqueue(who, [((key, None), None)])

    @precondition(lambda self: not self.scene.lacks("unique"))
    @rule(who=CONSUMERS, key=st.sampled_from(KEYS))
    def be_refused(self, who: int, key: str) -> None:
        """A call that is refused leaves no key behind."""
        most = self.model.capabilities.max_payload
        wanting = self._wished((key, None), None)
        too_large = replace(self._job(5, None, 0), body=bytes(most + 1))

        with refused(PayloadTooLarge):
            self.backends[who].enqueue([wanting, too_large])

        self.enqueue(1 - who, [((key, None), None)])

    # People

    @precondition(lambda self: not self.scene.lacks("cancel"))
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3))
    def cancel(self, picks: list[int]) -> None:
        self.call_off(picks, unknown=False)

    @rule()
    def purge(self) -> None:
        self.purge_waiting(WAITING)

    @precondition(lambda self: not self.scene.lacks("dead"))
    @rule(who=CONSUMERS, count=st.integers(1, 3), wishes=JOBS)
    def bury_and_revive(self, who: int, count: int, wishes: Sequence[Wish]) -> None:
        """What died takes its key again only where nobody else has it by then."""
        self.take(who, count)
        self.end(who, [(pick, ("bury", None, None, 0.0)) for pick in range(count)])
        self.enqueue(who, wishes)
        self._revive_all()

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(picks=st.none() | st.lists(PICKS, max_size=3))
    def discard(self, picks: list[int] | None) -> None:
        self.discard_dead(picks)

    # Steps

    def _wished(self, wanted: tuple[str, float | None] | None, due: float | None) -> Envelope:
        if wanted is None or self.scene.lacks("unique"):
            return self._job(5, due, 20)
        return self._job(5, due, 20, Unique(*wanted))

    def _resend(self, who: int, ids: Sequence[str]) -> None:
        if self.model.capabilities.dedup == "none":
            return
        known = [job for job in self.sent if job.id in ids and self._is_known(job)]
        self.marks["an id came again"] += bool(known)

        assert self.backends[who].enqueue(known) == [Duplicate(job.id) for job in known]

    def _received(self, jobs: Sequence[Envelope], receipts: Sequence[Receipt]) -> None:
        for job, receipt in zip(jobs, receipts, strict=True):
            holder = self._holder(job)
            if receipt == ACCEPTED:
                self._assert_free(job)
                self._mark_freedom(job)
                self.model.accept(job)
                self.sent.append(job)
                self._hold(job, self.model.jobs[job.id])
            else:
                assert holder is not None, f"{job.id} got {receipt}, and nobody holds its key"
                assert receipt == Duplicate(holder.id), f"{job.id}: {holder.id} holds its key"
                self.marks["a conflict named the holder"] += 1
                self.marks["a key was wanted while its lapsed holder was leased again"] += (
                    holder.id in self.lapsed_once and holder.state is State.LEASED
                )
                assert self.backends[0].get(QUEUE, [job.id]) == [None], "a refused job was stored"

    def _holder(self, envelope: Envelope) -> ModelJob | None:
        """Who may hold the key that a job wants: surely, unless its time ends in this instant."""
        holding = self._holding(envelope)
        if holding is None or not self._is_unfinished(holding.job):
            return None
        return holding.job if self.model.steady() <= holding.until + self._eps else None

    def _assert_free(self, envelope: Envelope) -> None:
        """Nobody surely holds the key that a job got."""
        holding, holder = self._holding(envelope), self._holder(envelope)
        if holding is not None and holder is not None:
            is_sure = self.model.steady() < holding.until - self._eps
            assert not is_sure, f"{envelope.id} got the key that {holder.id} holds"

    def _holding(self, envelope: Envelope) -> Holding | None:
        return None if envelope.unique is None else self.holdings.get(envelope.unique.key)

    def _hold(self, envelope: Envelope, job: ModelJob) -> None:
        if envelope.unique is not None:
            ttl = envelope.unique.ttl
            until = math.inf if ttl is None else self.model.steady() + ttl
            self.holdings[envelope.unique.key] = Holding(job, until)

    def _revive_all(self) -> None:
        dead = self.model.in_state(State.DEAD)
        revived = self.backends[1].revive(QUEUE, None)

        records = self.backends[1].get(QUEUE, [job.id for job in dead])
        envelopes = {envelope.id: envelope for envelope in self.sent}
        alive = [
            job
            for job, record in zip(dead, records, strict=True)
            if record is not None and record.state is State.READY
        ]
        assert revived == len(alive)
        for job in alive:
            self._assert_free(envelopes[job.id])
            self.model.revived(job, None)
            self._hold(envelopes[job.id], job)
        for job in self.model.in_state(State.DEAD):
            assert self._holder(envelopes[job.id]), f"{job.id} is dead for nothing"
            self.marks["a dead job stayed dead for its key"] += 1

    def _mark_freedom(self, job: Envelope) -> None:
        former = self._holding(job)
        if former is None:
            return
        state = former.job.state
        if former.job.id not in self.model.jobs:
            self.marks["a key was free after its job was removed"] += 1
        elif state is State.DEAD:
            self.marks["a key was free after its job died"] += 1
        elif state.is_terminal:
            self.marks["a key was free after its job ended"] += 1
        else:
            self.marks["a key was free after its time"] += 1

    def _is_known(self, envelope: Envelope) -> bool:
        job = self.model.jobs.get(envelope.id)
        if job is None:
            return False
        ended = job.state.is_terminal and job.state is not State.DEAD
        return not ended or self.model.is_remembered(job)

    def _is_unfinished(self, job: ModelJob) -> bool:
        return self.model.jobs.get(job.id) is job and not job.state.is_terminal

    @property
    def _eps(self) -> float:
        return self.model.capabilities.resolution
