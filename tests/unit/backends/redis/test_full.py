"""A server at its limit of memory takes no more jobs, and lets those that it has end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.facts import MAX_PAYLOAD
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import CancelResult, Consumer, QueueShare, QueueSpec
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendFull, PayloadTooLarge
from anyjob.core.settlement import Abandon, Answer, Bury, Complete, End, Lease, Release, Retry
from anyjob.core.state import State
from anyjob.core.store import ClaimRequest, Delete, Put
from tests.unit.backends.redis.conftest import MakeJob, Open, raw, serving
from tests.waiting import until


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    """A server of this file's own, whose limit its tests move."""
    with serving() as running:
        yield running


@pytest.fixture
def backend(opened: Open, small: Running) -> RedisBackend:
    return opened(small.url)


@contextmanager
def full(small: Running) -> Iterator[None]:
    with closing(raw(small)) as admin:
        admin.config_set("maxmemory", 1)
        try:
            yield
        finally:
            admin.config_set("maxmemory", 0)


def test_full_server_refuses_jobs_and_takes_them_once_there_is_room(
    backend: RedisBackend, small: Running, job: MakeJob
) -> None:
    known = job()
    backend.enqueue([known])
    lots = [[job()], [job(due=60)], [job(), job("files")], [job("unheard-of")]]

    with full(small):
        for lot in lots:
            with pytest.raises(BackendFull, match="raise maxmemory") as refusal:
                backend.enqueue(lot)
            assert refusal.value.retryable

    assert backend.counts("mail").ready == 1
    for lot in lots:
        assert backend.enqueue(lot) == [ACCEPTED] * len(lot)


def test_running_jobs_settle_on_a_full_server(
    backend: RedisBackend, small: Running, consumer: Consumer, job: MakeJob
) -> None:
    backend.enqueue([job() for _ in range(8)])
    one, two, three, four, five, six, seven, eight = consumer.fetch(8, 0)

    with full(small):
        consumer.settle(
            [
                Complete(lease=one),
                Complete(lease=two, note=b"said", outcome=b"done", keep=60),
                Complete(lease=three, then=(job(), job("children"))),
                Retry(lease=four, delay=60),
                Release(lease=five),
                Bury(lease=six, reason="why"),
                Abandon(lease=seven),
                End(lease=eight, state="expired"),
            ]
        )
        answers = [each.answer for each in consumer.flush(5)]

    assert answers == [Answer.DONE] * 8
    found = backend.counts("mail")
    assert (found.ready, found.scheduled, found.leased, found.dead) == (3, 1, 0, 1)
    assert backend.counts("children").ready == 1


def test_work_goes_on_on_a_full_server(
    backend: RedisBackend, small: Running, consumer: Consumer, job: MakeJob
) -> None:
    jobs = [job() for _ in range(6)]
    backend.enqueue(jobs)

    with full(small):
        leases = consumer.fetch(4, 0)
        assert consumer.extend(leases, 60) == []
        assert backend.maintain(1.0) > 0
        assert backend.counts("mail").leased == 4
        assert len(backend.browse("mail", State.READY, None, 10).records) == 2
        assert backend.cancel("mail", [jobs[5].id]) == [CancelResult.CANCELLED]
        consumer.settle([Bury(lease=lease, reason="why") for lease in leases])
        consumer.flush(5)
        assert backend.revive("mail", [leases[0].id]) == 1
        assert backend.discard("mail", None) == 3
        assert backend.purge("mail", [State.READY]) == 2
        backend.pause("mail")
        backend.resume("mail")
        consumer.close(release=True)


def test_consumer_is_opened_and_woken_on_a_full_server(
    backend: RedisBackend, small: Running, opened: Open
) -> None:
    fresh = opened(small.url)

    with full(small):
        consumer = fresh.consume([QueueShare("mail")], lease=30, worker="worker-1")
        ended: list[object] = []
        waiting = threading.Thread(target=outcome, args=[ended, lambda: consumer.fetch(1, 60)])
        waiting.start()
        with closing(raw(small)) as admin:
            until(lambda: admin.info("clients")["blocked_clients"] == 1)
        consumer.wake()
        waiting.join(20)
        consumer.close(release=True)

    assert ended == [[]]


def outcome(into: list[object], call: Callable[[], list[Lease]]) -> None:
    try:
        into.append(call())
    except Exception as error:
        into.append(error)


def test_store_refuses_what_needs_room_and_does_the_rest(
    backend: RedisBackend, small: Running
) -> None:
    store = backend.store()
    store.open()
    store.put([Put("kept", b"value")])
    store.schedule([("set", "one", 0.0, b"value")])
    store.create_sets([("many", 3)])

    with full(small):
        for refused in (
            lambda: store.put([Put("new", b"value")]),
            lambda: store.schedule([("set", "two", 0.0, b"value")]),
            lambda: store.create_sets([("few", 3)]),
            lambda: store.append([("series", b"value")], 60),
        ):
            with pytest.raises(BackendFull):
                refused()
        assert store.get(["kept", "new"])[1] is None
        [claim] = store.claim([ClaimRequest("leader", "me", 60)])
        assert store.unclaim([("leader", claim.fence)]) == [True]
        assert store.settle_due(store.take_due("set", 10, 30)) == [True]
        assert store.increment([("counter", 2)]) == [2]
        assert store.delete([Delete("kept")])[0].done
        store.close()


def test_queues_are_declared_on_a_full_server(backend: RedisBackend, small: Running) -> None:
    with full(small):
        backend.declare([QueueSpec("new")])

        assert backend.queues() == {"new"}


def test_job_that_is_too_large_is_refused_before_anything_is_sent(
    backend: RedisBackend, consumer: Consumer, job: MakeJob
) -> None:
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 0)
    large = bytes(MAX_PAYLOAD + 1)

    with pytest.raises(PayloadTooLarge, match="send a reference"):
        backend.enqueue([job(), job(body=large)])
    with pytest.raises(PayloadTooLarge):
        consumer.settle([Complete(lease=lease, then=(job(body=large),))])
    with pytest.raises(PayloadTooLarge):
        backend.revive("mail", [lease.id], edit={lease.id: large})

    assert backend.counts("mail").ready == 0
    assert consumer.flush(5) == []
