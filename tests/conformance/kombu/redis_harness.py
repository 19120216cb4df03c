"""kombu's Redis transport as its author gives it to the suite: a private server that writes an
append-only file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import redis

from anyjob.backends.kombu import KombuBackend
from anyjob.conformance import Harness, OwnProcess, Site

PASSWORD = "hidden-word"
COMMAND = [
    "redis-server",
    *("--port", "{port}"),
    *("--bind", "{host}"),
    *("--dir", "{dir}"),
    *("--requirepass", PASSWORD),
    *("--appendonly", "yes"),
    *("--appendfsync", "everysec"),
    *("--save", ""),
    *("--loglevel", "warning"),
]


class KombuRedisHarness(Harness):
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    server = OwnProcess(COMMAND, url=f"kombu+redis://:{PASSWORD}@{{host}}:{{port}}/0")

    def backend(self, site: Site) -> KombuBackend:
        # In real time: on the suite's clock its models would look up what waits, which no transport
        # shows.
        return KombuBackend(str(site.url), namespace=site.namespace)

    def raw_client(self, site: Site) -> RawClient:
        return RawClient(site)

    @contextlib.contextmanager
    def fill(self, site: Site) -> Iterator[None]:
        """Below what the server uses already, so that nothing more is taken in."""
        with client(site) as server:
            server.config_set("maxmemory", 1)
            try:
                yield
            finally:
                server.config_set("maxmemory", 0)

    def attest_durability(self, site: Site) -> str:
        with client(site) as server:
            said = server.config_get("append*")
        assert said["appendonly"] == "yes"
        return f"appendfsync {said['appendfsync']}"

    def tidy(self, site: Site) -> None:
        with client(site) as server:
            names = (f"{site.namespace}*", f"_kombu.binding*.{site.namespace}*")
            for name in names:
                keys = list(server.scan_iter(name, count=1000))
                if keys:
                    server.unlink(*keys)


class RawClient:
    """redis-py, past the backend."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def put(self, key: str, value: bytes) -> None:
        with client(self._site) as server:
            server.set(f"{self._site.namespace}.raw:{key}", value)

    def get(self, key: str) -> bytes | None:
        with client(self._site) as server:
            found = server.get(f"{self._site.namespace}.raw:{key}")
        assert found is None or isinstance(found, bytes)
        return found


def client(site: Site) -> redis.Redis:
    return redis.Redis.from_url(str(site.url).removeprefix("kombu+"), socket_timeout=5.0)
