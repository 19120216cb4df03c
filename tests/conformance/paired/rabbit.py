"""RabbitMQ paired with each store that is kept outside a process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import structs

from anyjob.backends.paired import PairedBackend
from anyjob.backends.sqlite import SQLiteStore
from anyjob.conformance import OwnProcess, Site
from tests.conformance.paired.harnesses import is_aside_of_store
from tests.conformance.paired.stores import administrator, store_at, tidy
from tests.conformance.paired.switch import words
from tests.conformance.rabbitmq.harness import RabbitHarness
from tests.conformance.rabbitmq.server import URL
from tests.conformance.redis.harness import COMMAND

#: A frame of AMQP that says nothing but that its sender lives.
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


class RabbitPair(RabbitHarness):
    """What all of them share: the broker's own client is in front."""

    def is_aside(self, request: bytes) -> bool:
        return request.startswith(HEARTBEAT)


class RabbitRedisPair(RabbitPair):
    """Both behind one port, so that the wires of both are cut."""

    server = OwnProcess(
        [
            *(sys.executable, "-m", "tests.conformance.paired.switch", "{port}", "{dir}"),
            *words("broker", "AMQP", ["rabbitmq-server", "{port}", "{dir}"]),
            *words("store", "*", COMMAND),
        ],
        url=URL,
        patience=90.0,
        calm=3.0,
    )

    def backend(self, site: Site) -> PairedBackend:  # type: ignore[override]
        rabbit = super().backend(site)
        store = store_at(_port(site), site.namespace, site.clock)
        return PairedBackend(rabbit, store, clock=site.clock)

    def is_aside(self, request: bytes) -> bool:
        return super().is_aside(request) or is_aside_of_store(request)

    @contextlib.contextmanager
    def fill(self, site: Site) -> Iterator[None]:
        """Both, as neither may be of help to the other."""
        with super().fill(_of_broker(site)), administrator(_port(site)) as server:
            server.config_set("maxmemory", 1)
            try:
                yield
            finally:
                server.config_set("maxmemory", 0)

    def attest_durability(self, site: Site) -> str:
        with administrator(_port(site)) as server:
            said = server.config_get("append*")
        assert said["appendonly"] == "yes"
        return f"{super().attest_durability(site)}; appendfsync {said['appendfsync']}"

    def tidy(self, site: Site) -> None:
        super().tidy(site)
        tidy(_port(site), site.namespace)


class RabbitSQLitePair(RabbitPair):
    """The store in a file beside the site: it outlives the broker."""

    def backend(self, site: Site) -> PairedBackend:  # type: ignore[override]
        rabbit = super().backend(site)
        store = SQLiteStore(
            f"sqlite:///{site.folder}/store.db", namespace=site.namespace, clock=site.clock
        )
        return PairedBackend(rabbit, store, clock=site.clock)


def _of_broker(site: Site) -> Site:
    assert site.server_folder is not None
    return structs.replace(site, server_folder=Path(site.server_folder) / "broker")


def _port(site: Site) -> int:
    return urlsplit(str(site.url)).port or 0
