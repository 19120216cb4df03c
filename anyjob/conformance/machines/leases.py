"""The lease machine: enqueue, fetch, settle, extend, crash, pause, cancel and revive in any order,
against the model.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from anyjob.conformance.machines.queue import End, NewJob, QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.conformance.settlements import KINDS
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope
from anyjob.core.settlement import MAX_NOTE
from anyjob.core.state import WAITING, State

SITUATIONS: dict[str, str | None] = {
    "a lease lapsed while its holder lived": None,
    "a lost job was leased again": None,
    "a stale settlement was sent": None,
    "a stale extend was sent": None,
    "a released job was leased again": None,
    "children were enqueued": None,
    "a consumer died with leases": None,
    "a queue was paused with jobs in it": "pause",
    "a dead job was revived": "dead",
    "a job was cancelled": "cancel",
}

#: Sizes, because a drawn body would be printed whole.
SIZES = st.sampled_from([40, 40, 0, 1, 65_537])
PRIORITIES = st.sampled_from([5, 5, 5, 0, 9])
DELAYS = st.sampled_from([None, None, None, 0.0, 1.5, LEASE + 10.0])
JOB = st.tuples(PRIORITIES, DELAYS, SIZES)
LOTS = st.lists(JOB, min_size=3, max_size=8)
END = st.tuples(
    st.sampled_from([*KINDS, "retry"]),
    st.sampled_from([None, 5, MAX_NOTE]),
    st.none() | st.none() | JOB,
    st.sampled_from([0.0, 0.0, 2.0, LEASE]),
)
ENDS = st.lists(END, min_size=3, max_size=6)
#: How far back in the leases of a consumer: mostly the newest ones, stale ones among them.
PICKS = st.integers(0, 9)
JOBS = st.integers(0, 30)
CONSUMERS = st.integers(0, 1)


class LeaseMachine(QueueMachine):
    """All that may happen to leases, in any order."""

    situations = SITUATIONS

    # Jobs come in

    @initialize(jobs=LOTS, who=CONSUMERS)
    def begin(self, jobs: list[NewJob], who: int) -> None:
        self.enqueue(jobs, who)

    @rule(jobs=LOTS, who=CONSUMERS)
    def enqueue(self, jobs: list[NewJob], who: int) -> None:
        envelopes = [self._job(*job) for job in jobs]

        receipts = self.backends[who].enqueue(envelopes)

        assert receipts == [ACCEPTED] * len(envelopes)
        for envelope in envelopes:
            self.model.accept(envelope)

    @precondition(lambda self: self.model.capabilities.dedup == "window")
    @rule(picks=st.lists(JOBS, min_size=1, max_size=3))
    def enqueue_again(self, picks: list[int]) -> None:
        known = [
            job
            for job in self._picked(picks)
            if not job.state.is_terminal or job.state is State.DEAD or self.model.is_remembered(job)
        ]

        receipts = self.backends[0].enqueue(
            [Envelope(id=job.id, queue=QUEUE, body=b"again") for job in known]
        )

        assert receipts == [Duplicate(job.id) for job in known]

    # Jobs go out

    @rule(who=CONSUMERS, credit=st.integers(1, 6))
    def fetch(self, who: int, credit: int) -> None:
        self.take(who, credit)

    @rule(who=CONSUMERS, ends=ENDS)
    def work(self, who: int, ends: list[End]) -> None:
        """What a worker does all day: fetch, and settle what was fetched."""
        self.fetch(who, len(ends))
        self.settle(who, list(enumerate(ends)))
        self.compare_records()

    @rule(
        who=CONSUMERS,
        credit=st.integers(1, 6),
        picks=st.lists(st.tuples(PICKS, END), min_size=1, max_size=3),
    )
    def settle_and_fetch(self, who: int, credit: int, picks: list[tuple[int, End]]) -> None:
        # What is told by the answer of a lapsed lease is known after the fetch only, so those are
        # left out.
        settlements = [
            each
            for each in self._settlements(who, picks)
            if self.model.is_live(each.lease) or not self.model.may_be_live(each.lease)
        ]
        must = [job for job in self.model.jobs.values() if self.model.must_be_leased(job)]

        self.consumers[who].settle(settlements)
        leases = self.consumers[who].fetch(credit, 0.0)
        answers = self._flush(who, settlements)

        self._settled(settlements, answers)
        self._fetched(who, leases, credit, must)

    @rule(who=CONSUMERS, picks=st.lists(st.tuples(PICKS, END), min_size=1, max_size=5))
    def settle(self, who: int, picks: list[tuple[int, End]]) -> None:
        self.end(who, picks)

    @rule(
        who=CONSUMERS,
        picks=st.lists(PICKS, min_size=1, max_size=5),
        seconds=st.sampled_from([1.0, LEASE, 3 * LEASE]),
    )
    def extend(self, who: int, picks: list[int], seconds: float) -> None:
        leases = self._held(who, picks)
        if any(not self.model.may_be_live(lease) for lease in leases):
            self.marks["a stale extend was sent"] += 1

        lost = self.consumers[who].extend(leases, seconds)

        assert {id(lease) for lease in lost} <= {id(lease) for lease in leases}
        for lease in leases:
            self.model.extended(lease, seconds, lost=lease in lost)

    @rule(who=CONSUMERS, count=st.integers(1, 3), edited=st.booleans())
    def die_and_revive(self, who: int, count: int, edited: bool) -> None:
        """What was fetched is buried, and all that is dead revived."""
        self.fetch(who, count)
        self.settle(who, [(pick, ("bury", None, None, 0.0)) for pick in range(count)])
        self.revive(None, edited)

    # Time, and who dies

    @rule(seconds=st.sampled_from([0.4, 1.5, LEASE / 2, LEASE - 0.5, LEASE + 0.01, 2 * LEASE]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def overtake(self, who: int, credit: int) -> None:
        """What one consumer holds goes to the other, and its leases are stale: they lengthen
        nobody's.
        """
        lapsed = LEASE + self.model.capabilities.redelivery_lag + 0.01
        self.fetch(who, credit)
        self.advance(lapsed)
        self.fetch(1 - who, 10)
        self.extend(who, list(range(credit)), 3 * LEASE)
        self.advance(lapsed)
        self.fetch(who, 10)

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def shorten(self, who: int, credit: int) -> None:
        """Who extends by little gives up what was left."""
        self.fetch(who, credit)
        self.extend(who, list(range(credit)), 1.0)
        self.advance(1.0 + self.model.capabilities.redelivery_lag + 0.01)
        self.fetch(1 - who, 10)

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def outlast(self, who: int, credit: int) -> None:
        """What was extended lasts so long from then on, and no longer."""
        self.fetch(who, credit)
        self.advance(LEASE / 2)
        self.extend(who, list(range(credit)), LEASE)
        self.advance(LEASE - 0.5)
        self.fetch(1 - who, 10)
        self.advance(self.model.capabilities.redelivery_lag + 0.6)
        self.fetch(1 - who, 10)

    @rule(who=CONSUMERS)
    def maintain(self, who: int) -> None:
        assert self.backends[who].maintain(0.05) >= 0

    @rule(who=CONSUMERS)
    def die(self, who: int) -> None:
        if any(self.model.is_live(lease) for lease in self.leases[who]):
            self.marks["a consumer died with leases"] += 1
        self.consumers[who].close(release=False)
        self._replace(who)

    # People

    @precondition(lambda self: not self.scene.lacks("cancel"))
    @rule(picks=st.lists(JOBS, min_size=1, max_size=3), unknown=st.booleans())
    def cancel(self, picks: list[int], unknown: bool) -> None:
        self.call_off(picks, unknown=unknown)

    @precondition(lambda self: not self.scene.lacks("pause") and not self.model.paused)
    @rule(who=CONSUMERS)
    def pause(self, who: int) -> None:
        self.marks["a queue was paused with jobs in it"] += bool(self.model.in_state(*WAITING))
        self.backends[who].pause(QUEUE)
        self.scene.pass_time(5.0)
        self.model.paused = True

    @precondition(lambda self: self.model.paused)
    @rule(who=CONSUMERS)
    def resume(self, who: int) -> None:
        self.backends[who].resume(QUEUE)
        self.scene.pass_time(5.0)
        self.model.paused = False

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(picks=st.none() | st.lists(JOBS, max_size=3), edited=st.booleans())
    def revive(self, picks: list[int] | None, edited: bool) -> None:
        dead = self._dead(picks)
        edit = {job.id: b"edited" for job in dead[:1]} if edited else {}

        revived = self.backends[1].revive(QUEUE, self._ids(picks), edit=edit)

        assert revived == len(dead)
        for job in dead:
            self.model.revived(job, edit.get(job.id))
            self.marks["a dead job was revived"] += 1

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(picks=st.none() | st.lists(JOBS, max_size=3))
    def discard(self, picks: list[int] | None) -> None:
        self.discard_dead(picks)

    @precondition(lambda self: len(self.model.in_state(*WAITING)) > 3)
    @rule()
    def purge(self) -> None:
        self.purge_waiting(WAITING)

    # Looking

    @rule()
    def look(self) -> None:
        self.compare_records()

    @invariant()
    def counts_add_up(self) -> None:
        if self.model.capabilities.counts != "exact":
            return
        ready, scheduled, leased, dead = self.scene.counted()
        assert dead == len(self.model.in_state(State.DEAD))
        assert ready + scheduled + leased == len(self.model.unfinished())
        if all(map(self.model.is_certain, self.model.jobs.values())):
            assert ready == len(self.model.in_state(State.READY))
            assert scheduled == len(self.model.in_state(State.SCHEDULED))
