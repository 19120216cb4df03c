"""What is refused before anything is connected, and what with the capability's name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from anyjob.backends import (
    Backend,
    Envelope,
    QueueShare,
    QueueSpec,
    Release,
    State,
    Unique,
    UnsupportedCapability,
)
from anyjob.backends.kombu import KombuBackend
from anyjob.core.errors import ConfigurationError, Misuse


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = KombuBackend("kombu+memory://", namespace=f"n{uuid4().hex}", delivery="at_most_once")
    backend.open()
    backend.declare([QueueSpec("line")])
    yield backend
    backend.close()


def envelope(**fields: object) -> Envelope:
    return Envelope(id=str(uuid4()), queue="line", body=b"body", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    ["kombu+memory://", "kombu+filesystem:///nowhere/at/all", "kombu+sqs://", "kombu+kafka://x"],
)
def test_transport_that_keeps_nothing_wants_at_most_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="delivery=at_most_once"):
        KombuBackend(url).open()
    assert not Path("/nowhere").exists()


def test_at_least_once_is_refused_where_it_cannot_be_had() -> None:
    with pytest.raises(ConfigurationError, match="at_least_once was asked for"):
        KombuBackend("kombu+memory://", delivery="at_least_once").open()


def test_class_of_another_package_is_taken_for_the_weakest() -> None:
    name = "kombu.transport.memory:Transport"
    with pytest.raises(ConfigurationError, match="delivery=at_most_once"):
        KombuBackend("kombu+own://", transport=name).open()

    backend = KombuBackend("kombu+own://", transport=name, delivery="at_most_once")
    backend.open()
    assert backend.capabilities.lease == "none"
    backend.close()


def test_transport_that_is_not_installed_names_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r"pip install 'kombu\[mongodb\]'"):
        KombuBackend("kombu+mongodb://localhost?delivery=at_most_once").open()


REFUSED: dict[str, tuple[str, Callable[[Backend], object]]] = {
    "a delay": ("delay", lambda backend: backend.enqueue([envelope(due=5.0)])),
    "a key": ("unique", lambda backend: backend.enqueue([envelope(unique=Unique("key"))])),
    "pause": ("pause", lambda backend: backend.pause("line")),
    "resume": ("pause", lambda backend: backend.resume("line")),
    "paused": ("pause", lambda backend: backend.paused()),
    "cancel": ("cancel", lambda backend: backend.cancel("line", [str(uuid4())])),
    "ready jobs": ("browse", lambda backend: backend.browse("line", State.READY, None, 10)),
    "a job": ("browse", lambda backend: backend.get("line", [str(uuid4())])),
    "scheduled": ("browse", lambda backend: backend.purge("line", {State.SCHEDULED})),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_absent_is_refused_by_its_name(backend: Backend, what: str) -> None:
    name, call = REFUSED[what]

    with pytest.raises(UnsupportedCapability) as refused:
        call(backend)

    assert refused.value.name == name
    assert backend.counts("line").ready == 0


def test_release_after_a_delay_is_refused(backend: Backend) -> None:
    backend.enqueue([envelope()])
    consumer = backend.consume([QueueShare("line")], lease=30.0, worker="w")
    [lease] = consumer.fetch(1, 0.0)

    with pytest.raises(UnsupportedCapability) as refused:
        consumer.settle([Release(lease=lease, delay=1.0)])

    assert refused.value.name == "delay"


def test_closed_backend_says_so(backend: Backend) -> None:
    backend.close()
    backend.close()

    with pytest.raises(Misuse):
        backend.counts("line")
