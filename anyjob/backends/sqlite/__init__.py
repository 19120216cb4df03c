"""Jobs and state in one SQLite file, for many processes of one machine."""

from anyjob.backends.sqlite.backend import SQLiteBackend
from anyjob.backends.sqlite.store import SQLiteStore

__all__ = ["SQLiteBackend", "SQLiteStore"]
