"""The machine of what people do to a queue: pause, purge, cancel, browse, count, bury, revive and
discard.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from anyjob.conformance.machines.listing import Walk
from anyjob.conformance.machines.queue import End, NewJob, QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.core.envelope import ACCEPTED
from anyjob.core.settlement import MAX_NOTE
from anyjob.core.state import WAITING, State

AGED = "the oldest ready job had an age"
SITUATIONS: dict[str, str | None] = {
    "a queue was paused with jobs in it": "pause",
    "a lease was settled while its queue was paused": "pause",
    "a job was cancelled": "cancel",
    "what is leased was to be cancelled": "cancel",
    "waiting jobs were purged beside leased ones": None,
    "a dead job was revived": "dead",
    "a dead job was revived with another body": "dead",
    "a dead job was discarded": "dead",
    "a revived job died again": "dead",
    "pages were read under change": "browse",
    AGED: None,
}

PRIORITIES = st.sampled_from([5, 5, 0, 9])
DELAYS = st.sampled_from([None, None, 1.5, LEASE + 10.0])
JOB = st.tuples(PRIORITIES, DELAYS, st.sampled_from([20, 0, 300]))
LOT = st.lists(JOB, min_size=1, max_size=6)
NOTES = st.sampled_from([None, 5, MAX_NOTE])
END = st.tuples(
    st.sampled_from(["bury", "bury", "bury", "complete", "end", "retry", "release"]),
    NOTES,
    st.none(),
    st.sampled_from([0.0, 2.0]),
)
ENDS = st.lists(END, min_size=1, max_size=4)
WHO = st.integers(0, 1)
PICKS = st.lists(st.integers(0, 12), min_size=1, max_size=3)
ALL_OR_SOME = st.none() | PICKS
STATES = st.sampled_from([State.DEAD, State.DEAD, State.READY, State.SCHEDULED, State.LEASED])


class AdministrationMachine(QueueMachine):
    """A queue under the hands of operators."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        if self.scene.capabilities.counts != "exact":
            self.wanted.discard(AGED)  # nobody looks at it then
        self.revived_once: set[str] = set()

    # What workers do

    @initialize(lot=LOT)
    def begin(self, lot: Sequence[NewJob]) -> None:
        self.enqueue(lot, 0)

    @rule(lot=LOT, who=WHO)
    def enqueue(self, lot: Sequence[NewJob], who: int) -> None:
        jobs = [self._job(*each) for each in lot]

        assert self.backends[who].enqueue(jobs) == [ACCEPTED] * len(jobs)

        for job in jobs:
            self.model.accept(job)

    @rule(who=WHO, ends=ENDS)
    def work(self, who: int, ends: list[End]) -> None:
        leases = self.take(who, len(ends))
        self.end(who, list(enumerate(ends)))
        self.marks["a revived job died again"] += any(
            lease.id in self.revived_once and self.model.jobs[lease.id].state is State.DEAD
            for lease in leases
        )

    @rule(who=WHO, credit=st.integers(1, 3))
    def fetch(self, who: int, credit: int) -> None:
        self.take(who, credit)

    @rule(who=WHO, picks=st.lists(st.tuples(st.integers(0, 3), END), min_size=1, max_size=3))
    def settle(self, who: int, picks: list[tuple[int, End]]) -> None:
        live = any(self.model.is_live(lease) for lease in self._held(who, [at for at, _ in picks]))
        self.end(who, picks)
        self.marks["a lease was settled while its queue was paused"] += self.model.paused and live

    @rule(seconds=st.sampled_from([0.5, 2.0, LEASE + 6.0]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    # What people do

    @precondition(lambda self: not self.scene.lacks("pause"))
    @rule(who=WHO, lot=LOT, credit=st.integers(1, 3), end=END)
    def pause(self, who: int, lot: Sequence[NewJob], credit: int, end: End) -> None:
        """What comes while a queue is paused stays, and what is leased may be settled."""
        leases = self.take(who, credit)
        self.backends[who].pause(QUEUE)
        self.scene.pass_time(5.0)
        self.model.paused = True
        assert self.backends[1 - who].paused() == {QUEUE}
        self.enqueue(lot, who)
        self.marks["a queue was paused with jobs in it"] += bool(self.model.in_state(*WAITING))
        self.take(1 - who, 5)
        self.settle(who, [(at, end) for at in range(len(leases))])

    @precondition(lambda self: self.model.paused)
    @rule(who=WHO)
    def resume(self, who: int) -> None:
        self.backends[who].resume(QUEUE)
        self.scene.pass_time(5.0)
        self.model.paused = False
        assert self.backends[1 - who].paused() == set()
        self.take(who, 3)

    @precondition(lambda self: not self.scene.lacks("cancel"))
    @rule(picks=PICKS, unknown=st.booleans())
    def cancel(self, picks: list[int], unknown: bool) -> None:
        self.marks["what is leased was to be cancelled"] += any(
            job.state is State.LEASED for job in self._picked(picks)
        )
        self.call_off(picks, unknown=unknown)

    @rule(who=WHO, states=st.sampled_from([WAITING, {State.READY}, {State.SCHEDULED}, set()]))
    def purge(self, who: int, states: set[State]) -> None:
        """What is leased stays, and can be settled."""
        self.take(who, 1)
        waiting = self.model.in_state(*states)
        self.purge_waiting(states)
        self.marks["waiting jobs were purged beside leased ones"] += bool(
            waiting and self.model.in_state(State.LEASED)
        )
        self.settle(who, [(0, ("complete", None, None, 0.0))])

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(who=WHO, picks=ALL_OR_SOME, edited=st.booleans())
    def revive(self, who: int, picks: list[int] | None, edited: bool) -> None:
        dead = self._dead(picks)
        edit = {job.id: b"edited" for job in dead[:1]} if edited else {}

        assert self.backends[who].revive(QUEUE, self._ids(picks), edit=edit) == len(dead)

        for job in dead:
            self.model.revived(job, edit.get(job.id))
            self.revived_once.add(job.id)
        self.marks["a dead job was revived"] += bool(dead)
        self.marks["a dead job was revived with another body"] += bool(edit)
        ids = [job.id for job in dead]
        assert not ids or self.backends[1 - who].revive(QUEUE, ids) == 0, "revived twice"

    @precondition(lambda self: not self.scene.lacks("dead"))
    @rule(who=WHO, count=st.integers(1, 3), edited=st.booleans(), note=NOTES)
    def die_again(self, who: int, count: int, edited: bool, note: int | None) -> None:
        """What was fetched dies, is revived by a person, and dies of the same."""
        ends: list[End] = [("bury", note, None, 0.0)] * count
        self.work(who, ends)
        self.compare_records()
        self.revive(1 - who, None, edited)
        self.work(who, ends)

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(picks=ALL_OR_SOME)
    def discard(self, picks: list[int] | None) -> None:
        self.marks["a dead job was discarded"] += bool(self._dead(picks))
        self.discard_dead(picks)

    # Looking

    @rule(
        state=STATES,
        limit=st.integers(1, 3),
        change=st.sampled_from(["discard", "none", "enqueue", "work", "cancel", "revive"]),
        lot=LOT,
        ends=ENDS,
        picks=PICKS,
    )
    def browse(
        self,
        state: State,
        limit: int,
        change: str,
        lot: list[NewJob],
        ends: list[End],
        picks: list[int],
    ) -> None:
        """Page through a state, with a change after the first page."""
        if not self.scene.capabilities.lists(state):
            return
        self.enqueue(lot, 0)
        if state is State.DEAD:
            self.work(0, [("bury", 5, None, 0.0)] * len(lot))
        walk = Walk(self.model, self.backends[1], state, limit)
        walk.read_page()
        if change == "enqueue":
            self.enqueue(lot, 0)
        elif change == "work":
            self.work(0, ends)
        elif change == "cancel" and not self.scene.lacks("cancel"):
            self.call_off(picks, unknown=False)
        elif change == "revive" and self.model.in_state(State.DEAD):
            self.revive(0, self._shown(walk), edited=False)
        elif change == "discard":
            self.discard_dead(self._shown(walk))
        self.marks["pages were read under change"] += change != "none" and not walk.is_over
        walk.finish()

    def _shown(self, walk: Walk) -> list[int]:
        """Where the jobs that a walk has shown stand among those to be picked."""
        jobs = list(self.model.jobs)[::-1]
        return [jobs.index(record.id) for record in walk.seen]

    @rule()
    def look(self) -> None:
        self.compare_records()

    @invariant()
    def counts_add_up(self) -> None:
        """Each state holds what is surely in it, and what may be; the oldest one's age fits."""
        if self.scene.capabilities.counts != "exact":
            return
        counts = self.backends[1].counts(QUEUE)
        assert counts.scheduled is not None
        assert counts.leased is not None
        assert counts.dead == len(self.model.in_state(State.DEAD))
        unfinished = self.model.unfinished()
        assert counts.ready + counts.scheduled + counts.leased == len(unfinished)
        sure = [job for job in unfinished if self.model.is_certain(job)]
        moving = [job for job in unfinished if job not in sure]
        for state, count in (
            (State.READY, counts.ready),
            (State.SCHEDULED, counts.scheduled),
            (State.LEASED, counts.leased),
        ):
            least = sum(job.state is state for job in sure)
            assert least <= count <= least + len(moving), f"{count} are {state}, not {least}"
        ready = [job.at for job in sure if job.state is State.READY]
        age, now, eps = (
            counts.oldest_ready_age,
            self.model.now(),
            self.scene.capabilities.resolution,
        )
        if age is None:
            assert not ready
            return
        assert ready or moving
        first = min([*ready, *(job.at for job in moving)])
        last = min(ready, default=now)
        assert now - last - eps <= age <= now - first + eps, f"the oldest is {age} s old"
        self.marks[AGED] += now - last > eps
