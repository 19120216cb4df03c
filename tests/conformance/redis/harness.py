"""Redis and Valkey as their authors give them to the suite: a private server that writes an
append-only file.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import redis

from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.conformance import Harness, OwnProcess, Site
from tests.conformance.redis.damage import plant
from tests.conformance.redis.watched import door, name_at

PASSWORD = "hidden-word"
#: The user whose rights the documentation lists; not the namespace, of which the suite has many.
USER, USERS_PASSWORD = "anyjob", "another-word"
PAGE = Path(__file__).parents[3] / "docs/how-to/redis.md"
_RIGHTS = re.search(r"^user anyjob on >\S+ ~\S+ &\S+ (-@all .+)$", PAGE.read_text(), re.MULTILINE)
assert _RIGHTS is not None
URL = f"redis://:{PASSWORD}@{{host}}:{{port}}/0"
OPTIONS = [
    *("--port", "{port}"),
    *("--bind", "{host}"),
    *("--dir", "{dir}"),
    *("--requirepass", PASSWORD),
    *("--appendonly", "yes"),
    *("--appendfsync", "everysec"),
    *("--save", ""),
    *("--loglevel", "warning"),
    *("--user", USER, "on", f">{USERS_PASSWORD}", "~*", "&*", *_RIGHTS[1].split()),
]
COMMAND = ["redis-server", *OPTIONS]
WATCHED = [
    *(sys.executable, "-m", "tests.conformance.redis.watched"),
    *("{port}", "{dir}", PASSWORD),
    *COMMAND,
]


class RedisHarness(Harness):
    """Backends and stores come as a user who may do no more than the documentation says."""

    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    server = OwnProcess(COMMAND, url=URL)

    def address(self, site: Site) -> str:
        """What a backend and a store are told."""
        return str(site.url).replace(f":{PASSWORD}@", f"{USER}:{USERS_PASSWORD}@")

    def backend(self, site: Site) -> RedisBackend:
        return RedisBackend(self.address(site), namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> RedisStore:
        return RedisStore(self.address(site), namespace=site.namespace, clock=site.clock)

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

    def plant(self, site: Site) -> list[str]:
        with client(site) as server:
            return plant(server, site.namespace)

    def attest_durability(self, site: Site) -> str:
        with client(site) as server:
            said = server.config_get("append*")
        assert said["appendonly"] == "yes"
        return f"appendfsync {said['appendfsync']}"

    def tidy(self, site: Site) -> None:
        with client(site) as server:
            keys = list(server.scan_iter(f"{site.namespace}*", count=1000))
            if keys:
                server.unlink(*keys)


class ValkeyHarness(RedisHarness):
    server = OwnProcess(["valkey-server", *OPTIONS], url=URL)


class SentinelHarness(RedisHarness):
    """Redis, found by asking a sentinel at each new connection."""

    server = OwnProcess(WATCHED, url=URL)

    def address(self, site: Site) -> str:
        assert site.server_folder is not None
        primary = urlsplit(str(site.url))
        return (
            f"redis+sentinel://:{PASSWORD}@127.0.0.1:{door(site.server_folder)}"
            f"/{name_at(primary.port)}/0"
        )


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
    return redis.Redis.from_url(str(site.url), socket_timeout=5.0)
