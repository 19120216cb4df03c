"""SQS paired with Redis: the emulator behind its strict front, and the store, behind one port."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from msgspec import structs

from anyjob.backends.paired import PairedBackend
from anyjob.backends.redis import RedisStore
from anyjob.conformance import OwnProcess, Site
from tests.conformance.paired.harnesses import is_aside_of_store
from tests.conformance.paired.stores import administrator, store_at, tidy
from tests.conformance.paired.switch import words
from tests.conformance.redis.harness import COMMAND as REDIS
from tests.conformance.sqs.harness import COMMAND, URL, SQSHarness
from tests.conformance.sqs.moved import MovedClock


class SQSRedisPair(SQSHarness):
    """Both behind one port, so that the wires of both are cut; the store goes by the clock of the
    queues.
    """

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
        clock = self.time_of(site)
        store: RedisStore = store_at(_port(site), site.namespace, clock)
        return PairedBackend(super().backend(site), store, clock=clock)

    def is_aside(self, request: bytes) -> bool:
        return is_aside_of_store(request)

    def attest_durability(self, site: Site) -> str:
        with administrator(_port(site)) as server:
            said = server.config_get("append*")
        assert said["appendonly"] == "yes"
        return f"{super().attest_durability(site)}; appendfsync {said['appendfsync']}"

    def tidy(self, site: Site) -> None:
        super().tidy(site)
        tidy(_port(site), site.namespace)

    def time_of(self, site: Site) -> MovedClock:
        assert site.server_folder is not None
        return super().time_of(structs.replace(site, server_folder=site.server_folder / "queues"))


def _port(site: Site) -> int:
    endpoint = str(site.url).partition("endpoint=")[2]
    return urlsplit(endpoint).port or 0
