"""What the tests of the SQS backend share: the emulated service, backends on it, jobs."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import pytest

from anyjob.backends.sqs import SQSBackend
from anyjob.core.backend import Consumer, QueueShare, QueueSpec
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Answer, Lease, Settlement
from tests.conformance.sqs.harness import SECRET
from tests.conformance.sqs.service import Service, shared

QUEUE = "mail"
MakeJob = Callable[..., Envelope]
Open = Callable[..., SQSBackend]


@pytest.fixture(scope="session")
def service() -> Service:
    """One that no test may kill."""
    return shared()


@pytest.fixture
def open_backend(service: Service) -> Iterator[Open]:
    """Opens backends in a namespace of the test's own."""
    namespace = f"n{uuid4().hex[:10]}"
    opened: list[SQSBackend] = []

    def open_one(url: str = service.url, **fields: str) -> SQSBackend:
        backend = SQSBackend(url, clock=service.clock, **{"namespace": namespace, **fields})
        backend.open()
        opened.append(backend)
        return backend

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(open_backend: Open) -> SQSBackend:
    """One with a queue."""
    backend = open_backend()
    backend.declare([QueueSpec(QUEUE)])
    return backend


@pytest.fixture
def consumer(backend: SQSBackend) -> Iterator[Consumer]:
    consumer = consuming(backend)
    yield consumer
    consumer.close(release=False)


def consuming(backend: SQSBackend, *queues: str, lease: float = 60.0) -> Consumer:
    shares = [QueueShare(queue) for queue in queues or (QUEUE,)]
    return backend.consume(shares, lease=lease, worker="w")


def job(body: bytes = b"{}", **fields: object) -> Envelope:
    return Envelope(**{"id": str(uuid4()), "queue": QUEUE, "body": body, **fields})  # type: ignore[arg-type]


def settled(consumer: Consumer, *settlements: Settlement) -> list[Answer]:
    consumer.settle(settlements)
    answers = {id(each.settlement): each.answer for each in consumer.flush(10.0)}
    return [answers[id(each)] for each in settlements]


def one(consumer: Consumer, within: float = 3.0) -> Lease:
    [lease] = consumer.fetch(1, within)
    return lease


def drained(consumer: Consumer, count: int, within: float = 20.0) -> list[Lease]:
    """So many jobs, in as many fetches as it takes."""
    leases: list[Lease] = []
    deadline = time.monotonic() + within
    while len(leases) < count:
        assert time.monotonic() < deadline, f"{len(leases)} of {count} came"
        leases += consumer.fetch(count - len(leases), 1.0)
    return leases


def everything_told(error: BaseException) -> str:
    """All that a traceback shows of an error and its causes."""
    return "".join(traceback.format_exception(error)) + repr(error)


def assert_no_secret(texts: Sequence[str]) -> None:
    assert not [text for text in texts if SECRET in text]
