"""What the tests of the RabbitMQ backend share: one private broker, backends on it, jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from anyjob.backends.rabbitmq import RabbitBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import Consumer, QueueShare, QueueSpec
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Answer, Settlement
from tests.conformance.rabbitmq.server import ROOT, answers, rabbitmq

Open = Callable[..., RabbitBackend]
RECIPE = rabbitmq()


@pytest.fixture(scope="session")
def server() -> Running:
    """One for all tests of a process, which none of them may kill; it ends with the process."""
    return RECIPE.shared(answers, ROOT)


@pytest.fixture
def admin(server: Running) -> Iterator[BlockingChannel]:
    """A channel of the administrator's, past the backend."""
    connection = pika.BlockingConnection(pika.URLParameters(f"{server.url}%2F"))
    with connection:
        yield connection.channel()


@pytest.fixture
def opened(server: Running) -> Iterator[Open]:
    """Opens backends on one namespace of the test's own, and closes them."""
    namespace = f"t{uuid4().hex[:12]}"
    with ExitStack() as stack:

        def open_one(url: str = server.url) -> RabbitBackend:
            backend = RabbitBackend(url, namespace=namespace)
            stack.callback(backend.close)
            backend.open()
            return backend

        yield open_one


@pytest.fixture
def backend(opened: Open) -> RabbitBackend:
    """One with a declared queue."""
    backend = opened()
    backend.declare([QueueSpec("line")])
    return backend


@pytest.fixture
def consumer(backend: RabbitBackend) -> Iterator[Consumer]:
    consumer = consuming(backend)
    yield consumer
    consumer.close(release=True)


def consuming(backend: RabbitBackend, *queues: str) -> Consumer:
    shares = [QueueShare(queue) for queue in queues or ("line",)]
    return backend.consume(shares, lease=30.0, worker="w")


def job(queue: str = "line", **fields: object) -> Envelope:
    return Envelope(**{"id": str(uuid4()), "queue": queue, "body": b"body", **fields})  # type: ignore[arg-type]


def settled(consumer: Consumer, *settlements: Settlement) -> list[Answer]:
    """The answers in the order of the settlements."""
    consumer.settle(settlements)
    answers = {id(each.settlement): each.answer for each in consumer.flush(10.0)}
    return [answers[id(each)] for each in settlements]
