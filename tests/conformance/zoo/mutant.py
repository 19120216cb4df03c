"""A backend or store with one planted defect, and what the suite has to say about it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Literal

import msgspec
import pytest

from anyjob.conformance import Harness, Site
from anyjob.core.backend import Backend
from anyjob.core.clock import SystemClock
from anyjob.core.store import Store
from tests.conformance.kombu.redis_harness import KombuRedisHarness
from tests.conformance.rabbitmq.harness import RabbitHarness
from tests.conformance.redis.harness import RedisHarness
from tests.conformance.sqs.harness import SQSHarness
from tests.conformance.sqs.keeping import keep_time
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.wire.harness import WiredHarness
from tests.conformance.zoo.planting import Edit, planted
from tests.conformance.zoo.wrapped import Memory, WrappedBackend, WrappedConsumer
from tests.conformance.zoo.wraps.stores import WrappedStore

Kind = Literal["kombu", "memory", "rabbitmq", "redis", "sqlite", "sqs", "wired"]
#: Files in memory where the system has such a folder: nobody asks here how long a disk takes.
FAST = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One defect, as lines of the backend's source that are changed or as a class around it."""

    name: str
    #: The property that must fail, and a piece (a regular expression) of what is said: the name of
    #: the example and its message.
    fails: str
    says: str
    #: The further properties that may fail.
    spoils: frozenset[str]
    of: Kind
    edits: tuple[Edit, ...]
    wrap: type | None
    #: The bug of another project that it repeats.
    issue: str | None
    #: Whether threads decide if it shows: it has to be caught at each of many tries.
    chance: bool
    #: The machine that catches it alone.
    machine: str | None

    def __str__(self) -> str:
        return self.name.replace(" ", "-").replace("'", "")


def mutant(
    name: str,
    *edits: tuple[str, str, str],
    fails: str,
    says: str,
    spoils: str = "",
    of: Kind = "memory",
    wrap: type | None = None,
    issue: str | None = None,
    chance: bool = False,
    machine: str | None = None,
) -> Mutant:
    """A mutant; `edits` are (file, old text, new text), `spoils` property ids apart by blanks."""
    return Mutant(
        name=name,
        fails=fails,
        says=says,
        spoils=frozenset(spoils.split()),
        of=of,
        edits=tuple(Edit(*edit) for edit in edits),
        wrap=wrap,
        issue=issue,
        chance=chance,
        machine=machine,
    )


@cache
def source_of(kind: Kind, edits: tuple[Edit, ...]) -> ModuleType:
    """The backend's package with these edits made."""
    package = "tests.conformance.wire" if kind == "wired" else f"anyjob.backends.{kind}"
    return planted(package, edits)


class MutantHarness(Harness):
    """Makes a mutant, or with no edit and no wrap the sound backend."""

    root = FAST
    kind: ClassVar[Kind]

    def __init__(self, edits: Iterable[Edit] = (), wrap: type | None = None) -> None:
        self.package = source_of(self.kind, tuple(edits))
        self.wrap = wrap
        self.memories: dict[str, Memory] = {}

    def backend(self, site: Site) -> Backend:
        inner = self.inner(site)
        if self.wrap is None or issubclass(self.wrap, WrappedStore):
            return inner
        memory = self.memories.setdefault(
            f"{site.name} {site.namespace}", Memory(site.clock or SystemClock())
        )
        if issubclass(self.wrap, WrappedConsumer):
            kind = type("Wrapped", (WrappedBackend,), {"consumer": self.wrap})
            wrapped: Backend = kind(inner, memory)
            return wrapped
        assert issubclass(self.wrap, WrappedBackend)
        return self.wrap(inner, memory)

    def store(self, site: Site) -> Store:
        inner = self.inner_store(site)
        if self.wrap is not None and issubclass(self.wrap, WrappedStore):
            return self.wrap(inner)
        return inner

    def inner(self, site: Site) -> Backend:
        raise NotImplementedError

    def inner_store(self, site: Site) -> Store:
        raise NotImplementedError


