"""What is particular to RabbitMQ, on a broker of the tests' own."""

from __future__ import annotations

import queue
import threading
import time

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from anyjob.backends.rabbitmq import RabbitBackend
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.rabbitmq.topology import UNROUTABLE
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import Consumer, QueueSpec
from anyjob.core.envelope import ACCEPTED, Envelope, Rejected, Unique
from anyjob.core.errors import (
    BackendUnavailable,
    ConfigurationError,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.settlement import Abandon, Answer, Bury, Complete, Lease, Release, Retry, Verdict
from anyjob.core.state import State
from tests.unit.backends.rabbitmq.conftest import Open, consuming, job, settled
from tests.waiting import until


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hidden-word@", "wrong@", "refuses the user or the password"),
        ("anyjob:", "nobody:", "refuses the user or the password"),
        ("/", "/none", "has no virtual host 'none'"),
    ],
)
def test_wrong_url_is_refused_at_once_and_shows_no_password(
    server: Running, old: str, new: str, message: str
) -> None:
    head, _, tail = server.url.rpartition(old)
    began = time.monotonic()

    with pytest.raises(ConfigurationError, match=message) as refusal:
        RabbitBackend(f"{head}{new}{tail}").open()

    assert time.monotonic() - began < 4.0
    assert "hidden-word" not in str(refusal.value)


def test_broker_that_is_not_there_is_told_within_the_deadline() -> None:
    began = time.monotonic()

    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        RabbitBackend("amqp://127.0.0.1:1").open()

    assert time.monotonic() - began < 8.0


def test_first_host_that_answers_is_used(server: Running, opened: Open) -> None:
    url = server.url.replace("@", "@127.0.0.1:1,")

    backend = opened(url)

    assert backend.capabilities.version == "3.10.8"


def test_job_for_a_queue_that_nobody_declared_is_rejected(
    backend: RabbitBackend, consumer: Consumer
) -> None:
    one, other = job("line"), job("typo")

    first, second = backend.enqueue([one, other])

    assert first == ACCEPTED
    assert isinstance(second, Rejected)
    assert "'typo' is not declared" in second.why
    assert [lease.id for lease in consumer.fetch(10, 5.0)] == [one.id]


def test_namespace_that_nobody_declared_rejects_jobs_and_takes_them_once_it_is(
    opened: Open,
) -> None:
    backend = opened()

    [rejected] = backend.enqueue([job()])
    backend.declare([QueueSpec("line")])

    assert isinstance(rejected, Rejected)
    assert backend.enqueue([job()]) == [ACCEPTED]


def test_what_needs_a_store_is_refused_by_name(backend: RabbitBackend, consumer: Consumer) -> None:
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 5.0)

    for name, call in (
        ("unique", lambda: backend.enqueue([job(unique=Unique("key"))])),
        ("transaction", lambda: backend.enqueue([job()], transaction=object())),
        ("cancel", lambda: backend.cancel("line", [lease.id])),
        ("results", lambda: consumer.settle([Complete(lease=lease, outcome=b"x")])),
        ("browse", lambda: backend.browse("line", State.READY, None, 1)),
        ("browse", lambda: backend.purge("line", [State.SCHEDULED])),
        ("max_lease", lambda: consumer.extend([lease], 1801.0)),
    ):
        with pytest.raises(UnsupportedCapability) as refusal:
            call()
        assert refusal.value.name == name
    assert settled(consumer, Complete(lease=lease)) == [Answer.DONE]


def test_each_end_of_a_lease_is_what_it_says(backend: RabbitBackend, consumer: Consumer) -> None:
    jobs = [job() for _ in range(5)]
    backend.enqueue(jobs)
    one, two, three, four, five = consumer.fetch(5, 5.0)

    answers = settled(
        consumer,
        Complete(lease=one),
        Retry(lease=two, note=b"error"),
        Release(lease=three),
        Bury(lease=four, reason="broken"),
        Abandon(lease=five),
    )
    again = {each.id: each for each in fetched(consumer, 3)}

    assert answers == [Answer.DONE] * 5
    found = {each.id: (each.attempt, each.redeliveries, each.note) for each in again.values()}
    assert found == {two.id: (2, 0, b"error"), three.id: (1, 0, b""), five.id: (1, 1, b"")}
    [dead] = backend.browse("line", State.DEAD, None, 10).records
    assert (dead.id, dead.reason, dead.attempts) == (four.id, "broken", 1)


