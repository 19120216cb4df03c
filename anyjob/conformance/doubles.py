"""Where a backend may give a job twice, an example sees it once, and the rest is counted.

`exclusive=False` widens this alone: a delivery that neither a lapse nor a settlement explains is
left aside, and completed if its job is over. Whatever else the contract says is asked as before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from anyjob.conformance.handing_on import HandingOn, HandingOnConsumer
from anyjob.core.backend import Backend, Consumer, QueueShare
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt
from anyjob.core.errors import Misuse
from anyjob.core.settlement import Answer, Bury, Complete, End, Lease, Settled, Settlement

#: A queue's name, and an id in it.
Job = tuple[str, str]


class Sightings:
    """What all consumers of one site were given; any thread may tell and ask."""

    def __init__(
        self, now: Callable[[], float], count: Callable[[int], None], *, are_timed: bool
    ) -> None:
        """`now` is on a clock that is never behind the backend's; `count` is told how many doubles
        came; leases that are not timed end whenever a connection does.
        """
        self.now = now
        self._count = count
        self._are_timed = are_timed
        self._lock = threading.Lock()
        #: By job: the lease it is out on, and when that ends at the earliest.
        self._out: dict[Job, tuple[Lease, float]] = {}
        self._over: set[Job] = set()
        #: Those of them that are dead, and may be revived.
        self._dead: set[Job] = set()

    def taken(self, leases: Sequence[Lease], asked: float, seconds: float) -> list[Lease]:
        """Those of these leases, asked for at `asked`, that are no doubles."""
        with self._lock:
            fresh = [lease for lease in leases if not self._is_double(lease)]
            self._out |= {_job(lease): (lease, asked + seconds) for lease in fresh}
        self._count(len(leases) - len(fresh))
        return fresh

    def _is_double(self, lease: Lease) -> bool:
        if _job(lease) in self._over:
            return True
        held, until = self._out.get(_job(lease), (None, 0.0))
        if held is None:
            return False
        # What lapsed comes with one redelivery more, and not before its time.
        same = (held.attempt, held.redeliveries) == (lease.attempt, lease.redeliveries)
        return same or (self._are_timed and self.now() < until)

    def extended(self, leases: Iterable[Lease], asked: float, seconds: float) -> None:
        """Their leases end so many seconds after `asked` at the earliest."""
        with self._lock:
            for lease in leases:
                if self._is_out(lease):
                    self._out[_job(lease)] = lease, asked + seconds

    def settled(self, settlement: Settlement) -> None:
        """It was done."""
        with self._lock:
            if self._is_out(settlement.lease):
                del self._out[_job(settlement.lease)]
            if isinstance(settlement, Complete | End | Bury):
                self._over.add(_job(settlement.lease))
            if isinstance(settlement, Bury):
                self._dead.add(_job(settlement.lease))
            self._over.difference_update(map(_job, settlement.then))

    def given_back(self, leases: Iterable[Lease]) -> None:
        """Nobody holds these any more, and they may be leased at once."""
        with self._lock:
            for lease in leases:
                if self._is_out(lease):
                    del self._out[_job(lease)]

    def begun_anew(self, jobs: Iterable[Envelope]) -> None:
        """These jobs were stored once more, though they were over."""
        with self._lock:
            self._over.difference_update(map(_job, jobs))

    def revived(self, queue: str, ids: Collection[str] | None) -> None:
        """These of the dead may come again, all with None."""
        with self._lock:
            mine = {job for job in self._dead if job[0] == queue}
            chosen = {job for job in mine if ids is None or job[1] in ids}
            self._over -= chosen
            self._dead = self._dead - chosen

    def is_over(self, lease: Lease) -> bool:
        """Whether its job is."""
        return _job(lease) in self._over

    def _is_out(self, lease: Lease) -> bool:
        held, _ = self._out.get(_job(lease), (None, 0.0))
        return held is not None and held.token == lease.token


class SeenOnce(HandingOn):
    """Shows no doubles."""

    def __init__(self, inner: Backend, sightings: Sightings) -> None:
        super().__init__(inner)
        self._sightings = sightings

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        receipts = self.inner.enqueue(jobs, transaction=transaction)
        told = zip(jobs, receipts, strict=True)
        self._sightings.begun_anew([job for job, receipt in told if receipt == ACCEPTED])
        return receipts

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        consumer = self.inner.consume(queues, lease=lease, worker=worker)
        return _SeesOnce(consumer, self._sightings, lease)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        self._sightings.revived(queue, ids)
        return self.inner.revive(queue, ids, edit=edit)


class _SeesOnce(HandingOnConsumer):
    def __init__(self, inner: Consumer, sightings: Sightings, lease: float) -> None:
        super().__init__(inner)
        self._sightings = sightings
        self._lease = lease
        self._mine: list[Lease] = []
        self._buffered: list[Settlement] = []
        #: Settlements of doubles, by id(): nobody waits for their answers.
        self._own: dict[int, Settlement] = {}

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        until = self._sightings.now() + timeout
        leases, fresh = self._fetch(credit, timeout, limits)
        while leases and not fresh:
            left = max(0.0, until - self._sightings.now())
            try:
                leases, fresh = self._fetch(credit, left, limits)
            except Misuse:  # closed meanwhile
                break
        return fresh

    def _fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None
    ) -> tuple[list[Lease], list[Lease]]:
        """What came, and what of it is no double."""
        asked = self._sightings.now()
        leases = self.inner.fetch(credit, timeout, limits)
        fresh = self._sightings.taken(leases, asked, self._lease)
        self._finish([lease for lease in leases if lease not in fresh])
        self._mine += fresh
        return leases, fresh

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self.inner.settle(settlements)
        self._buffered += settlements
        # They may leave with a fetch that brings the same jobs again, before anybody has an answer.
        again = [each.lease for each in settlements if not isinstance(each, Complete | End | Bury)]
        self._sightings.given_back(again)

    def flush(self, deadline: float) -> list[Settled]:
        answered = self.inner.flush(deadline)
        self._buffered.clear()
        for each in answered:
            if each.answer is Answer.DONE:
                self._sightings.settled(each.settlement)
        return [each for each in answered if id(each.settlement) not in self._own]

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        asked = self._sightings.now()
        lost = self.inner.extend(leases, lease)
        self._sightings.extended((each for each in leases if each not in lost), asked, lease)
        return lost

    def close(self, *, release: bool) -> None:
        self.inner.close(release=release)
        if release:
            for settlement in self._buffered:
                self._sightings.settled(settlement)
            self._sightings.given_back(self._mine)

    def _finish(self, doubles: Sequence[Lease]) -> None:
        """Let the doubles of jobs that are over come no more."""
        settlements = [Complete(lease=each) for each in doubles if self._sightings.is_over(each)]
        self._own |= {id(each): each for each in settlements}
        with suppress(Misuse):  # closed meanwhile
            self.inner.settle(settlements)


def _job(each: Lease | Envelope) -> Job:
    return each.queue, each.id
