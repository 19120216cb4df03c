"""What the service refuses, and what of a batch: errors of ours, within their time, and no more
jobs than were accepted.
"""

from __future__ import annotations

import logging
import time

import pytest

from anyjob.backends.sqs import SQSBackend
from anyjob.core.backend import Consumer, QueueSpec
from anyjob.core.envelope import ACCEPTED, Rejected
from anyjob.core.errors import (
    BackendError,
    BackendUnavailable,
    ConfigurationError,
    EnqueueUncertain,
    UnsupportedCapability,
)
from anyjob.core.settlement import Answer, Complete, Retry
from anyjob.core.state import State
from tests.conformance.sqs.faults import Fault
from tests.conformance.sqs.harness import SECRET
from tests.conformance.sqs.proxy import KEY
from tests.conformance.sqs.service import Service
from tests.unit.backends.sqs.conftest import (
    QUEUE,
    Open,
    assert_no_secret,
    drained,
    everything_told,
    job,
    one,
    settled,
)


def test_throttled_request_is_sent_again_within_its_time(
    service: Service, backend: SQSBackend
) -> None:
    with service.wrong(Fault(kind="throttle", action="SendMessageBatch", times=3)):
        assert backend.enqueue([job()]) == [ACCEPTED]

    assert backend.counts(QUEUE).ready == 1


def test_throttling_without_end_is_unavailable_and_stores_nothing(
    service: Service, backend: SQSBackend
) -> None:
    began = time.monotonic()

    with (
        service.wrong(Fault(kind="throttle", action="SendMessageBatch", times=10_000)),
        pytest.raises(BackendUnavailable, match="refuses SendMessageBatch"),
    ):
        backend.enqueue([job()])

    assert time.monotonic() - began < 7.0
    assert backend.counts(QUEUE).ready == 0