def test_queue_that_is_deleted_under_a_consumer_is_made_again_and_reported(
    opened: Open, backend: RabbitBackend, admin: BlockingChannel
) -> None:
    told: list[str] = []
    backend.subscribe(lambda name, facts: told.append(f"{name} {facts['queues']}"))
    consumer = consuming(backend)
    backend.enqueue([job()])
    [lost] = consumer.fetch(1, 5.0)
    consumer.fetch(5, 0.0)

    for name in backend.names.bands("line"):
        admin.queue_delete(name)
    canary = job()
    until(lambda: _passes(backend, consumer, canary))

    assert told == ["backend.replaced ['line']"]
    # Whichever it is, the job is not there to come again.
    [answer] = settled(consumer, Complete(lease=lost))
    assert answer in (Answer.DONE, Answer.LEASE_LOST)
    consumer.close(release=True)


def test_message_of_somebody_else_is_handed_over_as_it_is(
    backend: RabbitBackend, consumer: Consumer, admin: BlockingChannel
) -> None:
    admin.basic_publish("", backend.names.ready("line", 5), b"\x00hello")

    [lease] = consumer.fetch(1, 5.0)

    assert (lease.verdict, lease.body) == (Verdict.UNDECODABLE, b"\x00hello")
    burial = Bury(lease=lease, reason="undecodable", ran=False)
    assert settled(consumer, burial) == [Answer.DONE]
    [record] = backend.browse("line", State.DEAD, None, 1).records
    assert (record.body, record.reason) == (b"\x00hello", "undecodable")


def test_what_the_broker_gives_up_is_listed_as_poison(
    backend: RabbitBackend, admin: BlockingChannel
) -> None:
    lost = job()
    backend.enqueue([lost])
    method, _, _ = admin.basic_get(backend.names.ready("line", 5))
    assert method is not None

    # As its limit of deliveries does it.
    admin.basic_reject(method.delivery_tag or 0, requeue=False)
    until(lambda: backend.counts("line").dead == 1)

    [record] = backend.browse("line", State.DEAD, None, 1).records
    assert (record.id, record.reason, record.body) == (lost.id, "poison", lost.body)
    assert backend.revive("line", None) == 1


def test_lease_ends_with_its_connection_and_the_job_comes_again(
    backend: RabbitBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 5.0)

    backend.sever()

    assert consumer.extend([lease], 30.0) == [lease]
    [again] = consumer.fetch(1, 5.0)
    assert (again.id, again.redeliveries, again.attempt) == (lease.id, 1, 1)
    assert settled(consumer, Complete(lease=lease)) == [Answer.LEASE_LOST]
    assert settled(consumer, Complete(lease=again)) == [Answer.DONE]


def test_consumer_that_does_not_fetch_keeps_nothing_from_another(backend: RabbitBackend) -> None:
    idle, other = consuming(backend), consuming(backend)
    backend.enqueue([job() for _ in range(3)])
    first = idle.fetch(3, 5.0)
    settled(idle, *(Complete(lease=lease) for lease in first))
    idle.fetch(100, 0.0)

    backend.enqueue([job() for _ in range(4)])
    found = other.fetch(10, 5.0)

    assert len(found) == 4
    assert {lease.redeliveries for lease in found} == {0}
    for each in (idle, other):
        each.close(release=True)


