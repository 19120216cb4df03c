"""The wired pair as its authors give it to the suite."""

import sys
from contextlib import AbstractContextManager

from anyjob.conformance import Harness, OwnProcess, Site
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.wire.admin import administer, limited
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

    def fill(self, site: Site) -> AbstractContextManager[None]:
        return limited(site)

    def tidy(self, site: Site) -> None:
        administer(site, "forget", site.namespace)
