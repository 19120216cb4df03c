"""The machine of what comes back: crowds of lapsed leases, workers that went for good, clocks that
were set, and what latecomers bring.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from anyjob.conformance.machines.queue import NewJob, QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.core.backend import Consumer
from anyjob.core.envelope import ACCEPTED
from anyjob.core.settlement import Complete, Lease
from anyjob.core.state import State

SITUATIONS: dict[str, str | None] = {
    "a crowd of leases lapsed together": None,
    "a worker went for good with leases": None,
    "the clock was set while jobs were leased": None,
    "the clock was set while jobs waited": "delay",
    "a latecomer brought an outcome": "results",
    "more leases than a call brings in were extended": None,
}

#: More than the page of a careless sweep, and few enough to be tried often.
CROWDS = st.integers(11, 30)
DELAYS = st.sampled_from([None, None, 1.5, LEASE + 10.0, 4 * LEASE])
JOB = st.tuples(st.sampled_from([5, 5, 0, 9]), DELAYS, st.just(20))
LOT = st.lists(JOB, min_size=1, max_size=5)
CONSUMERS = st.integers(0, 1)
#: As an operator or NTP sets it: an hour, a moment, a day.
STEPS = st.sampled_from([3600.0, -3600.0, -5.0, 86_400.0])
#: What is kept so long outlives what a machine lets pass.
KEEP = 3600.0


class RecoveryMachine(QueueMachine):
    """A queue whose workers and clocks cannot be relied on."""

    situations = SITUATIONS

    # Jobs come in and go out

    @initialize(lot=LOT)
    def begin(self, lot: Sequence[NewJob]) -> None:
        self.enqueue(lot)

    @rule(lot=LOT)
    def enqueue(self, lot: Sequence[NewJob]) -> None:
        jobs = [self._job(*each) for each in lot]

        assert self.backends[0].enqueue(jobs) == [ACCEPTED] * len(jobs)

        for job in jobs:
            self.model.accept(job)

    @rule(who=CONSUMERS, credit=st.integers(1, 6))
    def fetch(self, who: int, credit: int) -> None:
        self.take(who, credit)

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def work(self, who: int, credit: int) -> None:
        self.take(who, credit)
        self.end(who, [(pick, ("complete", None, None, 0.0)) for pick in range(credit)])

    # Leases lapse

    @rule(seconds=st.sampled_from([1.5, LEASE / 2, 0.95 * LEASE, LEASE + 0.01]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def settle_at_the_last_moment(self, who: int, credit: int) -> None:
        """In the last tenth of a lease, which a local fence leaves to nobody."""
        held = self.take(who, credit)
        self.pass_time(0.95 * LEASE)
        self._extended(who, held[:1])
        self.end(who, [(pick, ("retry", None, None, 0.0)) for pick in range(credit)])

    @rule(who=CONSUMERS, count=CROWDS)
    def lapse_together(self, who: int, count: int) -> None:
        """Whatever lapsed is back, once the declared lag is over as well."""
        self.enqueue([(5, None, 20)] * count)
        taken = self.take(who, count + 10)
        self._outlast()
        self.marks["a crowd of leases lapsed together"] += len(taken) > 10
        self._take_all(1 - who)
        self.end(1 - who, [(pick, ("complete", None, None, 0.0)) for pick in range(count + 10)])

    @rule(who=CONSUMERS, credit=st.integers(1, 4))
    def go_for_good(self, who: int, credit: int) -> None:
        """A worker ends without a word, and another of its name begins."""
        held = self.take(who, credit)
        self.marks["a worker went for good with leases"] += bool(held)
        self.backends[who].close()
        self.backends[who] = self.scene.fresh()
        self.scene.use(self.backends[0])
        self._replace(who)
        self.take(who, credit)
        self._outlast()
        self._take_all(1 - who)

    @rule(who=CONSUMERS, is_large=st.integers(0, 14).map(lambda drawn: drawn == 0))
    def extend_all(self, who: int, is_large: bool) -> None:
        """However many leases are extended at once, none is forgotten: sometimes more than one call
        may bring in, where the pages of an implementation end.
        """
        most = self.model.capabilities.max_batch
        for _ in range(2 if is_large else 1):
            self.enqueue([(5, None, 20)] * (max(1, most * 6 // 10) if is_large else 5))
        self._take_all(who)
        self.pass_time(LEASE / 2)
        held = [lease for lease in self.leases[who] if self.model.is_live(lease)]
        assert self._extended(who, held) == []
        self.pass_time(0.8 * LEASE)
        self.take(1 - who, 10)
        settlements = [Complete(lease=lease) for lease in held]
        self.consumers[who].settle(settlements)
        self._settled(settlements, self._flush(who, settlements))
        self.marks["more leases than a call brings in were extended"] += len(held) > most

    # Clocks are set, and latecomers come

    @rule(who=CONSUMERS, step=STEPS)
    def set_clock(self, who: int, step: float) -> None:
        """A lease lasts as long as it was given for, whatever the clock on the wall shows."""
        held = self.take(who, 3)
        self._extended(who, held[:1])
        self.marks["the clock was set while jobs were leased"] += bool(held)
        self.marks["the clock was set while jobs waited"] += bool(
            self.model.in_state(State.SCHEDULED)
        )
        self.set_wall_clock(step)
        self.take(1 - who, 10)
        self.pass_time(0.8 * LEASE)
        self.take(1 - who, 10)
        self._outlast()
        self._take_all(1 - who)

    @precondition(lambda self: not self.scene.lacks("results"))
    @rule(who=CONSUMERS)
    def come_late(self, who: int) -> None:
        """The outcome is that of the owner, and no latecomer's."""
        self.enqueue([(9, None, 20)])
        late = self.take(who, 1)
        self._outlast()
        owned = [lease for lease in self._take_all(1 - who) if lease.id in {x.id for x in late}]
        for by, lease in [*((1 - who, each) for each in owned), *((who, each) for each in late)]:
            settlements = [Complete(lease=lease, outcome=b"by %d" % by, keep=KEEP)]
            self.consumers[by].settle(settlements)
            self._settled(settlements, self._flush(by, settlements))
        for lease in owned:
            [record] = self.backends[0].get(QUEUE, [lease.id])
            assert record is not None, f"{lease.id} is not shown"
            assert record.outcome == self.model.jobs[lease.id].outcome
        self.marks["a latecomer brought an outcome"] += bool(owned)

    # Steps

    def _new_consumer(self, who: int) -> Consumer:
        return self.scene.consumer(backend=self.backends[who], lease=LEASE, worker="same-name")

    def _outlast(self) -> None:
        lags = self.model.capabilities.redelivery_lag + self.model.capabilities.resolution
        self.pass_time(LEASE + lags)

    def _take_all(self, who: int) -> list[Lease]:
        """Fetch until nothing is left that must be there."""
        taken: list[Lease] = []
        while some := self.take(who, 1000):
            taken += some
        return taken

    def _extended(self, who: int, leases: Sequence[Lease]) -> list[Lease]:
        """Extend, and tell the model; returns what is lost."""
        lost = self.consumers[who].extend(leases, LEASE)
        for lease in leases:
            self.model.extended(lease, LEASE, lost=lease in lost)
        return lost