def test_delayed_jobs_of_a_queue_that_was_deleted_stand_in_no_other_ones_way(
    backend: RabbitBackend, consumer: Consumer, admin: BlockingChannel
) -> None:
    backend.declare([QueueSpec("gone")])
    # As many as the broker has on their way at once, and more.
    for _ in range(3):
        backend.enqueue([job("gone", due=0.5) for _ in range(500)])
    for name in backend.names.bands("gone"):
        admin.queue_delete(name)
    still = job(due=0.75)
    backend.enqueue([still])

    assert [lease.id for lease in consumer.fetch(1, 20.0)] == [still.id]
    kept = admin.queue_declare(UNROUTABLE, passive=True)
    assert kept.method.message_count > 0


def test_delayed_jobs_come_in_their_time_and_leave_no_trace_of_the_way(
    backend: RabbitBackend, consumer: Consumer
) -> None:
    delays = (0.3, 0.9, 1.4)
    began = time.monotonic()
    backend.enqueue([job(due=delay) for delay in delays])

    came: list[tuple[float, Lease]] = []
    while len(came) < len(delays) and time.monotonic() < began + 20.0:
        came += [(time.monotonic() - began, lease) for lease in consumer.fetch(9, 0.1)]

    for (at, lease), delay in zip(came, delays, strict=True):
        assert delay <= at <= delay + backend.capabilities.schedule_lag + 2.0
        assert (lease.attempt, lease.redeliveries) == (1, 0)


def test_queues_and_pauses_are_the_same_for_everybody(opened: Open, backend: RabbitBackend) -> None:
    other = opened()

    other.declare([QueueSpec("another")])
    other.pause("another")

    assert backend.queues() == {"line", "another"}
    assert backend.paused() == {"another"}
    other.resume("another")
    assert backend.paused() == set()


def test_every_call_after_close_is_misuse(opened: Open) -> None:
    backend = opened()
    backend.close()

    for call in (
        lambda: backend.enqueue([job()]),
        lambda: backend.counts("line"),
        lambda: backend.maintain(1.0),
        backend.queues,
        lambda: consuming(backend),
    ):
        with pytest.raises(Misuse):
            call()


def test_headers_say_nothing_that_a_job_does_not_need(
    backend: RabbitBackend, admin: BlockingChannel
) -> None:
    backend.enqueue([job()])
    _, properties, _ = admin.basic_get(Names(backend.names.namespace, 3).ready("line", 5), True)

    assert isinstance(properties, pika.BasicProperties)
    headers = properties.headers or {}
    assert {name for name in headers if not name.startswith("x-")} == {"priority"}
    assert properties.delivery_mode == 2


def fetched(consumer: Consumer, count: int) -> list[Lease]:
    """So many leases, however many fetches they take."""
    leases: list[Lease] = []
    deadline = time.monotonic() + 20.0
    while len(leases) < count and time.monotonic() < deadline:
        leases += consumer.fetch(count, 0.1)
    return leases


def _passes(backend: RabbitBackend, consumer: Consumer, canary: Envelope) -> bool:
    backend.enqueue([canary])
    leases = consumer.fetch(10, 0.1)
    settled(consumer, *(Complete(lease=lease) for lease in leases))
    return canary.id in {lease.id for lease in leases}


def test_flush_of_another_thread_closes_no_line_of_a_fetch_that_begins(
    backend: RabbitBackend, consumer: Consumer
) -> None:
    """As a worker does: one thread fetches, and another sends what became of the jobs."""
    done: queue.SimpleQueue[Lease | None] = queue.SimpleQueue()

    def keep() -> None:
        while (lease := done.get()) is not None:
            consumer.settle([Complete(lease=lease)])
            consumer.flush(0.0)

    keeping = threading.Thread(target=keep)
    keeping.start()
    try:
        for _ in range(100):
            # Comes while the fetch waits already.
            coming = threading.Timer(0.02, backend.enqueue, [[job()]])
            coming.start()
            began = time.monotonic()
            [lease] = consumer.fetch(8, 5.0)
            coming.join()
            # It would come when the next fetch opens the lines, five seconds later.
            assert time.monotonic() - began < 4.0
            done.put(lease)
    finally:
        done.put(None)
        keeping.join()
