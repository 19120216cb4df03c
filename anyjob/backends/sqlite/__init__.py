"""Jobs and state in one SQLite file, for many processes of one machine."""

from anyjob.backends.sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend"]
