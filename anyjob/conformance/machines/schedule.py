"""The machine of due times: nothing early, nothing later than declared, and nobody maintains sooner
than he was told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from msgspec.structs import replace

from anyjob.conformance.machines.base import refused
from anyjob.conformance.machines.queue import QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.conformance.stage import maintain_all
from anyjob.core.envelope import ACCEPTED, Envelope
from anyjob.core.errors import InvalidOption
from anyjob.core.state import WAITING, State

SITUATIONS: dict[str, str | None] = {
    "several jobs came due together": "delay",
    "a job was looked for just before it was due": "delay",
    "a job was due at an instant": "delay",
    "an instant had passed": "delay",
    "a retried job waited": "delay",
    "a released job waited": "delay",
    "a delay was longer than a lease": "delay",
    "a lease lapsed while its holder lived": None,
    "time passed without maintenance": None,
}

#: Fractions that careless rounding makes nothing of or drops, and what is past.
DELAYS = st.sampled_from([None, 0.0, -5.0, 0.0004, 0.0015, 0.9996, 1.5, 20.0, 4 * LEASE])
#: None: a delay counted from now; else an instant, written so many hours from UTC.
ZONES = st.sampled_from([None, None, 0, -7, 5])
LOT = st.lists(st.tuples(DELAYS, ZONES), min_size=1, max_size=6)
SPANS = st.sampled_from([0.0005, 0.3, 1.0, 1.5, 10.0, LEASE + 0.01, 2 * LEASE])
END = st.tuples(
    st.sampled_from(["retry", "retry", "release", "complete"]),
    st.none(),
    st.none(),
    st.sampled_from([0.0, 0.0004, 1.5, 20.0, 2 * LEASE]),
)
CONSUMERS = st.integers(0, 1)


class ScheduleMachine(QueueMachine):
    """Delays, instants and delays of what comes back, maintained as seldom as allowed."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        #: In how many seconds somebody has to maintain.
        self.patience = 0.0

    # Jobs come in

    @initialize(lot=LOT)
    def begin(self, lot: Sequence[tuple[float | None, int | None]]) -> None:
        self.enqueue(0, lot)

    @rule(who=CONSUMERS, lot=LOT)
    def enqueue(self, who: int, lot: Sequence[tuple[float | None, int | None]]) -> None:
        jobs = [self._due_job(*each) for each in lot]

        assert self.backends[who].enqueue(jobs) == [ACCEPTED] * len(jobs)

        for job in jobs:
            self.model.accept(job)
        self._told()

    @rule(who=CONSUMERS, count=st.integers(5, 15), delay=st.sampled_from([1.5, 20.0]))
    def burst(self, who: int, count: int, delay: float) -> None:
        self.enqueue(who, [(delay, None)] * count)
        self.marks["several jobs came due together"] += 1

    # Jobs go out

    @rule(who=CONSUMERS, credit=st.integers(1, 8))
    def fetch(self, who: int, credit: int) -> None:
        self.take(who, credit)
        self._told()

    @rule(who=CONSUMERS, ends=st.lists(END, min_size=1, max_size=4))
    def work(self, who: int, ends: list[tuple[str, None, None, float]]) -> None:
        taken = self.take(who, len(ends))
        self.end(who, list(enumerate(ends)))
        self._told()
        for (kind, _, _, delay), lease in zip(ends, reversed(taken), strict=False):
            waits = self.model.jobs[lease.id].state is State.SCHEDULED and delay > 0
            self.marks["a retried job waited"] += waits and kind == "retry"
            self.marks["a released job waited"] += waits and kind == "release"

    # Time

    @rule(seconds=SPANS)
    def advance(self, seconds: float) -> None:
        leased = [job for job in self.model.in_state(State.LEASED) if self.model.is_certain(job)]
        self._wait(seconds)
        self._wait(self.cut_after(seconds, self.model))
        if any(not self.model.is_certain(job) for job in leased):
            self.marks["a lease lapsed while its holder lived"] += 1

    @precondition(lambda self: self.model.in_state(State.SCHEDULED))
    @rule(who=CONSUMERS, early=st.sampled_from([0.002, 0.5]))
    def watch_one_come(self, who: int, early: float) -> None:
        """The next job is looked for just before it is due, and when it must be there."""
        due = min(job.at for job in self.model.in_state(State.SCHEDULED))
        before = due - early - self.clock.time()
        if before > 0:
            self._wait(before)
            self.take(who, 20)
            self.marks["a job was looked for just before it was due"] += 1
        capabilities = self.model.capabilities
        after = due + capabilities.schedule_lag + capabilities.resolution - self.clock.time()
        self._wait(max(after, 0.0) + 0.0001)
        self.take(1 - who, 20)

    @precondition(lambda self: not self.scene.lacks("delay"))
    @rule(who=CONSUMERS, nonsense=st.sampled_from([datetime(2026, 2, 3), -1.0]))  # noqa: DTZ001 - naive
    def be_refused(self, who: int, nonsense: float | datetime) -> None:
        """A naive instant is nobody's, and no delay is negative: there is no job then."""
        job = replace(self._job(5, None, 20), due=nonsense)

        with refused(InvalidOption):
            self.backends[who].enqueue([job])

        assert self.backends[1 - who].get(QUEUE, [job.id]) == [None]

    @precondition(lambda self: not (self.scene.lacks("delay") or self.scene.lacks("cancel")))
    @rule(fold=st.integers(0, 1))
    def wait_for_an_hour_that_comes_twice(self, fold: int) -> None:
        due = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=fold)
        most = self.model.capabilities.max_delay
        if most is not None and due.timestamp() - self.clock.time() > most:
            return
        job = replace(self._job(5, None, 20), due=due)
        assert self.backends[0].enqueue([job]) == [ACCEPTED]
        self.model.accept(job)
        self.look()
        self.call_off([0], unknown=False)

    # Looking

    @rule()
    def look(self) -> None:
        jobs = [job for job in self.model.in_state(*WAITING) if self.model.is_certain(job)]
        records = self.backends[1].get(QUEUE, [job.id for job in jobs])
        for job, record in zip(jobs, records, strict=True):
            assert record is not None, f"{job.state} job {job.id} is not shown"
            late = self.model.capabilities.browse != "all" and record.state is State.LEASED
            assert record.state is job.state or (late and job.state is State.READY)
            if job.state is State.SCHEDULED:
                assert record.due is not None
                assert abs(record.due - job.at) <= self.model.capabilities.resolution

    # Steps

    def _due_job(self, delay: float | None, zone: int | None) -> Envelope:
        most = self.model.capabilities.max_delay
        if delay is not None and most is not None:
            delay = min(delay, most)
        job = self._job(5, delay, 20)
        if job.due is None or delay is None:
            return job
        self.marks["a delay was longer than a lease"] += delay > LEASE
        # A delay into the past is refused; an instant there is now.
        if zone is None and delay >= 0:
            return job
        self.marks["a job was due at an instant"] += delay > 0
        self.marks["an instant had passed"] += delay < 0
        # An instant has whole microseconds: the next one is not before the time meant.
        instant = datetime.fromtimestamp(self.clock.time() + delay, UTC)
        return replace(job, due=instant.astimezone(timezone(timedelta(hours=zone or 0))))

    def _told(self) -> None:
        """Who calls has to look again after a change, as a worker does."""
        maintain_all(self.backends[0].maintain)
        self.patience = self.backends[0].maintain(1.0)

    def _wait(self, seconds: float) -> None:
        """Let time pass, and maintain when the last one said so, no sooner."""
        while seconds > 0:
            span = min(seconds, self.patience)
            self.clock.advance(span)
            seconds -= span
            self.patience -= span
            if self.patience > 0:
                self.marks["time passed without maintenance"] += 1
            else:
                self._told()
