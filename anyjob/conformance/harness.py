"""What an author gives the suite: how to make a backend, a store or both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec

from anyjob.conformance.clock import FakeClock
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


class Harness:
    """Makes what is to be certified, unopened; the suite opens and closes it.

    Subclass it with `backend`, `store` or both; the rest is optional, and each further hook unlocks
    properties that are untested without it. Made once for a suite, without arguments.
    """

    #: Where the sites' folders are made; None for the system's folder of temporary files.
    root: ClassVar[Path | None] = None

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


def offers(harness: Harness, hook: str) -> bool:
    """Whether the author wrote this hook."""
    return getattr(type(harness), hook) is not getattr(Harness, hook)
