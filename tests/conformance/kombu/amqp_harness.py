"""kombu's pyamqp as its author gives it to the suite: a private RabbitMQ of one node."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator

import pika
from pika.exceptions import ChannelClosedByBroker

from anyjob.backends.kombu import KombuBackend
from anyjob.backends.kombu.names import Names
from anyjob.conformance import Harness, OwnProcess, Site
from tests.conformance.rabbitmq.server import PASSWORD, ROOT, USER


class KombuAmqpHarness(Harness):
    root = ROOT
    # As in tests.conformance.rabbitmq.server; only the URL is another one.
    server = OwnProcess(
        ["rabbitmq-server", "{port}", "{dir}"],
        url=f"kombu+amqp://{USER}:{PASSWORD}@{{host}}:{{port}}//",
        patience=90.0,
        calm=3.0,
    )

    def __init__(self) -> None:
        self._made: dict[str, weakref.WeakSet[KombuBackend]] = {}
        self._namespaces: dict[str, set[str]] = {}

    def backend(self, site: Site) -> KombuBackend:
        backend = KombuBackend(str(site.url), namespace=site.namespace, clock=site.clock)
        self._made.setdefault(site.name, weakref.WeakSet()).add(backend)
        self._namespaces.setdefault(site.name, set()).add(site.namespace)
        return backend

    def sever(self, site: Site) -> None:
        """At this end: the broker knows nothing of namespaces."""
        for backend in list(self._made.get(site.name, ())):
            if backend.is_usable:
                backend.sever()

    def raw_client(self, site: Site) -> RawClient:
        return RawClient(site)

    def attest_durability(self, site: Site) -> str:
        return "quorum queues, confirmed once written through by a majority, which is one node"

    def tidy(self, site: Site) -> None:
        self._made.pop(site.name, None)
        for namespace in self._namespaces.pop(site.name, ()):
            remove(str(site.url), namespace)


def remove(url: str, namespace: str) -> None:
    """Delete what stands in the broker for a namespace."""
    backend = KombuBackend(url, namespace=namespace)
    backend.open()
    try:
        queues = backend.queues()
    finally:
        backend.close()
    names = Names(namespace, 3)
    with connection(url) as opened:
        channel = opened.channel()
        for queue in queues:
            for name in (*names.bands(queue), names.dead(queue)):
                channel.queue_delete(name)
        channel.queue_delete(names.index)


@contextlib.contextmanager
def connection(url: str) -> Iterator[pika.BlockingConnection]:
    """One of the administrator's."""
    plain = url.removeprefix("kombu+").removesuffix("//")
    opened = pika.BlockingConnection(pika.URLParameters(f"{plain}/%2F"))
    try:
        yield opened
    finally:
        opened.close()


class RawClient:
    """pika, past the backend: a quorum queue for each value."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def put(self, key: str, value: bytes) -> None:
        with connection(str(self._site.url)) as opened:
            channel = opened.channel()
            channel.confirm_delivery()
            channel.queue_declare(
                self._name(key), durable=True, arguments={"x-queue-type": "quorum"}
            )
            channel.queue_purge(self._name(key))
            channel.basic_publish(
                "", self._name(key), value, pika.BasicProperties(delivery_mode=2), mandatory=True
            )

    def get(self, key: str) -> bytes | None:
        with connection(str(self._site.url)) as opened:
            try:
                _, _, body = opened.channel().basic_get(self._name(key))
            except ChannelClosedByBroker:
                return None
        assert body is None or isinstance(body, bytes)
        return body

    def _name(self, key: str) -> str:
        return f"{self._site.namespace}.raw:{key}"
