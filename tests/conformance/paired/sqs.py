"""SQS paired with Redis: the emulator behind its strict front, and the store, behind one port."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from msgspec import structs

from anyjob.backends.paired import PairedBackend
from anyjob.conformance import OwnProcess, Site
from tests.conformance.paired.harnesses import is_aside_of_store
from tests.conformance.paired.stores import administrator, store_at, tidy
from tests.conformance.paired.switch import words
from tests.conformance.redis.harness import COMMAND as REDIS
from tests.conformance.sqs.harness import COMMAND, URL, SQSHarness


class SQSRedisPair(SQSHarness):
    """Both behind one port, so that the wires of both are cut."""

    server = OwnProcess(
        [
            *(sys.executable, "-m", "tests.conformance.paired.switch", "{port}", "{dir}"),
            *words("queues", "POST", COMMAND),
            *words("store", "*", REDIS),
        ],
        url=URL,
        patience=60.0,
    )

    def backend(self, site: Site) -> PairedBackend:  # type: ignore[override]
        queues = super().backend(_of_queues(site))
        store = store_at(_port(site), site.namespace, site.clock)
        return PairedBackend(queues, store, clock=site.clock)

    def is_aside(self, request: bytes) -> bool:
        return is_aside_of_store(request)

    def attest_durability(self, site: Site) -> str:
        with administrator(_port(site)) as server:
            said = server.config_get("append*")
        assert said["appendonly"] == "yes"
        return f"{super().attest_durability(site)}; appendfsync {said['appendfsync']}"

    def tidy(self, site: Site) -> None:
        super().tidy(_of_queues(site))
        tidy(_port(site), site.namespace)


def _of_queues(site: Site) -> Site:
    """The site as the emulator's own harness knows it."""
    assert site.server_folder is not None
    return structs.replace(site, server_folder=site.server_folder / "queues")


def _port(site: Site) -> int:
    endpoint = str(site.url).partition("endpoint=")[2]
    return urlsplit(endpoint).port or 0
