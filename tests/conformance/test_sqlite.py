"""The SQLite backend and store under the conformance suite."""

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.backends.sqlite.url import parse_url
from anyjob.conformance import Harness, Site, conformance_suite
from tests.conformance.damage import full_disk, plant


class SQLiteHarness(Harness):
    # Files in memory where the system has such a folder: the suite asks what a commit means, not
    # how long the disk takes for it.
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None

    def backend(self, site: Site) -> SQLiteBackend:
        return SQLiteBackend(url(site), namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> SQLiteStore:
        return SQLiteStore(url(site), namespace=site.namespace, clock=site.clock)

    def fill(self, site: Site) -> AbstractContextManager[None]:
        return full_disk(site.folder / "jobs.db")

    def plant(self, site: Site) -> list[str]:
        return plant(site.folder / "jobs.db")

    def attest_durability(self, site: Site) -> str:
        synchronous = parse_url(url(site)).synchronous
        assert synchronous == "full"
        return f"synchronous={synchronous}"

    def connection(self, site: Site) -> sqlite3.Connection:
        return sqlite3.connect(site.folder / "jobs.db")


def url(site: Site) -> str:
    return f"sqlite:///{site.folder}/jobs.db"


TestSQLite = conformance_suite(SQLiteHarness)
