"""kombu's Redis transport: what it writes is read by kombu, and what it takes is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import kombu
import pytest
import redis

from anyjob.backends import (
    Answer,
    Complete,
    Envelope,
    QueueShare,
    QueueSpec,
    Retry,
    Verdict,
)
from anyjob.backends.kombu import KombuBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.errors import ConfigurationError
from tests.conformance.kombu.redis_harness import KombuRedisHarness

_kombu: Any = kombu


def _answers(running: Running) -> bool:
    return bool(redis.Redis.from_url(running.url.removeprefix("kombu+")).ping())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("redis")
    running = KombuRedisHarness.server.start(_answers, folder)
    yield running.url
    running.stop()


@pytest.fixture
def backend(url: str) -> Iterator[KombuBackend]:
    backend = KombuBackend(url, namespace=f"n{uuid4().hex}")
    backend.open()
    backend.declare([QueueSpec("line")])
    yield backend
    backend.close()


def job(**fields: Any) -> Envelope:
    return Envelope(id=str(uuid4()), queue="line", body=b"body", **fields)


def name_of(backend: KombuBackend, band: str) -> str:
    return f"{backend.publishing.way.names.namespace}:line:{band}"


def test_levels_are_those_of_the_server(backend: KombuBackend) -> None:
    told = backend.capabilities

    assert (told.lease, told.durability, told.redeliveries) == ("timed", "process", "exact")
    assert {each.id for each in backend.weaknesses()} == {"kombu-native", "kombu-no-store"}


def test_kombu_reads_what_is_stored(url: str, backend: KombuBackend) -> None:
    stored = job()
    backend.enqueue([stored])

    with _kombu.Connection(url.removeprefix("kombu+")) as connection:
        message = connection.channel().basic_get(name_of(backend, "4"), no_ack=True)

    assert (message.headers["id"], message.body) == (stored.id, b"body")


def test_message_that_another_program_of_kombu_put_there_is_undecodable(
    url: str, backend: KombuBackend
) -> None:
    with _kombu.Connection(url.removeprefix("kombu+")) as connection:
        producer = _kombu.Producer(connection.channel())
        producer.publish({"what": "an order"}, routing_key=name_of(backend, "4"), serializer="json")
    held = backend.consume([QueueShare("line")], lease=30.0, worker="w")

    [lease] = held.fetch(1, 0.0)

    assert lease.verdict is Verdict.UNDECODABLE
    assert lease.body == b'{"what": "an order"}'


def test_late_settlement_touches_nothing_of_the_next_owner(backend: KombuBackend) -> None:
    backend.enqueue([job()])
    first = backend.consume([QueueShare("line")], lease=0.2, worker="first")
    second = backend.consume([QueueShare("line")], lease=30.0, worker="second")
    [stale] = first.fetch(1, 0.0)
    [current] = second.fetch(1, 3.0)

    first.settle([Retry(lease=stale)])

    assert [each.answer for each in first.flush(5.0)] == [Answer.LEASE_LOST]
    assert current.redeliveries == 1
    second.settle([Complete(lease=current)])
    assert [each.answer for each in second.flush(5.0)] == [Answer.DONE]
    assert backend.counts("line").ready == 0


def test_consumers_of_different_leases_do_not_take_from_each_other(backend: KombuBackend) -> None:
    backend.enqueue([job()])
    patient = backend.consume([QueueShare("line")], lease=60.0, worker="patient")
    hasty = backend.consume([QueueShare("line")], lease=0.2, worker="hasty")
    [lease] = patient.fetch(1, 0.0)

    assert hasty.fetch(1, 0.6) == []

    patient.settle([Complete(lease=lease)])
    assert [each.answer for each in patient.flush(5.0)] == [Answer.DONE]


def test_wrong_password_is_the_programmers(url: str) -> None:
    with pytest.raises(ConfigurationError, match="refuses the user or the password"):
        KombuBackend(url.replace("hidden-word", "another-word")).open()
