"""RabbitMQ as its author gives it to the suite: a private broker of one node."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator

import pika

from anyjob.backends.rabbitmq import RabbitBackend
from anyjob.conformance import Harness, Site
from tests.conformance.rabbitmq.damage import plant
from tests.conformance.rabbitmq.server import NEWEST, PROGRAM, ROOT, memory_alarm, rabbitmq


class RabbitHarness(Harness):
    root = ROOT
    server = rabbitmq()
    program = PROGRAM

    def __init__(self) -> None:
        self._made: dict[str, weakref.WeakSet[RabbitBackend]] = {}
        self._namespaces: dict[str, set[str]] = {}

    def backend(self, site: Site) -> RabbitBackend:
        return self.known(
            site, RabbitBackend(str(site.url), namespace=site.namespace, clock=site.clock)
        )

    def known(self, site: Site, backend: RabbitBackend) -> RabbitBackend:
        """Remember it, so that it is cut off and what it leaves is removed."""
        self._made.setdefault(site.name, weakref.WeakSet()).add(backend)
        self._namespaces.setdefault(site.name, set()).add(site.namespace)
        return backend

    def sever(self, site: Site) -> None:
        """At this end: the broker knows nothing of namespaces."""
        for backend in list(self._made.get(site.name, ())):
            if not backend.is_closed:
                backend.sever()

    def raw_client(self, site: Site) -> RawClient:
        return RawClient(site)

    @contextlib.contextmanager
    def fill(self, site: Site) -> Iterator[None]:
        """A memory alarm: below what the broker uses already."""
        folder = site.server_folder
        assert folder is not None
        # Within a second of a confirm nobody asks first, and a job may be in doubt.
        time.sleep(1.2)
        with memory_alarm(folder, self.program):
            yield

    def plant(self, site: Site) -> list[str]:
        names = RabbitBackend(str(site.url), namespace=site.namespace).names
        with connection(str(site.url)) as opened:
            channel = opened.channel()
            channel.confirm_delivery()
            return plant(channel, names)

    def attest_durability(self, site: Site) -> str:
        return "quorum queues, confirmed once written through by a majority, which is one node"

    def tidy(self, site: Site) -> None:
        self._made.pop(site.name, None)
        for namespace in self._namespaces.pop(site.name, ()):
            remove(str(site.url), namespace)


class NewestHarness(RabbitHarness):
    """On the latest release that there is."""

    server = rabbitmq(NEWEST)
    program = NEWEST


def remove(url: str, namespace: str) -> None:
    """Delete what stands in the broker for a namespace."""
    backend = RabbitBackend(url, namespace=namespace)
    backend.open()
    try:
        queues = backend.queues()
    finally:
        backend.close()
    names = backend.names
    with connection(url) as opened:
        channel = opened.channel()
        for queue in queues:
            for name in (*names.bands(queue), names.dead(queue)):
                channel.queue_delete(name)
        channel.queue_delete(names.control)
        channel.exchange_delete(names.exchange)


@contextlib.contextmanager
def connection(url: str) -> Iterator[pika.BlockingConnection]:
    """One of the administrator's; `url` ends with the slash before the name of a virtual host."""
    opened = pika.BlockingConnection(pika.URLParameters(f"{url}%2F"))
    try:
        yield opened
    finally:
        opened.close()


class RawClient:
    """pika, past the backend: a quorum queue for each value."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def put(self, key: str, value: bytes) -> None:
        with self._channel() as channel:
            channel.confirm_delivery()
            channel.queue_declare(
                self._name(key), durable=True, arguments={"x-queue-type": "quorum"}
            )
            channel.queue_purge(self._name(key))
            channel.basic_publish(
                "", self._name(key), value, pika.BasicProperties(delivery_mode=2), mandatory=True
            )

    def get(self, key: str) -> bytes | None:
        with self._channel() as channel:
            try:
                _, _, body = channel.basic_get(self._name(key))
            except pika.exceptions.ChannelClosedByBroker:
                return None
        assert body is None or isinstance(body, bytes)
        return body

    def _name(self, key: str) -> str:
        return f"{self._site.namespace}.raw:{key}"

    @contextlib.contextmanager
    def _channel(self) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
        with connection(str(self._site.url)) as opened:
            yield opened.channel()
