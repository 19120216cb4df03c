"""What an author gives the suite: how to make a backend, a store or both."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.servers.own_process import OwnProcess
from anyjob.core.backend import Backend
from anyjob.core.store import Store


class Site(msgspec.Struct, frozen=True):
    """A place of its own for one test. What is made twice on one site shares jobs and state."""

    #: Unique to the site; for what is shared inside the process by name.
    name: str
    #: An empty folder that the suite removes in the end.
    folder: Path
    namespace: str
    #: The suite's clock, to be obeyed; None for the backend's own clock.
    clock: FakeClock | None
    #: Where the server listens, perhaps through the suite's proxy; None where there is none.
    url: str | None = None
    #: Where the server keeps its data.
    server_folder: Path | None = None


class Harness:
    """Makes what is to be certified, unopened; the suite opens and closes it.

    Subclass it with `backend`, `store` or both; the rest is optional, and each further hook unlocks
    properties that are untested without it. Made once for a suite, without arguments.
    """

    #: Where the sites' folders are made; None for the system's folder of temporary files.
    root: ClassVar[Path | None] = None
    #: The server to be started, killed, frozen and started again. One is shared by most tests; a
    #: test that ends it has one of its own.
    server: ClassVar[OwnProcess | None] = None
    #: Names of threads that reach outside by themselves, at any time: what they do is no point of
    #: a crash. On a wire, `is_aside` tells.
    asides: ClassVar[frozenset[str]] = frozenset()

    def backend(self, site: Site) -> Backend:
        """A new, unopened backend on `site`; several of them are several connections."""
        raise NotImplementedError

    def store(self, site: Site) -> Store:
        """A new, unopened store on `site`."""
        raise NotImplementedError

    def connection(self, site: Site) -> Any:
        """A caller's own connection to the site's database, as DB-API has it, for `transaction=`.

        The suite calls its `commit()`, `rollback()` and `close()`.
        """
        raise NotImplementedError

    def raw_client(self, site: Site) -> Any:
        """The product's own client, past the backend, as an object with `put(key, value)` and
        `get(key)`, of str and bytes.

        When jobs are lost with a server, the suite looks whether the product loses what is put
        there in the same way, before it blames the backend.
        """
        raise NotImplementedError

    def advance(self, site: Site, seconds: float) -> None:
        """Move the server's clock forward, where the clock of the site is not obeyed."""
        raise NotImplementedError

    def is_aside(self, request: bytes) -> bool:
        """Whether a request on the wire is one that a client makes by itself and not for a call,
        such as a heartbeat, by its first bytes. It is no point of a crash, and is not cut in place
        of the request that is meant.
        """
        return False

    def sever(self, site: Site) -> None:
        """Cut every connection to what holds the site's jobs, where leases hang on connections and
        the suite starts no server that it could cut off itself.
        """
        raise NotImplementedError

    def fill(self, site: Site) -> AbstractContextManager[object]:
        """Drive what holds the jobs to the limit of its memory or disk for the block of a `with`,
        and make room again after it.
        """
        raise NotImplementedError

    def plant(self, site: Site) -> Sequence[str]:
        """Leave half-written state in the queue "line" of the site's namespace, such as a crash of
        an older release could: an id without a body, a lease without a job, an orphan in an index.

        Returns a word for each. The queue is declared and holds some jobs.
        """
        raise NotImplementedError

    def attest_durability(self, site: Site) -> str:
        """What the server's own configuration says of fsync and replicas; raises if that is less
        than the backend declares.
        """
        raise NotImplementedError

    def tidy(self, site: Site) -> None:
        """Remove what a shared server keeps of a site that is over: all namespaces that begin with
        the site's.
        """


def offers(harness: Harness, hook: str) -> bool:
    """Whether the author wrote this hook."""
    return getattr(type(harness), hook) is not getattr(Harness, hook)
