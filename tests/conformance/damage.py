"""What the SQLite backend's files can suffer: a disk that is full, and rows that no release writes.

The wired pair keeps its jobs in such files too.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def full_disk(database: Path) -> Iterator[None]:
    """The room kept back for a full disk is gone and cannot be had again meanwhile."""
    ballast = database.with_name(f"{database.name}-ballast")
    ballast.unlink()
    ballast.mkdir()
    try:
        yield
    finally:
        ballast.rmdir()


def plant(database: Path) -> list[str]:
    """Break the invariants of the schema, each once."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for damage in DAMAGES.values():
            connection.execute(damage)
    return list(DAMAGES)


_WAITING = "SELECT seq FROM anyjob_jobs WHERE state=0 ORDER BY place"
_HELD = "SELECT seq FROM anyjob_jobs WHERE state=2 ORDER BY place"
DAMAGES = {
    "a waiting job without a body": f"DELETE FROM anyjob_bodies WHERE seq=({_WAITING} LIMIT 1)",
    "a leased job without a body": f"DELETE FROM anyjob_bodies WHERE seq=({_HELD} LIMIT 1)",
    "a body without a job": "INSERT INTO anyjob_bodies (seq, body) VALUES (999999, x'00')",
    "a lease without a token": (
        f"UPDATE anyjob_jobs SET token=NULL WHERE seq=({_HELD} LIMIT 1 OFFSET 1)"
    ),
    "a job that is over and has a body": (
        f"UPDATE anyjob_jobs SET state=4 WHERE seq=({_WAITING} LIMIT 1 OFFSET 1)"
    ),
    "a key of nobody's": (
        f"UPDATE anyjob_jobs SET ukey=x'00' WHERE seq=({_WAITING} LIMIT 1 OFFSET 2)"
    ),
}
