"""How connections to the file are made, for writing and for reading."""

from __future__ import annotations

import sqlite3
from pathlib import Path

#: Seconds that one attempt to write waits inside SQLite; the writer asks again until its deadline.
BUSY_SECONDS = 0.25
#: Seconds that a reader waits for somebody who repairs the log after a crash.
_READ_SECONDS = 5.0
#: Pages of the write-ahead log after which a commit checkpoints: 4 MB, half of the ballast.
_CHECKPOINT_PAGES = 1000
_CACHE_KIB = 16 * 1024
_STATEMENTS = 256


def connect_writer(path: Path) -> sqlite3.Connection:
    """A connection to an existing file. Raises sqlite3.Error."""
    return _connect(path, "rw", BUSY_SECONDS)


def use_log(connection: sqlite3.Connection, synchronous: str) -> None:
    """Write through a write-ahead log from now on.

    The tables are made before, so that the header of the file itself says whose it is.
    """
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}").fetchone()
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute("PRAGMA foreign_keys=OFF")


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot change anything. Raises sqlite3.Error."""
    connection = _connect(path, "rw", _READ_SECONDS)
    # Not mode=ro: a reader may have to rebuild the shared memory of the log.
    connection.execute("PRAGMA query_only=ON")
    return connection


def peek(path: Path) -> sqlite3.Connection:
    """A connection that reads the main file alone, takes no lock and leaves no file behind.

    The file is not opened by other means: closing any descriptor of it would end the locks that
    this process holds on it (fcntl(2)).
    """
    return _connect(path, "ro&immutable=1", _READ_SECONDS)


def _connect(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
