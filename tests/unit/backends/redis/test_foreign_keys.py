"""Somebody else's key where one of a queue's belongs: each call works or is refused as a whole, and
once that key is moved away, every accepted job is delivered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.keys import Keys
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import CancelResult, Consumer, QueueShare, QueueSpec
from anyjob.core.envelope import ACCEPTED, Envelope, Unique
from anyjob.core.errors import BackendCorrupt
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
from anyjob.core.state import State
from tests.unit.backends.redis.conftest import MakeJob, Open

QUEUES = ["files", "mail"]
NAMES = [key.rpartition(b":")[2].decode() for key in Keys("ns").of("mail")]


class Life:
    """Two queues with jobs in every state, and what has to come of them."""

    def __init__(self, backend: RedisBackend, clock: FakeClock, job: MakeJob) -> None:
        self.backend, self.clock, self.job = backend, clock, job
        #: Ids that have to be delivered in the end, and no others.
        self.owed: set[str] = set()
        self.consumer = self.open_consumer()
        self.dead = self._buried()
        self.leases = self._leased()
        self.ready = [job(priority=priority) for priority in range(10)] + [job("files")]
        self.scheduled = [job(due=50.0), job(due=70.0, priority=9)]
        self.keyed = job(unique=Unique("order 7"))
        cancelled = job()
        self.enqueue([*self.ready, *self.scheduled, self.keyed])
        backend.enqueue([cancelled])
        backend.cancel("mail", [cancelled.id])

    def open_consumer(self) -> Consumer:
        shares = [QueueShare(queue) for queue in QUEUES]
        return self.backend.consume(shares, lease=30, worker="worker-1")

    def enqueue(self, jobs: list[Envelope]) -> None:
        receipts = self.backend.enqueue(jobs)
        assert receipts == [ACCEPTED] * len(jobs)
        self.owed |= {each.id for each in jobs}

    def _buried(self) -> list[str]:
        jobs = [self.job(unique=Unique("order 8")), self.job()]
        self.enqueue(jobs)
        self.settle([Bury(lease=lease, reason="why") for lease in self.consumer.fetch(5, 0)])
        return [each.id for each in jobs]

    def _leased(self) -> list[Lease]:
        self.enqueue([self.job() for _ in range(10)])
        leases = self.consumer.fetch(10, 0)
        self.settle([Retry(lease=lease) for lease in leases])
        return self.consumer.fetch(10, 0)

    def settle(self, lot: list[Settlement]) -> None:
        """All that is answered as done is so; what is not is as it was."""
        self.consumer.settle(lot)
        for each in self.consumer.flush(5.0):
            assert each.answer in (Answer.DONE, Answer.UNKNOWN)
            if each.answer is Answer.DONE:
                self.owed |= {child.id for child in each.settlement.then}
                if isinstance(each.settlement, Complete | End):
                    self.owed.discard(each.settlement.lease.id)

    def delivered(self) -> set[str]:
        """Every job that there is to deliver, once all that waits has come."""
        self.clock.advance(3600)
        self.backend.resume("mail")
        self.backend.revive("mail", None)
        found: set[str] = set()
        with contextlib.closing(_Released(self.open_consumer())) as last:
            while leases := last.consumer.fetch(100, 0):
                found |= {lease.id for lease in leases}
        return found


class _Released:
    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    def close(self) -> None:
        self.consumer.close(release=False)


def enqueue(life: Life) -> None:
    life.enqueue([life.job("files"), life.job()])
    life.enqueue([life.job("files", due=9.0), life.job(due=9.0)])
    life.enqueue([life.job("files"), life.job(unique=Unique("order 9", ttl=9.0))])


def fetch(life: Life) -> None:
    life.consumer.fetch(20, 0)


def fetch_late(life: Life) -> None:
    life.clock.advance(60)
    life.consumer.fetch(5, 0)


def settle_plain(life: Life) -> None:
    life.settle([Complete(lease=lease) for lease in life.leases])


def settle_each_kind(life: Life) -> None:
    one, two, three, four, five, six, seven, eight, *_ = life.leases
    life.settle([Complete(lease=one, note=b"said")])
    life.settle([Complete(lease=two, outcome=b"done", keep=300)])
    life.settle([Retry(lease=three)])
    life.settle([Retry(lease=four, delay=9)])
    life.settle([Release(lease=five)])
    life.settle([Bury(lease=six, reason="why", outcome=b"error")])
    life.settle([Abandon(lease=seven)])
    life.settle([End(lease=eight, state="expired")])


def settle_with_children(life: Life) -> None:
    one, two, *_ = life.leases
    job = life.job
    life.settle([Complete(lease=one, note=b"", then=(job("files"), job(), job(due=9.0)))])
    life.settle([Complete(lease=two, then=(job("files"), job(unique=Unique("order 10"))))])


def extend(life: Life) -> None:
    assert life.consumer.extend(life.leases, 60) == []


def maintain(life: Life) -> None:
    life.clock.advance(60)
    life.backend.maintain(1.0)


def look(life: Life) -> None:
    life.clock.advance(60)
    life.backend.counts("mail")


def browse(life: Life) -> None:
    for state in (State.READY, State.SCHEDULED, State.LEASED, State.DEAD):
        with contextlib.suppress(BackendCorrupt):
            life.backend.browse("mail", state, None, 100)


def get(life: Life) -> None:
    life.backend.get("mail", sorted(life.owed))


def cancel(life: Life) -> None:
    ids = [each.id for each in [*life.ready, *life.scheduled, life.keyed]]
    for id, result in zip(ids, life.backend.cancel("mail", ids), strict=True):
        if result is CancelResult.CANCELLED:
            life.owed.discard(id)


def purge_ready(life: Life) -> None:
    life.backend.purge("mail", [State.READY])
    life.owed -= {each.id for each in [*life.ready[:10], life.keyed]}


def purge_scheduled(life: Life) -> None:
    life.backend.purge("mail", [State.SCHEDULED])
    life.owed -= {each.id for each in life.scheduled}


def revive_all(life: Life) -> None:
    life.backend.revive("mail", None, edit={life.dead[0]: b"new"})


def revive_some(life: Life) -> None:
    life.backend.revive("mail", life.dead)


def discard_all(life: Life) -> None:
    life.backend.discard("mail", None)
    life.owed -= set(life.dead)


def discard_some(life: Life) -> None:
    life.backend.discard("mail", life.dead[:1])
    life.owed.discard(life.dead[0])


def pause(life: Life) -> None:
    life.backend.pause("mail")
    life.backend.resume("mail")


def names(life: Life) -> None:
    life.backend.declare([QueueSpec("mail")])
    life.backend.paused()
    life.backend.queues()


def close(life: Life) -> None:
    life.consumer.close(release=True)


CALLS: list[Callable[[Life], None]] = [
    enqueue, fetch, fetch_late, settle_plain, settle_each_kind, settle_with_children, extend,
    maintain, look, browse, get, cancel, purge_ready, purge_scheduled, revive_all, revive_some,
    discard_all, discard_some, pause, names, close,
]  # fmt: skip


@contextlib.contextmanager
def planted(admin: redis.Redis, key: bytes) -> Iterator[None]:
    """Somebody else's key in the place of ours, which is put back in the end."""
    aside = b"aside:" + key
    had_one = admin.exists(key)
    if had_one:
        admin.rename(key, aside)
    admin.set(key, "somebody else's")
    try:
        yield
    finally:
        admin.delete(key)
        if had_one:
            admin.rename(aside, key)


