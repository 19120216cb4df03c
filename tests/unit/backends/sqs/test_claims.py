"""Bodies too large for a message: they are in a bucket of S3, and come back whole."""

from __future__ import annotations

from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from anyjob.backends.sqs import SQSBackend
from anyjob.backends.sqs.messages import MAX_PAYLOAD
from anyjob.core.backend import QueueSpec
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendError, ConfigurationError, PayloadTooLarge
from anyjob.core.settlement import Bury, Complete, Retry, Verdict
from anyjob.core.state import State
from tests.conformance.sqs.harness import REGION, SECRET
from tests.conformance.sqs.proxy import KEY
from tests.conformance.sqs.service import Service
from tests.unit.backends.sqs.conftest import (
    QUEUE,
    Open,
    assert_no_secret,
    consuming,
    everything_told,
    job,
    one,
    settled,
)

LARGE = bytes(range(256)) * (2 * MAX_PAYLOAD // 256)


class Bucket:
    """As its owner sees it."""

    def __init__(self, service: Service) -> None:
        self.name = f"b{uuid4().hex}"
        self.client = boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=service.objects,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}),
        )
        self.client.create_bucket(Bucket=self.name)
        self.options = f"&bucket={self.name}&bucket_endpoint={service.objects}"

    def keys(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [str(each["Key"]) for each in found]

    def empty(self) -> None:
        for key in self.keys():
            self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture
def bucket(service: Service) -> Bucket:
    return Bucket(service)


@pytest.fixture
def backend(service: Service, bucket: Bucket, open_backend: Open) -> SQSBackend:
    backend = open_backend(service.url + bucket.options)
    backend.declare([QueueSpec(QUEUE)])
    return backend


def test_large_body_comes_back_through_retry_burial_and_revival(
    backend: SQSBackend, bucket: Bucket
) -> None:
    large, small = job(LARGE), job(b"small")
    assert backend.enqueue([large, small]) == [ACCEPTED, ACCEPTED]
    [key] = bucket.keys()
    assert key.startswith(f"anyjob/{large.id}-")
    consumer = consuming(backend)

    leases = {lease.id: lease for lease in [one(consumer), one(consumer)]}
    assert {id: lease.body for id, lease in leases.items()} == {large.id: LARGE, small.id: b"small"}
    settled(consumer, Complete(lease=leases[small.id]), Retry(lease=leases[large.id]))
    settled(consumer, Bury(lease=one(consumer), reason="broken", ran=True))
    [dead] = backend.browse(QUEUE, State.DEAD, None, 10).records
    assert (dead.body, dead.attempts) == (LARGE, 2)
    backend.revive(QUEUE, [large.id])

    assert one(consumer).body == LARGE
    # Nothing is stored twice, and nothing removed.
    assert bucket.keys() == [key]


def test_edited_body_is_another_object(backend: SQSBackend, bucket: Bucket) -> None:
    large = job(LARGE)
    backend.enqueue([large])
    consumer = consuming(backend)
    settled(consumer, Bury(lease=one(consumer), reason="broken", ran=True))

    backend.revive(QUEUE, [large.id], edit={large.id: LARGE[::-1]})

    assert one(consumer).body == LARGE[::-1]
    assert len(bucket.keys()) == 2


def test_body_that_is_gone_is_handed_over_as_no_job(backend: SQSBackend, bucket: Bucket) -> None:
    backend.enqueue([job(LARGE)])
    [key] = bucket.keys()
    bucket.empty()

    lease = one(consuming(backend))

    assert (lease.verdict, lease.body) == (Verdict.UNDECODABLE, key.encode())


def test_bucket_that_is_not_there_stores_nothing_and_says_what_to_do(
    service: Service, open_backend: Open
) -> None:
    backend = open_backend(f"{service.url}&bucket=nowhere&bucket_endpoint={service.objects}")
    backend.declare([QueueSpec(QUEUE)])

    with pytest.raises(BackendError, match="no S3 bucket 'nowhere'; make it, or correct") as error:
        backend.enqueue([job(LARGE)])

    assert_no_secret([everything_told(error.value)])
    assert backend.counts(QUEUE).ready == 0


def test_s3_that_is_out_of_reach_leaves_small_jobs_alone(
    service: Service, open_backend: Open
) -> None:
    backend = open_backend(f"{service.url}&bucket=nowhere&bucket_endpoint=http://127.0.0.1:9")
    backend.declare([QueueSpec(QUEUE)])

    large, small = backend.enqueue([job(LARGE), job()])

    assert "cannot be reached" in getattr(large, "why", "")
    assert small == ACCEPTED


def test_worker_without_the_bucket_is_told_what_is_missing(
    backend: SQSBackend, open_backend: Open
) -> None:
    backend.enqueue([job(LARGE)])

    with pytest.raises(BackendError, match=r"add \?bucket= to the URL"):
        consuming(open_backend()).fetch(1, 1.0)


def test_body_larger_than_an_object_may_be_is_refused(backend: SQSBackend) -> None:
    with pytest.raises(PayloadTooLarge):
        backend.enqueue([job(bytes(backend.capabilities.max_payload + 1))])


def test_bucket_has_a_name_that_s3_takes(service: Service) -> None:
    for options, words in (
        ("&bucket=No_Such", "name of an S3 bucket"),
        ("&bucket_endpoint=http://localhost:1", "a bucket_endpoint and no bucket"),
        ("&bucket=name&bucket_endpoint=localhost", "expected bucket_endpoint"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            SQSBackend(service.url + options)
