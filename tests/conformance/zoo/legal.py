"""Strange, and within what they declare: the suite has to let them pass."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from anyjob.conformance import Site
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import Consumer, Counts, JobRecord, Page
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import PRIORITIES, Envelope, Receipt
from anyjob.core.settlement import Answer, Complete, End, Lease, Settled, Settlement
from anyjob.core.state import State
from tests.conformance.zoo.mutant import MemoryMutantHarness
from tests.conformance.zoo.planting import Edit
from tests.conformance.zoo.refusing import Refusing
from tests.conformance.zoo.wrapped import Memory, WrappedBackend, WrappedConsumer

POPPED = (
    "            job = jobs.popleft()\n            if job.state is READY:\n                taken"
)
RELEASED = "        case Release():\n            queue.put_back(job, wall)"


class Strange(msgspec.Struct, frozen=True):
    """An odd backend that declares how odd it is."""

    name: str
    edits: tuple[Edit, ...] = ()
    wrap: type | None = None
    made_by: type[MemoryMutantHarness] = MemoryMutantHarness

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    def harness(self) -> MemoryMutantHarness:
        return self.made_by(self.edits, self.wrap)


class HangingHarness(MemoryMutantHarness):
    """Can cut the connections on which leases hang."""

    def sever(self, site: Site) -> None:
        backend = self.backend(site)
        backend.open()
        backend.sever()  # type: ignore[attr-defined]
        backend.close()


def declaring(old: str, new: str) -> Edit:
    return Edit("backend.py", f"    {old},\n", f"    {new},\n")


class LocalFence(WrappedConsumer):
    """Lets nothing pass after nine tenths of a lease, counted from before it was asked for."""

    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner, memory)
        self._refused: list[Settlement] = []
        self._deadlines: dict[tuple[int, str], float] = memory.kept.setdefault("deadlines", {})

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        asked = self.memory.clock.monotonic()
        leases = super().fetch(credit, timeout, limits)
        for lease in leases:
            self._deadlines[lease.token, lease.id] = asked + 0.9 * (lease.until - lease.now)
        return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        super().settle([each for each in settlements if not self._is_late(each.lease)])
        self._refused += [each for each in settlements if self._is_late(each.lease)]

    def answered(self, settled: list[Settled]) -> list[Settled]:
        refused = [Settled(each, Answer.LEASE_LOST) for each in self._refused]
        self._refused.clear()
        return settled + refused

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        asked = self.memory.clock.monotonic()
        late = [each for each in leases if self._is_late(each)]
        lost = [*late, *super().extend([each for each in leases if each not in late], lease)]
        for each in leases:
            if each not in lost:
                self._deadlines[each.token, each.id] = asked + 0.9 * lease
        return [each for each in leases if each in lost]

    def _is_late(self, lease: Lease) -> bool:
        deadline = self._deadlines.get((lease.token, lease.id))
        return deadline is not None and self.memory.clock.monotonic() > deadline


class LocallyFenced(WrappedBackend):
    consumer = LocalFence

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, fencing="local")


class Twice(WrappedConsumer):
    """Gives every job once more with the next fetch, unless its lease has lapsed by then or it was
    given back.
    """

    def __init__(self, inner: Consumer, memory: Memory) -> None:
        super().__init__(inner, memory)
        #: What comes again, and when its lease ends.
        self._again: dict[str, tuple[Lease, float]] = {}
        self._doubles: set[int] = set()
        self._answers: list[Settled] = []

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        doubles = self._due(credit, limits or {})
        if doubles:
            return doubles
        leases = super().fetch(credit, timeout, limits)
        now = self.memory.clock.monotonic()
        self._again |= {each.id: (each, now + each.until - each.now) for each in leases}
        return leases

    def _due(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        now, again = self.memory.clock.monotonic(), list(self._again.values())
        self._again.clear()
        live = [lease for lease, until in again if now < until]
        # Those that have no room now come no more.
        doubles = [replace(each, token=each.token ^ 1 << 62) for each in live][:credit]
        doubles = [each for each in doubles if limits.get(each.queue, credit) >= credit]
        self._doubles.update(each.token for each in doubles)
        return doubles

    def settle(self, settlements: Sequence[Settlement]) -> None:
        mine = [each for each in settlements if each.lease.token in self._doubles]
        super().settle([each for each in settlements if each not in mine])
        for each in settlements:
            if not isinstance(each, Complete | End):
                self._again.pop(each.lease.id, None)
        self._answers += [Settled(each, Answer.DONE) for each in mine]

    def answered(self, settled: list[Settled]) -> list[Settled]:
        answers, self._answers = self._answers, []
        return settled + answers

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        real = [each for each in leases if each.token not in self._doubles]
        until = self.memory.clock.monotonic() + lease
        lost = super().extend(real, lease)
        for each in real:
            if each not in lost and each.id in self._again:
                self._again[each.id] = self._again[each.id][0], until
        return lost


class GivenTwice(WrappedBackend):
    consumer = Twice

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, exclusive=False)


class CountsLate(WrappedBackend):
    """Counts what was there up to two seconds ago."""

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, counts="approximate")

    def counts(self, queue: str) -> Counts:
        now = self.memory.clock.monotonic()
        counted: dict[str, tuple[float, Counts]] = self.memory.kept.setdefault("counted", {})
        at, counts = counted.get(queue, (-2.0, None))
        if counts is None or now >= at + 1.9:
            counted[queue] = now, super().counts(queue)
        return counted[queue][1]


class Slow(WrappedConsumer):
    """Takes 50 ms an operation, on the clock of the suite where there is one."""

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        take_time(self.memory)
        return super().fetch(credit, timeout, limits)

    def flush(self, deadline: float) -> list[Settled]:
        take_time(self.memory)
        return super().flush(deadline)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        take_time(self.memory)
        return super().extend(leases, lease)


class SlowBackend(WrappedBackend):
    consumer = Slow

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        take_time(self.memory)
        return super().enqueue(jobs, transaction=transaction)

    def maintain(self, budget: float) -> float:
        take_time(self.memory)
        return super().maintain(budget)

    def counts(self, queue: str) -> Counts:
        take_time(self.memory)
        return super().counts(queue)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        take_time(self.memory)
        return super().get(queue, ids, wait)

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        take_time(self.memory)
        return super().browse(queue, state, cursor, limit)

    def purge(self, queue: str, states: Collection[State]) -> int:
        take_time(self.memory)
        return super().purge(queue, states)


class WeakerConsumer(LocalFence):
    """Mixes what it fetches, and counts releases as redeliveries, behind a local fence."""

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        leases = super().fetch(credit, timeout, limits)
        return sorted(leases, key=lambda lease: (-lease.priority, lease.id[::-1]))

    def leased(self, lease: Lease) -> Lease:
        priority = self.memory.kept["priorities"][lease.id]
        return replace(lease, priority=priority)

    def settling(self, settlement: Settlement) -> Settlement:
        then = tuple(folded(self.memory, child) for child in settlement.then)
        return replace(settlement, then=then)


class Weaker(WrappedBackend):
    """Has everything, at a lower level, and says so."""

    consumer = WeakerConsumer

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, fencing="local", priorities=3, order="loose")

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        return super().enqueue([folded(self.memory, job) for job in jobs], transaction=transaction)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        records = super().get(queue, ids, wait)
        return [record and self._shown(record) for record in records]

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page = super().browse(queue, state, cursor, limit)
        return Page([self._shown(record) for record in page.records], page.cursor)

    def _shown(self, record: JobRecord) -> JobRecord:
        return replace(record, priority=self.memory.kept["priorities"][record.id])


def take_time(memory: Memory) -> None:
    if isinstance(memory.clock, FakeClock):
        memory.clock.advance(0.05)


def folded(memory: Memory, job: Envelope) -> Envelope:
    """The job in one of three bands; which priority it asked for is kept beside it."""
    memory.kept.setdefault("priorities", {}).setdefault(job.id, job.priority)
    if job.priority not in range(PRIORITIES):
        return job
    return replace(job, priority=3 * (job.priority // 4))


#: Leases have no time, and end with a connection or with all of them.
HANGING = (
    declaring('lease="timed"', 'lease="connection"'),
    Edit(
        "queue.py",
        "        until, shown_until = mono + seconds, wall + seconds\n",
        "        until, shown_until = math.inf, wall + 1e9\n",
    ),
    Edit(
        "queue.py",
        "                job.until = until\n                extended",
        "                extended",
    ),
    Edit(
        "queue.py",
        "    def reap(",
        "    def let_go(self, mono, session=None):\n        jobs = [job for job in self.leased.values() if session in (None, job.token >> 32)]\n        for job in jobs:\n            job.until = mono\n        self._remember_lot(mono, jobs)\n        self._on_ready()\n\n    def reap(",
    ),
    Edit(
        "consumer.py",
        "        with space.lock:\n            if release:\n                self._send()\n                self._release()\n",
        "        with space.lock:\n            if release:\n                self._send()\n                self._release()\n            else:\n                for queue in self._queues:\n                    queue.let_go(space.clock.monotonic(), self._session)\n                space.announce()\n",
    ),
    Edit(
        "backend.py",
        "    def close(self) -> None:\n        space = self._open\n",
        "    def sever(self):\n        space = self._space()\n        with space.lock:\n            for queue in space.queues.values():\n                queue.let_go(space.clock.monotonic())\n            space.announce()\n\n    def close(self) -> None:\n        space = self._open\n",
    ),
)
LOOSE = declaring('order="fifo"', 'order="loose"')
UPPER = (
    declaring('redeliveries="exact"', 'redeliveries="upper"'),
    declaring('release="place"', 'release="none"'),
    Edit(
        "settling.py",
        RELEASED,
        RELEASED.replace("queue", "job.redeliveries += 1\n            queue", 1),
    ),
)

LEGAL = [
    Strange("everything twice", wrap=GivenTwice),
    Strange("reversed", (LOOSE, Edit("line.py", POPPED, POPPED.replace("popleft", "pop")))),
    Strange(
        "shuffled",
        (
            LOOSE,
            Edit(
                "line.py",
                POPPED,
                POPPED.replace(
                    "jobs.popleft()",
                    "jobs[at := CHANCE.randrange(len(jobs))]\n            del jobs[at]",
                ),
            ),
            Edit("line.py", "_place = ", "CHANCE = random.Random(1)\n_place = "),
            Edit("line.py", "from bisect import", "import random\nfrom bisect import"),
        ),
    ),
    Strange("counts two seconds late", wrap=CountsLate),
    Strange("fenced locally", wrap=LocallyFenced),
    Strange(
        "one second of resolution",
        (
            declaring("resolution=0.001", "resolution=1.0"),
            Edit(
                "queue.py",
                "        if due <= wall:\n            self.append",
                "        due = due if due <= wall else math.ceil(due)\n        if due <= wall:\n            self.append",
            ),
        ),
    ),
    Strange("one job a call", (declaring("max_batch=1000", "max_batch=1"),)),
    Strange("an upper bound of redeliveries", UPPER),
    Strange("fifty milliseconds an operation", wrap=SlowBackend),
    Strange(
        "jittering lags",
        (
            declaring("schedule_lag=0.01", "schedule_lag=2.0"),
            declaring("redelivery_lag=0.05", "redelivery_lag=5.0"),
            Edit(
                "queue.py",
                "heappush(self.due, (due, next",
                "heappush(self.due, (due + 1.0 + 0.9 * math.sin(due), next",
            ),
            Edit(
                "queue.py",
                "heappush(self._lots, (until, next(self._numbers), jobs))",
                "heappush(self._lots, (until + jobs[0].place * 1.377 % 5.0, next(self._numbers), jobs))",
            ),
        ),
    ),
    Strange("leases that hang on a connection", HANGING, made_by=HangingHarness),
    Strange("weaker in all things at once", UPPER, Weaker),
    Strange("nothing that may be absent", (), Refusing),
]
assert Counter(map(str, LEGAL)).most_common(1)[0][1] == 1
