"""A stage with an opened backend, and short words for the steps that most examples take."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from typing import Any, Self
from uuid import UUID

import msgspec
import pytest

from anyjob.conformance.absences import verify_absent, verify_unlisted
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.counted import Counted
from anyjob.conformance.doubles import SeenOnce, Sightings
from anyjob.conformance.harness import Harness
from anyjob.conformance.servers import Running
from anyjob.conformance.stage import SLACK, Stage, maintain_all
from anyjob.conformance.wire import Proxy
from anyjob.core.backend import Backend, Consumer, JobRecord, QueueShare, QueueSpec
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt
from anyjob.core.settlement import Answer, Complete, Lease, Settlement
from anyjob.core.state import State

QUEUE = "line"
#: A lease lasts so long unless an example says otherwise, and so long a short delay.
LEASE = 30.0
DELAY = 15.0
#: So many looks, each as long as a job may take to be seen, end within a lease.
LOOKS = 20
#: Approximate counts have come to rest after so many seconds.
SETTLES_IN = 2.0
#: More jobs than any example puts in one queue.
MOST = 200_000
#: The bits that make a number a UUID of version 7.
UUID_V7 = 0x7 << 76 | 0b10 << 62


class Scene(Stage):
    """An opened backend on a site of its own. A queue is QUEUE unless named."""

    def __init__(
        self, harness: Harness, clock: FakeClock | None, *, server: Running | None = None
    ) -> None:
        super().__init__(harness, clock, server=server)
        self._ids = itertools.count(1)
        self._sightings: dict[str, Sightings] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _open(self) -> None:
        self.backend = self.fresh()
        # A lease must outlast the looks that are to find nothing.
        self.scale = max(self.scale, LOOKS * self.capabilities.visibility_lag / LEASE)
        self.looks = 2 * self.capabilities.visibility_lag
        if self.clock is not None and self.clock.remote is not None:
            self.looks += SLACK  # a server's clock goes on by itself
        self.lease = self.seconds(LEASE)
        self.delay = self.seconds(DELAY)
        self.declare(QUEUE)

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def lacks(self, capability: str) -> bool:
        # One level of priority is none at all.
        alone = capability == "priorities" and self.capabilities.priorities == 1
        return alone or self.capabilities.lacks(capability)

    def need_recovery(self) -> None:
        # No certificate comes of that: untested is not held.
        if self.capabilities.lease == "none":
            pytest.skip("UNTESTED: what is handed out never comes back: at most once is declared")

    def verify_absent(self, capability: str) -> None:
        verify_absent(self, capability)
        self.status = "ABSENT(verified)"

    def lists_not(self, state: State) -> bool:
        return not self.capabilities.lists(state)

    def verify_unlisted(self, state: State) -> None:
        verify_unlisted(self, state)
        self.status = "ABSENT(verified)"

    def round_trip(self) -> None:
        [job] = self.put()
        consumer = self.consumer()
        lease = self.one(consumer)
        assert lease.id == job.id
        self.complete(consumer, lease)

    # Making things

    def fresh(self, namespace: str | None = None, *, proxy: Proxy | None = None) -> Backend:
        """Open another backend on this site: a second connection, perhaps through a wire that can
        be cut, or to a second namespace.
        """
        site = self.site if proxy is None else self.through(proxy)
        if namespace is not None:
            # Begins with the site's: another test on the same server may use the same word.
            site = msgspec.structs.replace(site, namespace=f"{site.namespace}.{namespace}")
        backend = self.harness.backend(site)
        self.at_end(backend.close)
        backend.open()
        return (
            backend if backend.capabilities.exclusive else self._seen_once(backend, site.namespace)
        )

    def _seen_once(self, backend: Backend, namespace: str) -> Backend:
        """The backend without the doubles that it may deliver; how many is evidence."""

        def moment() -> float:
            return time.monotonic() + (0.0 if self.clock is None else self.clock.monotonic())

        if namespace not in self._sightings:
            are_timed = backend.capabilities.lease == "timed"
            self._sightings[namespace] = Sightings(moment, self._count_doubles, are_timed=are_timed)
        return SeenOnce(backend, self._sightings[namespace])

    def were_revived(self, queue: str = QUEUE) -> None:
        """The dead of a queue were revived past this scene, so they come again."""
        for sightings in self._sightings.values():
            sightings.revived(queue, None)

    def _count_doubles(self, count: int) -> None:
        self.evidence["doubles"] = self.evidence.get("doubles", 0) + count

    def client(self, proxy: Proxy | None = None) -> Backend:
        return self.fresh(proxy=proxy)

    @property
    def used(self) -> Backend:
        return self.backend

    def use(self, client: Backend) -> None:
        self.backend = client

    def declare(self, *queues: str) -> None:
        """Make queues exist."""
        self.backend.declare([QueueSpec(queue) for queue in queues])

    def consumer(
        self,
        *queues: str,
        weights: Mapping[str, int] | None = None,
        lease: float | None = None,
        backend: Backend | None = None,
        worker: str = "worker-1",
    ) -> Consumer:
        """Open a consumer, of equal weights where there are several queues, or of these."""
        shares = weights or dict.fromkeys(queues or (QUEUE,), 1)
        consumer = (backend or self.backend).consume(
            [QueueShare(queue, weight) for queue, weight in shares.items()],
            lease=self.lease if lease is None else lease,
            worker=worker,
        )
        self.at_end(lambda: consumer.close(release=False))
        return consumer

    def job(self, **fields: Any) -> Envelope:
        """A job of its own id and body."""
        return self.nth(next(self._ids), **fields)

    def nth(self, number: int, **fields: Any) -> Envelope:
        """The job of that number, counted from 1 on each site."""
        fields = {"queue": QUEUE, "body": b"body %d" % number, **fields}
        return Envelope(id=str(UUID(int=UUID_V7 | number)), **fields)

    def put(
        self, count: int = 1, *, backend: Backend | None = None, **fields: Any
    ) -> list[Envelope]:
        """Enqueue new jobs, all of which must be accepted."""
        jobs = [self.job(**fields) for _ in range(count)]
        receipts = self.enqueue(jobs, backend=backend)
        assert all(receipt == ACCEPTED for receipt in receipts), (
            f"not all accepted: {receipts!r:.200}"
        )
        return jobs

    def enqueue(self, jobs: Iterable[Envelope], *, backend: Backend | None = None) -> list[Receipt]:
        """Enqueue jobs, in as few calls as are allowed."""
        left, receipts = list(jobs), list[Receipt]()
        while left:
            lot = left[: self.capabilities.max_batch]
            left = left[len(lot) :]
            receipts += (backend or self.backend).enqueue(lot)
            self.remember(f"enqueue {_ids(lot)}: {receipts[-len(lot) :]!r:.200}")
        return receipts

    # Taking and settling

    def take(self, consumer: Consumer, count: int = 1) -> list[Lease]:
        """Lease so many jobs that are ready now, in delivery order."""
        leases: list[Lease] = []
        while len(leases) < count:
            got = consumer.fetch(count - len(leases), self.capabilities.visibility_lag)
            self.remember(f"fetch {count - len(leases)}: {_ids(got)}")
            leases += got
            if not got:
                break
        assert len(leases) == count, f"expected {count} ready jobs, got {len(leases)}"
        return leases

    def one(self, consumer: Consumer) -> Lease:
        """Lease the next job."""
        return self.take(consumer)[0]

    def rest(self, consumer: Consumer) -> list[Lease]:
        """Lease every job that is ready now, in delivery order."""
        leases: list[Lease] = []
        while got := consumer.fetch(1000, self.capabilities.visibility_lag):
            leases += got
            assert len(leases) <= MOST, "what is leased is ready for ever"
        return leases

    def assert_idle(self, consumer: Consumer) -> None:
        """Nothing can be leased now."""
        found = consumer.fetch(10, self.capabilities.visibility_lag)
        assert found == [], f"expected nothing to lease, got {[lease.id for lease in found]}"

    def settle(self, consumer: Consumer, *settlements: Settlement) -> list[Answer]:
        """Settle, flush, and return the answers in the order of the settlements."""
        consumer.settle(settlements)
        answers = {id(each.settlement): each.answer for each in consumer.flush(SLACK + 3.0)}
        given = [answers[id(settlement)] for settlement in settlements]
        for settlement, answer in zip(settlements, given, strict=True):
            kind = type(settlement).__name__.lower()
            self.remember(f"{kind} {_ids([settlement.lease])}: {answer.value}")
        return given

    def complete(self, consumer: Consumer, *leases: Lease) -> None:
        """Complete leases that are ours."""
        answers = self.settle(consumer, *(Complete(lease=lease) for lease in leases))
        assert answers == [Answer.DONE] * len(leases)

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and whoever maintains do so."""
        self.elapse(seconds)
        self.keep_up()

    def keep_up(self, backend: Backend | None = None) -> None:
        """Maintain until nothing more is wanted at once."""
        maintain_all((backend or self.backend).maintain)

    def outlast(self, lease: float | None = None) -> None:
        """Let leases of this length lapse, and be found lapsed."""
        left = self.until_lapse(self.lease if lease is None else lease)
        self.pass_time(left + self.capabilities.redelivery_lag + self.capabilities.resolution)

    def until_lapse(self, left: float) -> float:
        """In how many seconds leases lapse that have so many left: those that hang on connections
        at once, because these are cut.
        """
        self.need_recovery()
        if self.capabilities.lease == "timed":
            return left
        self.sever()
        return 0.0

    def arrives(self, consumer: Consumer, within: float) -> Lease:
        """The job that can be leased in `within` seconds at the latest."""
        if self.clock is not None:
            self.pass_time(within)
            leases = consumer.fetch(1, 0.0)
        else:
            deadline = time.monotonic() + within + SLACK
            leases = []
            while not leases and time.monotonic() < deadline:
                self.keep_up()
                leases = consumer.fetch(1, 0.02)
        assert leases, f"expected a job within {within:g} s"
        return leases[0]

    # Looking

    def now(self) -> float:
        """Seconds since the epoch by the backend's clock, read off a lease."""
        self.declare("clock")
        [probe] = self.put(queue="clock")
        consumer = self.consumer("clock")
        lease = self.one(consumer)
        self.complete(consumer, lease)
        assert lease.id == probe.id
        return lease.now

    def record(self, job: Envelope | Lease, backend: Backend | None = None) -> JobRecord | None:
        """What `get` shows of a job."""
        return (backend or self.backend).get(job.queue, [job.id])[0]

    def counted(self, queue: str = QUEUE) -> Counted:
        """How many jobs are ready, scheduled, leased and dead."""
        within = 0.0 if self.capabilities.counts == "exact" else SETTLES_IN
        if within and self.clock is not None:
            self.pass_time(within)
            within = 0.0
        return Counted(self.backend, queue, within)


def _ids(jobs: Iterable[Envelope | Lease]) -> str:
    """The ends of their ids, by which the jobs of one scene differ."""
    return ", ".join(job.id[-4:].lstrip("0") for job in jobs) or "nothing"
