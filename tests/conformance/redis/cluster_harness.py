"""A Cluster as the suite gets it: one for the process, with the suite's queues on several nodes."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator
from contextlib import ExitStack

from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.conformance import Harness, Site
from tests.conformance.redis.cluster import client, cluster, number_of, url_of
from tests.conformance.redis.damage import QUEUE, plant
from tests.conformance.redis.harness import RedisHarness

#: For the processes that the suite starts, which meet the Cluster of this one.
_PORTS = "PORTS_OF_THE_TEST_CLUSTER"
_stacks: dict[int, ExitStack] = {}


def ports() -> list[int]:
    """Those of the primaries of a Cluster that ends with the process which first asked."""
    if _PORTS not in os.environ:
        stack = _stacks[os.getpid()] = ExitStack()
        running = stack.enter_context(cluster(RedisHarness.root))
        os.environ[_PORTS] = ",".join(str(node.port) for node in running.primaries)
        atexit.register(_end, os.getpid())
    return [int(port) for port in os.environ[_PORTS].split(",")]


def _end(process: int) -> None:
    # A forked child leaves the Cluster of its parent alone.
    if process == os.getpid():
        _stacks.pop(process).close()


class ClusterHarness(Harness):
    """As on one server; nodes are killed and slots moved in test_cluster.py, as the suite has no
    server to kill that is several.
    """

    root = RedisHarness.root

    def backend(self, site: Site) -> RedisBackend:
        return RedisBackend(url_of(ports()), namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> RedisStore:
        return RedisStore(url_of(ports()), namespace=site.namespace, clock=site.clock)

    def raw_client(self, site: Site) -> RawClient:
        return RawClient(site)

    @contextlib.contextmanager
    def fill(self, site: Site) -> Iterator[None]:
        with ExitStack() as stack:
            for port in ports():
                asked = stack.enter_context(client(port))
                asked.config_set("maxmemory", 1)
                stack.callback(asked.config_set, "maxmemory", 0)
            yield

    def plant(self, site: Site) -> list[str]:
        with client(ports()[number_of(QUEUE)]) as asked:
            return plant(asked, site.namespace)

    def attest_durability(self, site: Site) -> str:
        said = []
        for port in ports():
            with client(port) as asked:
                said.append(asked.config_get("append*"))
        assert all(each["appendonly"] == "yes" for each in said)
        return f"appendfsync {said[0]['appendfsync']} on each node"

    def tidy(self, site: Site) -> None:
        for port in ports():
            with client(port) as asked, asked.pipeline(transaction=False) as together:
                for key in asked.scan_iter(f"{site.namespace}*", count=1000):
                    together.unlink(key)
                together.execute()


class RawClient:
    """redis-py, past the backend, in the slot of one word."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def put(self, key: str, value: bytes) -> None:
        with client(ports()[number_of("raw")]) as asked:
            asked.set(self._name(key), value)

    def get(self, key: str) -> bytes | None:
        with client(ports()[number_of("raw")]) as asked:
            found = asked.get(self._name(key))
        assert found is None or isinstance(found, bytes)
        return found

    def _name(self, key: str) -> str:
        return f"{self._site.namespace}.{{raw}}:{key}"
