"""The SQLite backend and store under the conformance suite."""

import sqlite3
from pathlib import Path

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.conformance import Harness, Site, conformance_suite


class SQLiteHarness(Harness):
    # Files in memory where the system has such a folder: the suite asks what a commit means, not
    # how long the disk takes for it.
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None

    def backend(self, site: Site) -> SQLiteBackend:
        return SQLiteBackend(url(site), namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> SQLiteStore:
        return SQLiteStore(url(site), namespace=site.namespace, clock=site.clock)

    def connection(self, site: Site) -> sqlite3.Connection:
        return sqlite3.connect(site.folder / "jobs.db")


def url(site: Site) -> str:
    return f"sqlite:///{site.folder}/jobs.db"


TestSQLite = conformance_suite(SQLiteHarness)
