"""FIFO queues: a job stored twice within five minutes is one, a delay per message is refused, and
who runs again later waits hidden.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anyjob.backends.sqs import SQSBackend
from anyjob.core.backend import Consumer, QueueSpec
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendError, UnsupportedCapability
from anyjob.core.settlement import Answer, Bury, Complete, Release, Retry
from anyjob.core.state import State
from tests.conformance.sqs.faults import Fault
from tests.conformance.sqs.service import Service
from tests.unit.backends.sqs.conftest import QUEUE, Open, consuming, job, one, settled

HOUR = 3600.0


@pytest.fixture
def backend(service: Service, open_backend: Open) -> SQSBackend:
    backend = open_backend(service.url.replace("sqs://", "sqs+fifo://"))
    backend.declare([QueueSpec(QUEUE)])
    return backend


@pytest.fixture
def consumer(backend: SQSBackend) -> Iterator[Consumer]:
    consumer = consuming(backend)
    yield consumer
    consumer.close(release=False)


def test_queues_are_fifo_queues_by_name(service: Service, backend: SQSBackend) -> None:
    client = service.client()
    urls = client.list_queues(QueueNamePrefix=f"{backend._namespace}__")["QueueUrls"]  # noqa: SLF001
    client.close()

    assert len(urls) == 4
    assert all(url.endswith(".fifo") for url in urls)
    assert backend.queues() == {QUEUE}


def test_job_stored_again_is_one_job(backend: SQSBackend, consumer: Consumer) -> None:
    again = job()

    assert backend.enqueue([again]) == [ACCEPTED]
    assert backend.enqueue([again]) == [ACCEPTED]

    settled(consumer, Complete(lease=one(consumer)))
    assert consumer.fetch(1, 0.0) == []


def test_jobs_of_one_queue_run_side_by_side(backend: SQSBackend, consumer: Consumer) -> None:
    backend.enqueue([job(), job()])
    one(consumer)

    one(consuming(backend))


def test_delay_is_refused_and_stores_nothing(backend: SQSBackend, consumer: Consumer) -> None:
    with pytest.raises(UnsupportedCapability, match="add store=... that gives delays") as error:
        backend.enqueue([job(), job(due=5.0)])
    assert error.value.name == "delay"
    assert backend.counts(QUEUE).ready == 0

    backend.enqueue([job()])
    with pytest.raises(UnsupportedCapability) as error:
        consumer.settle([Complete(lease=one(consumer), then=(job(due=5.0),))])
    assert error.value.name == "delay"


def test_retry_waits_hidden_with_its_counts_and_its_note(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job(b"body")])
    settled(consumer, Retry(lease=one(consumer), delay=HOUR, note=b"why"))

    assert consumer.fetch(1, 0.0) == []
    service.clock.advance(HOUR - 5.0)
    assert consumer.fetch(1, 0.0) == []
    service.clock.advance(7.0)

    lease = one(consumer)
    assert (lease.attempt, lease.redeliveries, lease.note) == (2, 0, b"why")
    assert lease.body == b"body"


def test_retry_without_end_is_no_copy_of_another(backend: SQSBackend, consumer: Consumer) -> None:
    backend.enqueue([job()])

    for attempt in range(1, 4):
        lease = one(consumer)
        assert (lease.attempt, lease.redeliveries) == (attempt, 0)
        assert settled(consumer, Retry(lease=lease)) == [Answer.DONE]
    for _ in range(3):
        lease = one(consumer)
        assert (lease.attempt, lease.redeliveries) == (4, 0)
        assert settled(consumer, Release(lease=lease)) == [Answer.DONE]


def test_retry_whose_answer_was_lost_is_sent_again_and_stored_once(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    retry = Retry(lease=one(consumer))

    with service.wrong(Fault(kind="unheard", action="SendMessageBatch")):
        assert settled(consumer, retry) == [Answer.UNKNOWN]
    assert settled(consumer, retry) == [Answer.DONE]

    settled(consumer, Complete(lease=one(consumer)))
    assert consumer.fetch(1, 0.0) == []


def test_dead_job_is_revived_minutes_after_it_was_stored(
    backend: SQSBackend, consumer: Consumer
) -> None:
    [dead] = jobs = [job()]
    backend.enqueue(jobs)
    settled(consumer, Bury(lease=one(consumer), reason="broken", ran=True))

    [record] = backend.browse(QUEUE, State.DEAD, None, 10).records
    assert (record.id, record.reason) == (dead.id, "broken")
    assert backend.revive(QUEUE, [dead.id]) == 1
    assert one(consumer).id == dead.id


def test_queue_of_the_other_kind_is_named(
    service: Service, backend: SQSBackend, open_backend: Open
) -> None:
    standard = open_backend()

    assert standard.queues() == set()
    with pytest.raises(BackendError, match=r"there is '.*\.fifo', which is reached by sqs\+fifo:"):
        standard.enqueue([job()])