@pytest.mark.parametrize("call", CALLS)
def test_key_of_another_type_in_any_place_loses_nothing(
    call: Callable[[Life], None], admin: redis.Redis, server: Running, opened: Open, job: MakeJob
) -> None:
    clock = FakeClock()
    wrong: dict[str, object] = {}
    for name in NAMES:
        backend = opened(server.url, namespace=f"{call.__name__}.{name}", clock=clock)
        life = Life(backend, clock, job)
        key = f"{call.__name__}.{name}:{{mail}}:{name}".encode()

        with planted(admin, key), contextlib.suppress(BackendCorrupt):
            call(life)

        delivered = life.delivered()
        if delivered != life.owed:
            wrong[name] = {"lost": life.owed - delivered, "too many": delivered - life.owed}
        with contextlib.suppress(Exception):
            life.consumer.close(release=False)
        backend.close()
    assert wrong == {}


@pytest.mark.parametrize("name", ["queues", "epoch"])
def test_key_of_another_type_in_the_place_of_the_namespaces_loses_nothing(
    name: str, admin: redis.Redis, backend: RedisBackend, namespace: str, job: MakeJob
) -> None:
    first, second = job(), job("files")
    with planted(admin, f"{namespace}:{name}".encode()):
        try:
            stored = backend.enqueue([first, second]) == [ACCEPTED, ACCEPTED]
        except BackendCorrupt:
            stored = False

    assert [record is not None for record in backend.get("mail", [first.id])] == [stored]
    assert [record is not None for record in backend.get("files", [second.id])] == [stored]


def test_fetch_that_waits_meets_a_key_of_another_type_at_once(
    admin: redis.Redis, backend: RedisBackend, consumer: Consumer, namespace: str
) -> None:
    with (
        planted(admin, f"{namespace}:{{mail}}:wake".encode()),
        pytest.raises(BackendCorrupt, match="another type"),
    ):
        consumer.fetch(1, 60)
