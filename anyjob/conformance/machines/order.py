"""The machine of order: priorities, first in first out, what keeps its place, several queues and
their low ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from anyjob.conformance.machines.base import SceneMachine, refused
from anyjob.conformance.machines.model import LOW_SHARE, Model, ModelJob
from anyjob.conformance.scene import LEASE, UUID_V7
from anyjob.conformance.settlements import settlement
from anyjob.core.envelope import ACCEPTED, PRIORITIES, Envelope
from anyjob.core.errors import InvalidOption
from anyjob.core.settlement import Answer, Lease
from anyjob.core.state import State

SITUATIONS: dict[str, str | None] = {
    "a job overtook one of a lower priority": "priorities",
    "a low job went before a high one": "low_share",
    "many of one priority were leased one by one": None,
    "a released job was leased again": None,
    "a retried job was leased again": None,
    "a lost job was leased again": None,
    "a fetch drew from two queues": None,
    "a fetch was limited in one queue": None,
}

QUEUES = ("line", "other")
#: Which queues each consumer has.
SHARES = (("line",), ("other",), QUEUES)
WHO = st.integers(0, len(SHARES) - 1)
QUEUE = st.sampled_from(QUEUES)
#: The ends and the middle, where careless folding or text order shows.
PRIORITY = st.sampled_from([5, 5, 0, 1, 4, 8, 9])
LOT = st.lists(st.tuples(QUEUE, PRIORITY), min_size=1, max_size=8)
KINDS = st.sampled_from(["complete", "retry", "release", "release", "abandon"])
DELAY = 1.5
#: In rounds of so many, a low job is leased at the latest when each start of the low end had its
#: turn.
FLOOD = LOW_SHARE
LONGEST_WAIT = PRIORITIES + 2


class OrderMachine(SceneMachine):
    """Two queues, one consumer each and one of both."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        self.scene.declare(*QUEUES)
        capabilities = self.scene.capabilities
        self.models = {queue: Model(capabilities, self.clock) for queue in QUEUES}
        self.consumers = [
            self.scene.consumer(*queues, lease=LEASE, worker=f"worker-{who}")
            for who, queues in enumerate(SHARES)
        ]
        #: The leases of each consumer, the newest first.
        self.leases: list[list[Lease]] = [[] for _ in SHARES]
        self.retried: set[str] = set()
        self.made = 0

    # Jobs come in

    @initialize(lot=LOT)
    def begin(self, lot: Sequence[tuple[str, int]]) -> None:
        self.enqueue(lot)

    @rule(lot=LOT)
    def enqueue(self, lot: Sequence[tuple[str, int]], due: float | None = None) -> None:
        jobs = [self._job(queue, priority, due) for queue, priority in lot]

        assert self.scene.backend.enqueue(jobs) == [ACCEPTED] * len(jobs)

        for job in jobs:
            self.models[job.queue].accept(job)

    @rule(queue=QUEUE, count=st.integers(8, 20), priority=PRIORITY)
    def burst(self, queue: str, count: int, priority: int) -> None:
        """Many of one priority, leased one by one."""
        self.enqueue([(queue, priority)] * count)
        for _ in range(5):
            leases = self._fetch(QUEUES.index(queue), 1)
            self.marks["many of one priority were leased one by one"] += bool(leases)

    @precondition(lambda self: not self.scene.lacks("delay"))
    @rule(lot=LOT, who=WHO)
    def wait_for_their_time(self, lot: Sequence[tuple[str, int]], who: int) -> None:
        """What came due goes by its priority as well."""
        self.enqueue(lot, due=DELAY)
        capabilities = self.scene.capabilities
        late = capabilities.schedule_lag + capabilities.resolution + 0.01
        self.let_pass(DELAY + late, *self.models.values())
        for _ in lot:
            self._fetch(who, 1)

    @rule(queue=QUEUE, priority=st.sampled_from([-1, PRIORITIES]))
    def be_refused(self, queue: str, priority: int) -> None:
        """A priority that there is not makes no job."""
        job = self._job(queue, priority)

        with refused(InvalidOption):
            self.scene.backend.enqueue([job])

        assert self.scene.backend.get(queue, [job.id]) == [None]

    # Jobs go out

    @rule(who=WHO, credit=st.integers(1, 12))
    def fetch(self, who: int, credit: int) -> None:
        self._fetch(who, credit)

    @rule(credit=st.integers(1, 12), queue=QUEUE, most=st.integers(0, 3))
    def fetch_within_limits(self, credit: int, queue: str, most: int) -> None:
        self._fetch(2, credit, {queue: most})
        self.marks["a fetch was limited in one queue"] += 1

    @rule(lots=st.integers(4, 10))
    def share(self, lots: int) -> None:
        """Of queues of equal weight that both have jobs, none is passed over again and again."""
        self.enqueue([(queue, 5) for queue in QUEUES] * (2 * lots))
        turns = [lease.queue for _ in range(2 * lots) for lease in self._fetch(2, 1)]

        assert abs(turns.count("line") - turns.count("other")) <= 0.2 * 2 * lots + 2

    @rule(who=WHO, kinds=st.lists(KINDS, min_size=1, max_size=8))
    def work(self, who: int, kinds: list[str]) -> None:
        leases = self._fetch(who, len(kinds))
        self._settle(who, leases, kinds)

    @rule(who=WHO, kinds=st.lists(KINDS, min_size=1, max_size=8))
    def hand_back(self, who: int, kinds: list[str]) -> None:
        """What is held comes back, and is fetched at once."""
        self._settle(who, self.leases[who][: len(kinds)], kinds)
        self._fetch(who, len(kinds))

    @rule(who=WHO)
    def lapse(self, who: int) -> None:
        self._outlast()
        self._fetch(who, 3)

    @precondition(lambda self: self.made < 150)
    @rule(low=st.integers(0, 4))
    def flood(self, low: int) -> None:
        """One job of a lower level under a steady inflow of the highest."""
        self._finish(0)
        levels = self.scene.capabilities.priorities
        self.enqueue([("line", low if levels == PRIORITIES else 0)])
        wanted = list(self.models["line"].jobs)[-1]
        for _ in range(LONGEST_WAIT):
            self.enqueue([("line", 9)] * FLOOD)
            leases = self._fetch(0, FLOOD)
            self._settle(0, leases, ["complete"])
            if wanted in {lease.id for lease in leases}:
                return
        assert self.scene.lacks("low_share"), f"a job of priority {low} starves"

    # The end

    def come_to_rest(self) -> None:
        for _ in range(2):
            self._outlast()
            self._finish(2)
        for queue, model in self.models.items():
            assert not model.unfinished(), f"lost: {[job.id for job in model.unfinished()]}"
            assert self.scene.counted(queue) == (0, 0, 0, 0)

    # Steps

    def _outlast(self) -> None:
        lag = self.scene.capabilities.redelivery_lag
        self.let_pass(LEASE + lag + 0.01, *self.models.values())

    def _fetch(self, who: int, credit: int, limits: Mapping[str, int] | None = None) -> list[Lease]:
        must = {queue: self._must(queue) for queue in SHARES[who]}
        allowed = {queue: (limits or {}).get(queue, credit) for queue in SHARES[who]}

        leases = self.consumers[who].fetch(credit, 0.0, limits)

        assert len(leases) <= credit
        assert leases or not any(must[queue] for queue in must if allowed[queue])
        drawn = {queue: [each for each in leases if each.queue == queue] for queue in must}
        assert sum(map(len, drawn.values())) == len(leases), "a lease of a foreign queue"
        for queue, found in drawn.items():
            assert len(found) <= allowed[queue], f"{len(found)} leases of {queue}"
            if found:
                self._mark_turns(queue, found, must[queue])
                self.models[queue].fetched(found, credit, LEASE, must[queue])
        self.marks["a fetch drew from two queues"] += all(drawn.values()) and len(drawn) > 1
        self.leases[who] = leases[::-1] + self.leases[who]
        return leases

    def _finish(self, who: int) -> None:
        while leases := self._fetch(who, 50):
            self._settle(who, leases, ["complete"])

    def _settle(self, who: int, leases: Sequence[Lease], kinds: Sequence[str]) -> None:
        settlements = [settlement(kinds[at % len(kinds)], lease) for at, lease in enumerate(leases)]
        answers = self.scene.settle(self.consumers[who], *settlements)
        for each, kind, answer in zip(
            settlements, list(kinds) * len(settlements), answers, strict=False
        ):
            self.models[each.lease.queue].settled(each, answer)
            if kind == "retry" and answer is Answer.DONE:
                self.retried.add(each.lease.id)
            if kind == "complete" and answer is Answer.DONE:
                # Whoever delivers it now delivers what is gone.
                del self.models[each.lease.queue].jobs[each.lease.id]

    def _must(self, queue: str) -> list[ModelJob]:
        model = self.models[queue]
        return [job for job in model.jobs.values() if model.must_be_leased(job)]

    def _mark_turns(self, queue: str, leases: list[Lease], must: list[ModelJob]) -> None:
        jobs = self.models[queue].jobs
        taken = {lease.id for lease in leases}
        left = [job for job in must if job.id not in taken]
        found = [jobs[lease.id] for lease in leases if lease.id in jobs]
        lowest = min((job.priority for job in left), default=PRIORITIES)
        highest = max((job.priority for job in left), default=0)
        self.marks["a job overtook one of a lower priority"] += any(
            job.priority > lowest for job in found
        )
        self.marks["a low job went before a high one"] += any(
            job.priority < highest for job in found
        )
        for job in found:
            self.marks["a released job was leased again"] += job.was_released
            self.marks["a retried job was leased again"] += job.id in self.retried
            self.marks["a lost job was leased again"] += job.state is State.LEASED

    def _job(self, queue: str, priority: int, due: float | None = None) -> Envelope:
        self.made += 1
        job_id = str(UUID(int=UUID_V7 | self.made))
        body = b"%d" % self.made
        return Envelope(id=job_id, queue=queue, body=body, priority=priority, due=due)