def test_entries_that_failed_for_the_moment_alone_are_sent_again(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    jobs = [job(b"%d" % number) for number in range(10)]

    with service.wrong(
        Fault(kind="entries", action="SendMessageBatch", entries=(0, 4, 9), times=2)
    ):
        assert backend.enqueue(jobs) == [ACCEPTED] * 10

    leases = drained(consumer, 10)
    assert sorted(lease.id for lease in leases) == sorted(each.id for each in jobs)
    assert consumer.fetch(10, 1.0) == []


def test_entry_that_is_the_senders_fault_is_rejected_and_the_others_stored(
    service: Service, backend: SQSBackend
) -> None:
    fault = Fault(
        kind="entries", action="SendMessageBatch", entries=(1,), code="InvalidMessageContents",
        by_sender=True,
    )  # fmt: skip

    with service.wrong(fault):
        first, second, third = backend.enqueue([job(), job(), job()])

    assert (first, third) == (ACCEPTED, ACCEPTED)
    assert isinstance(second, Rejected)
    assert "InvalidMessageContents" in second.why
    assert backend.counts(QUEUE).ready == 2


@pytest.mark.parametrize(("kind", "stored"), [("unheard", 1), ("unsent", 0)])
def test_lost_answer_to_an_enqueue_is_uncertain(
    service: Service, backend: SQSBackend, kind: str, stored: int
) -> None:
    jobs = [job()]

    with (
        service.wrong(Fault(kind=kind, action="SendMessageBatch")),  # type: ignore[arg-type]
        pytest.raises(EnqueueUncertain) as error,
    ):
        backend.enqueue(jobs)

    assert list(error.value.envelopes) == jobs
    assert backend.counts(QUEUE).ready == stored


def test_failed_server_leaves_an_enqueue_in_doubt(service: Service, backend: SQSBackend) -> None:
    with (
        service.wrong(Fault(kind="fail", action="SendMessageBatch")),
        pytest.raises(EnqueueUncertain),
    ):
        backend.enqueue([job()])


def test_settlement_in_doubt_may_be_sent_again(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    lease = one(consumer)

    with service.wrong(Fault(kind="unheard", action="DeleteMessageBatch")):
        assert settled(consumer, Complete(lease=lease)) == [Answer.UNKNOWN]
    # Deleting what is deleted succeeds.
    assert settled(consumer, Complete(lease=lease)) == [Answer.DONE]
    assert settled(consumer, Complete(lease=lease)) == [Answer.LEASE_LOST]


def test_retry_whose_delete_is_in_doubt_sends_no_second_copy(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    backend.enqueue([job()])
    lease = one(consumer)
    retry = Retry(lease=lease)

    with service.wrong(Fault(kind="unsent", action="DeleteMessageBatch")):
        assert settled(consumer, retry) == [Answer.UNKNOWN]
    assert settled(consumer, retry) == [Answer.DONE]

    again = one(consumer)
    assert again.attempt == 2
    assert consumer.fetch(1, 1.0) == []


def test_expired_credentials_are_named_without_them(service: Service, open_backend: Open) -> None:
    with (
        service.wrong(Fault(kind="expire")),
        pytest.raises(ConfigurationError, match="have expired; renew them") as error,
    ):
        open_backend()

    assert_no_secret([everything_told(error.value)])


def test_credentials_that_expire_later_are_an_outage(
    service: Service, backend: SQSBackend, consumer: Consumer
) -> None:
    with service.wrong(Fault(kind="expire", times=2)):
        with pytest.raises(BackendUnavailable, match="have expired") as error:
            backend.enqueue([job()])
        with pytest.raises(BackendUnavailable, match="have expired"):
            consumer.fetch(1, 0.0)

    assert error.value.retryable
    assert backend.enqueue([job()]) == [ACCEPTED]
    one(consumer)


def test_unknown_key_is_refused_at_open(service: Service, open_backend: Open) -> None:
    url = service.url.replace(KEY, "AKIASOMEBODYELSE")

    with pytest.raises(ConfigurationError, match="does not take these credentials") as error:
        open_backend(url)

    assert_no_secret([everything_told(error.value)])


def test_missing_right_is_named(service: Service, open_backend: Open) -> None:
    with (
        service.wrong(Fault(kind="deny", action="ListQueues")),
        pytest.raises(ConfigurationError, match="does not let this caller do sqs:ListQueues"),
    ):
        open_backend()


def test_missing_credentials_are_named(
    service: Service, open_backend: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(ConfigurationError, match="there are no credentials"):
        open_backend(f"sqs://us-east-1?endpoint={service.endpoint}")
    with pytest.raises(ConfigurationError, match="no region is configured"):
        open_backend(f"sqs://{KEY}:{SECRET}@?endpoint={service.endpoint}")
    with pytest.raises(ConfigurationError, match="profile"):
        open_backend(f"sqs://us-east-1?endpoint={service.endpoint}&profile=none")


def test_credentials_and_region_come_from_the_usual_configuration(
    service: Service, open_backend: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", service.endpoint)

    backend = open_backend("sqs://")

    assert backend.capabilities.emulator
    backend.declare([QueueSpec(QUEUE)])
    assert backend.enqueue([job()]) == [ACCEPTED]


def test_queue_that_nobody_declared_is_refused_by_name(open_backend: Open) -> None:
    backend = open_backend()

    with pytest.raises(BackendError, match=f"no SQS queue .* for queue '{QUEUE}'; declare it"):
        backend.enqueue([job()])


def test_another_region_has_other_queues(
    service: Service, backend: SQSBackend, open_backend: Open
) -> None:
    elsewhere = open_backend(service.url.replace("us-east-1", "eu-west-1"))

    assert elsewhere.queues() == set()
    with pytest.raises(BackendError, match="correct region and namespace"):
        elsewhere.enqueue([job()])


def test_what_sqs_shows_nobody_is_refused_by_name(backend: SQSBackend) -> None:
    waiting = job()
    backend.enqueue([waiting])

    for call in (
        lambda: backend.browse(QUEUE, State.READY, None, 10),
        lambda: backend.get(QUEUE, [waiting.id]),
        lambda: backend.purge(QUEUE, [State.SCHEDULED]),
    ):
        with pytest.raises(UnsupportedCapability) as error:
            call()
        assert error.value.name == "browse"
    with pytest.raises(UnsupportedCapability):
        backend.cancel(QUEUE, [waiting.id])
    assert backend.counts(QUEUE).ready == 1


def test_no_body_and_no_secret_reaches_a_log(
    service: Service, open_backend: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        backend = open_backend()
        backend.declare([QueueSpec(QUEUE)])
        backend.enqueue([job(b'"of a customer"')])

    told = [record.getMessage() for record in caplog.records]
    assert_no_secret(told)
    assert not [text for text in told if "of a customer" in text]
