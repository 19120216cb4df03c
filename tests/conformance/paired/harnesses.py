"""Pairs of a thin backend and each store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.backends.paired import PairedBackend
from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.backends.sqlite.url import parse_url
from anyjob.conformance import Harness, Site
from tests.conformance.damage import full_disk, plant
from tests.conformance.paired.thin import ThinBackend
from tests.conformance.redis.harness import RedisHarness

_MEMORY = Path("/dev/shm")


class MemoryPair(Harness):
    """Both in the memory of one process."""

    def backend(self, site: Site) -> PairedBackend:
        url = f"memory://{site.name}"
        inner = MemoryBackend(url, namespace=site.namespace, clock=site.clock)
        store = MemoryStore(f"{url}-store", namespace=site.namespace, clock=site.clock)
        return PairedBackend(ThinBackend(inner, clock=site.clock), store, clock=site.clock)


class SQLitePair(Harness):
    """Each in a file of its own."""

    asides = frozenset({"anyjob-pair"})
    root: ClassVar[Path | None] = _MEMORY if _MEMORY.is_dir() else None

    def backend(self, site: Site) -> PairedBackend:
        jobs, store = (f"sqlite:///{site.folder}/{name}.db" for name in ("jobs", "store"))
        inner = SQLiteBackend(jobs, namespace=site.namespace, clock=site.clock)
        return PairedBackend(
            ThinBackend(inner, clock=site.clock),
            SQLiteStore(store, namespace=site.namespace, clock=site.clock),
            clock=site.clock,
        )

    @contextmanager
    def fill(self, site: Site) -> Iterator[None]:
        with full_disk(site.folder / "jobs.db"), full_disk(site.folder / "store.db"):
            yield

    def plant(self, site: Site) -> list[str]:
        return plant(site.folder / "jobs.db")

    def attest_durability(self, site: Site) -> str:
        synchronous = parse_url(f"sqlite:///{site.folder}/jobs.db").synchronous
        assert synchronous == "full"
        return f"synchronous={synchronous}"


#: In every request that a pair makes by itself, and in none that a call would miss as a point.
_BEAT = b"pair/s/"
#: What is said first on a connection: whether a call finds one free is chance where a thread beats.
#: Redis without a pair shows what becomes of a greeting that is cut.
_GREETINGS = (b"\r\nAUTH\r\n", b"-- Leaves a mark where there is none.")


def is_aside_of_store(request: bytes) -> bool:
    """Whether no call is known by a request that a pair makes to Redis."""
    return _BEAT in request or any(greeting in request[:200] for greeting in _GREETINGS)


class RedisPair(RedisHarness):
    """Both on one server, so that the wires of both can be cut."""

    # It is certified by itself.
    store = Harness.store  # type: ignore[assignment]

    def is_aside(self, request: bytes) -> bool:
        return is_aside_of_store(request)

    def backend(self, site: Site) -> PairedBackend:  # type: ignore[override]
        inner = RedisBackend(self.address(site), namespace=site.namespace, clock=site.clock)
        store = RedisStore(
            self.address(site), namespace=f"{site.namespace}.store", clock=site.clock
        )
        return PairedBackend(ThinBackend(inner, clock=site.clock), store, clock=site.clock)
