"""The wired pair as its authors give it to the suite."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from anyjob.conformance import Harness, OwnProcess, Site
from tests.conformance.damage import full_disk, plant
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.wire.admin import RawClient, administer
from tests.conformance.wire.client import LineBackend
from tests.conformance.wire.store_client import LineStore

COMMAND = [
    sys.executable,
    "-m",
    "tests.conformance.wire.server",
    "--port",
    "{port}",
    "--dir",
    "{dir}",
]


class WiredHarness(Harness):
    root = SQLiteHarness.root
    server = OwnProcess(COMMAND, url="line://tester:hidden-word@{host}:{port}")

    def backend(self, site: Site) -> LineBackend:
        return LineBackend(str(site.url), namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> LineStore:
        return LineStore(str(site.url), namespace=site.namespace, clock=site.clock)

    def raw_client(self, site: Site) -> RawClient:
        return RawClient(site)

    def fill(self, site: Site) -> AbstractContextManager[None]:
        return full_disk(database(site))

    def plant(self, site: Site) -> list[str]:
        return plant(database(site))

    def tidy(self, site: Site) -> None:
        administer(site, "forget", site.namespace)


def database(site: Site) -> Path:
    """Where the server keeps the site's namespace."""
    assert site.server_folder is not None
    return site.server_folder / f"{site.namespace}.db"
