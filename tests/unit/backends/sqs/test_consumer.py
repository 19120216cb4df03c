"""Taking and ending jobs of SQS: hops, pauses, requests that wait, the 12 hours, and strangers."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from anyjob.backends.sqs import SQSBackend
from anyjob.backends.sqs.facts import LONGEST_LEASE, PREFETCH
from anyjob.backends.sqs.names import HIGH, PLAIN, sqs_name
from anyjob.core.backend import Consumer, QueueSpec
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendError, BackendUnavailable
from anyjob.core.settlement import Answer, Bury, Complete, Release, Retry, Verdict
from anyjob.core.state import State
from tests.conformance.sqs.faults import Fault
from tests.conformance.sqs.service import Service
from tests.unit.backends.sqs.conftest import (
    QUEUE,
    Open,
    consuming,
    drained,
    job,
    one,
    settled,
)

HOUR = 3600.0


def test_delay_past_15_minutes_is_kept_by_hops_and_never_early(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    delayed = job(due=2 * HOUR)
    backend.enqueue([delayed])
    hops = service.requests().get("SendMessageBatch", 0)

    # A worker looks now and then; every message but the last comes too early.
    for _ in range(7):
        service.clock.advance(901.0)
        assert consumer.fetch(1, 0.0) == []
    service.clock.advance(2 * HOUR - 7 * 901.0 - 5.0)
    assert consumer.fetch(1, 0.0) == []
    service.clock.advance(7.0)

    lease = one(consumer)
    assert (lease.id, lease.attempt, lease.redeliveries) == (delayed.id, 1, 0)
    assert service.requests()["SendMessageBatch"] - hops == 7


def test_retry_may_be_delayed_past_15_minutes(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    settled(consumer, Retry(lease=one(consumer), delay=HOUR, note=b"why"))

    for _ in range(4):
        assert consumer.fetch(1, 0.0) == []
        service.clock.advance(902.0)

    again = one(consumer)
    assert (again.attempt, again.note) == (2, b"why")


def test_jobs_waiting_for_their_time_are_counted_as_such(backend: SQSBackend) -> None:
    backend.enqueue([job(due=HOUR), job(due=5.0), job()])

    counts = backend.counts(QUEUE)

    assert (counts.ready, counts.scheduled) == (1, 2)


def test_extension_ends_12_hours_after_the_receipt(service: Service, backend: SQSBackend) -> None:
    consumer = consuming(backend, lease=LONGEST_LEASE)
    backend.enqueue([job()])
    lease = one(consumer)
    service.clock.advance(6 * HOUR)

    # Asked for more than is left, it takes what is left.
    assert consumer.extend([lease], LONGEST_LEASE) == []
    service.clock.advance(5 * HOUR)
    assert consumer.extend([lease], HOUR / 2) == []
    service.clock.advance(HOUR)

    assert consumer.extend([lease], 60.0) == [lease]
    assert settled(consumer, Complete(lease=lease)) == [Answer.LEASE_LOST]
    assert one(consuming(backend)).redeliveries == 1
    consumer.close(release=False)


def test_nothing_is_sent_once_nine_tenths_of_a_lease_are_over(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    lease = one(consumer)
    service.clock.advance(54.5)
    asked = service.requests()

    assert settled(consumer, Complete(lease=lease)) == [Answer.LEASE_LOST]
    assert consumer.extend([lease], 60.0) == [lease]

    assert service.requests() == asked


def test_foreign_message_comes_as_undecodable_and_is_buried_with_its_bytes(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    name = sqs_name(backend._namespace, QUEUE, PLAIN)  # noqa: SLF001 - no other door names it
    with closing(service.client()) as client:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody="somebody else's <ü>")

    lease = one(consumer)
    assert (lease.verdict, lease.body) == (Verdict.UNDECODABLE, "somebody else's <ü>".encode())
    assert settled(consumer, Bury(lease=lease, reason="undecodable", ran=False)) == [Answer.DONE]

    [record] = backend.browse(QUEUE, State.DEAD, None, 10).records
    assert (record.id, record.body, record.attempts) == (lease.id, lease.body, 0)
    backend.enqueue([job(b"sound")])
    assert one(consumer).body == b"sound"


def test_message_that_sqs_itself_moved_to_the_dead_is_listed_as_poison(
    service: Service, backend: SQSBackend
) -> None:
    with closing(service.client()) as client:
        name = sqs_name(backend._namespace, QUEUE, HIGH)  # noqa: SLF001
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        said = client.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
        policy = said["Attributes"]["RedrivePolicy"].replace('"1000"', '"2"')
        client.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
        backend.enqueue([job(priority=9)])
        for _ in range(3):
            client.receive_message(QueueUrl=url, VisibilityTimeout=0)

    [record] = backend.browse(QUEUE, State.DEAD, None, 10).records
    assert record.reason == "poison"
    assert backend.revive(QUEUE, None) == 1
    again = one(consuming(backend))
    assert (again.attempt, again.redeliveries) == (1, 0)


def test_job_that_comes_when_nobody_fetches_is_given_back_uncounted(
    backend: SQSBackend, open_backend: Open
) -> None:
    idle, other = consuming(backend), consuming(open_backend())
    waiting = threading.Thread(target=idle.fetch, args=[10, 10.0])
    waiting.start()
    time.sleep(0.3)
    idle.wake()
    waiting.join()

    # Its requests wait on; this job comes to one of them, and to nobody.
    sent = job()
    backend.enqueue([sent])

    lease = one(other, within=5.0)
    assert (lease.id, lease.attempt, lease.redeliveries) == (sent.id, 1, 0)
    idle.close(release=False)
    other.close(release=False)


def test_next_fetch_gets_what_a_waiting_request_brought(backend: SQSBackend) -> None:
    consumer = consuming(backend)
    waiting = threading.Thread(target=consumer.fetch, args=[10, 10.0])
    waiting.start()
    time.sleep(0.3)
    consumer.wake()
    waiting.join()

    sent = job()
    backend.enqueue([sent])
    time.sleep(0.1)

    assert one(consumer, within=0.5).id == sent.id
    consumer.close(release=False)


def test_paused_queue_gives_nothing_out_and_loses_no_job(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.declare([QueueSpec("other")])
    both = consuming(backend, QUEUE, "other")
    backend.pause(QUEUE)
    sent = [job(), job(priority=9), job(queue="other")]
    backend.enqueue(sent)

    assert [lease.id for lease in drained(both, 1)] == [sent[2].id]
    assert both.fetch(10, 0.5) == []
    assert backend.paused() == {QUEUE}
    backend.resume(QUEUE)

    found = drained(both, 2)
    assert {lease.id for lease in found} == {sent[0].id, sent[1].id}
    assert {lease.redeliveries for lease in found} == {0}
    both.close(release=False)


def test_batches_hold_ten_entries(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    before = service.requests()
    for _ in range(10):
        backend.enqueue([job() for _ in range(10)])
    sent = service.requests()["SendMessageBatch"] - before.get("SendMessageBatch", 0)
    leases = drained(consumer, 100)
    consumer.extend(leases, 60.0)
    settled(consumer, *(Complete(lease=lease) for lease in leases))
    after = service.requests()

    asked = {name: after[name] - before.get(name, 0) for name in after}
    assert sent == 10
    assert asked["ChangeMessageVisibilityBatch"] == 10
    assert asked["DeleteMessageBatch"] == 10
    assert asked["ReceiveMessage"] <= 25


def test_batches_are_no_larger_than_a_message_may_be(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    before = service.requests().get("SendMessageBatch", 0)
    bodies = [b"%d" % number + b"a" * 300_000 for number in range(10)]

    assert backend.enqueue([job(body) for body in bodies]) == [ACCEPTED] * 10

    assert service.requests()["SendMessageBatch"] - before == 4
    assert sorted(lease.body for lease in drained(consumer, 10)) == sorted(bodies)


def test_drain_takes_a_quarter_of_a_request_a_job(service: Service, backend: SQSBackend) -> None:
    for _ in range(20):
        backend.enqueue([job() for _ in range(10)])
    consumer = consuming(backend)
    before = sum(service.requests().values())

    done = 0
    while done < 200:
        leases = consumer.fetch(32, 5.0)
        done += len(leases)
        settled(consumer, *(Complete(lease=lease) for lease in leases))

    assert (sum(service.requests().values()) - before) / 200 <= 0.25
    consumer.close(release=False)


def test_idle_worker_asks_once_in_20_seconds_and_band(
    service: Service, backend: SQSBackend
) -> None:
    consumer = consuming(backend)
    consumer.fetch(10, 4.0)
    before = service.requests()

    for _ in range(2):
        assert consumer.fetch(10, 5.0) == []

    asked = {name: count - before[name] for name, count in service.requests().items()}
    assert not any(asked.values()), asked
    consumer.close(release=False)


def test_consumer_holds_no_more_than_it_declares(backend: SQSBackend) -> None:
    consumer = consuming(backend)
    waiting = threading.Thread(target=consumer.fetch, args=[1000, 10.0])
    waiting.start()
    time.sleep(0.3)
    consumer.wake()
    waiting.join()
    for priority in (0, 5, 9):
        for _ in range(3):
            backend.enqueue([job(priority=priority) for _ in range(10)])
    time.sleep(0.2)

    counted = backend.counts(QUEUE)

    assert (counted.leased or 0) <= PREFETCH
    consumer.close(release=False)


def test_too_many_in_flight_is_an_error_and_then_passes(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])

    with (
        service.wrong(Fault(kind="crowd")),
        pytest.raises(BackendUnavailable, match="refuses ReceiveMessage .OverLimit."),
    ):
        consumer.fetch(1, 0.0)

    one(consumer)


def test_deleted_job_that_comes_again_is_a_lease_like_any_other(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    lease = one(consumer)

    with service.wrong(Fault(kind="double", action="DeleteMessageBatch")):
        assert settled(consumer, Complete(lease=lease)) == [Answer.DONE]

    again = one(consumer)
    assert (again.id, again.redeliveries) == (lease.id, 1)
    assert settled(consumer, Complete(lease=again)) == [Answer.DONE]


def test_release_keeps_the_counts_and_the_note(backend: SQSBackend, consumer: Consumer) -> None:
    backend.enqueue([job()])
    settled(consumer, Retry(lease=one(consumer), note=b"first"))

    for _ in range(6):
        lease = one(consumer)
        assert (lease.attempt, lease.redeliveries, lease.note) == (2, 0, b"first")
        assert settled(consumer, Release(lease=lease)) == [Answer.DONE]


def test_close_gives_back_what_was_not_finished(backend: SQSBackend) -> None:
    consumer = consuming(backend)
    backend.enqueue([job() for _ in range(5)])
    drained(consumer, 5)

    consumer.close(release=True)

    again = drained(consuming(backend), 5)
    assert {(lease.attempt, lease.redeliveries) for lease in again} == {(1, 0)}


def test_queue_that_somebody_deletes_is_made_anew_and_told(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    told: list[tuple[str, object]] = []
    backend.subscribe(lambda name, facts: told.append((name, dict(facts))))
    with closing(service.client()) as client:
        name = sqs_name(backend._namespace, QUEUE, PLAIN)  # noqa: SLF001
        client.delete_queue(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"])

    with pytest.raises(BackendError, match="no SQS queue"):
        backend.enqueue([job()])

    assert told == [("backend.queue_deleted", {"queue": QUEUE})]
    assert backend.enqueue([job()]) == [ACCEPTED]
    one(consumer)


def test_crowded_queue_is_told_by_maintenance(service: Service, backend: SQSBackend) -> None:
    told: list[str] = []
    backend.subscribe(lambda name, facts: told.append(name))
    backend.enqueue([job()])
    one(consuming(backend))

    backend.maintain(1.0)
    assert told == []
    with service.wrong(Fault(kind="crowd", action="GetQueueAttributes")):
        backend.maintain(1.0)

    assert told == ["backend.inflight_limit"]