class MemoryMutantHarness(MutantHarness):
    kind = "memory"

    def inner(self, site: Site) -> Backend:
        backend: Backend = self.package.MemoryBackend(
            f"memory://{site.name}", namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        store: Store = self.package.MemoryStore(
            f"memory://{site.name}", namespace=site.namespace, clock=site.clock
        )
        return store


class SQLiteMutantHarness(MutantHarness):
    kind = "sqlite"

    def inner(self, site: Site) -> Backend:
        backend: Backend = self.package.SQLiteBackend(
            f"sqlite:///{site.folder}/jobs.db", namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        store: Store = self.package.SQLiteStore(
            f"sqlite:///{site.folder}/jobs.db", namespace=site.namespace, clock=site.clock
        )
        return store

    connection = SQLiteHarness.connection
    fill = SQLiteHarness.fill
    plant = SQLiteHarness.plant


class RedisMutantHarness(MutantHarness):
    """A client with a defect, or scripts with one, on a server that has none."""

    kind = "redis"
    server = RedisHarness.server

    def inner(self, site: Site) -> Backend:
        backend: Backend = self.package.RedisBackend(
            str(site.url), namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        store: Store = self.package.RedisStore(
            str(site.url), namespace=site.namespace, clock=site.clock
        )
        return store

    fill = RedisHarness.fill
    plant = RedisHarness.plant
    tidy = RedisHarness.tidy


class RabbitMutantHarness(MutantHarness):
    """A client with a defect, of a broker that has none."""

    kind = "rabbitmq"
    server = RabbitHarness.server

    def __init__(self, edits: Iterable[Edit] = (), wrap: type | None = None) -> None:
        super().__init__(edits, wrap)
        self._sound = RabbitHarness()

    def inner(self, site: Site) -> Backend:
        backend: Backend = self._sound.known(
            site,
            self.package.RabbitBackend(str(site.url), namespace=site.namespace, clock=site.clock),
        )
        return backend

    def sever(self, site: Site) -> None:
        self._sound.sever(site)

    def tidy(self, site: Site) -> None:
        self._sound.tidy(site)


class SQSMutantHarness(MutantHarness):
    """A client with a defect, of an emulator behind a front that is as strict as AWS."""

    kind = "sqs"
    server = SQSHarness.server

    def inner(self, site: Site) -> Backend:
        keep_time(site)
        backend: Backend = self.package.SQSBackend(
            str(site.url), namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        pytest.skip("SQS is no store")

    plant = SQSHarness.plant
    tidy = SQSHarness.tidy


class KombuMutantHarness(MutantHarness):
    """A client with a defect, or scripts with one, of kombu's Redis transport."""

    kind = "kombu"
    server = KombuRedisHarness.server

    def inner(self, site: Site) -> Backend:
        backend: Backend = self.package.KombuBackend(
            str(site.url), namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        pytest.skip("kombu is no store")

    fill = KombuRedisHarness.fill
    tidy = KombuRedisHarness.tidy


class WiredMutantHarness(MutantHarness):
    """A client with a defect, of a server that has none."""

    kind = "wired"
    server = WiredHarness.server

    def inner(self, site: Site) -> Backend:
        client = import_module(f"{self.package.__name__}.client")
        backend: Backend = client.LineBackend(
            str(site.url), namespace=site.namespace, clock=site.clock
        )
        return backend

    def inner_store(self, site: Site) -> Store:
        client = import_module(f"{self.package.__name__}.store_client")
        store: Store = client.LineStore(str(site.url), namespace=site.namespace, clock=site.clock)
        return store

    fill = WiredHarness.fill
    plant = WiredHarness.plant
    tidy = WiredHarness.tidy


def harness_of(mutant: Mutant) -> MutantHarness:
    """The harness that makes it."""
    kinds = {
        "kombu": KombuMutantHarness,
        "memory": MemoryMutantHarness,
        "rabbitmq": RabbitMutantHarness,
        "redis": RedisMutantHarness,
        "sqlite": SQLiteMutantHarness,
        "sqs": SQSMutantHarness,
        "wired": WiredMutantHarness,
    }
    return kinds[mutant.of](mutant.edits, mutant.wrap)
