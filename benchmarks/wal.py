"""Counts the commits of an SQLite database in WAL mode by reading its log, and asks nobody.

The format is that of https://www.sqlite.org/fileformat2.html#walformat: a header of 32 bytes, then
frames of 24 bytes and a page each. A frame that ends a commit holds the database's size in pages,
every other frame 0.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")


def commits_of(database: Path, act: Callable[[], object]) -> int:
    """How many commits `act` makes. Raises RuntimeError if the log was begun anew meanwhile.

    A reader holds its snapshot all along, so that no checkpoint lets the log begin anew. It writes
    a number that is there already first: who reads a log that is copied to the database as a whole
    reads the database alone, and holds up nothing.
    """
    reader = sqlite3.connect(database, isolation_level=None)
    try:
        reader.execute("PRAGMA wal_autocheckpoint=0")
        (version,) = reader.execute("PRAGMA user_version").fetchone()
        reader.execute(f"PRAGMA user_version={version}")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        log = database.with_name(f"{database.name}-wal")
        salts, before = _commits(log)
        act()
        same, after = _commits(log)
    finally:
        reader.close()
    if salts != same:
        raise RuntimeError("the log was begun anew, so that its commits cannot be counted")
    return after - before


def _commits(log: Path) -> tuple[tuple[int, int], int]:
    """The salts of the log, which change when it begins anew, and its number of commits."""
    with log.open("rb") as file:
        header = _HEADER.unpack(file.read(_HEADER.size))
        page_size, salts = header[2], (header[4], header[5])
        commits = 0
        while len(raw := file.read(_FRAME.size)) == _FRAME.size:
            frame = _FRAME.unpack(raw)
            # What follows is left over from before the log began anew.
            if (frame[2], frame[3]) != salts:
                break
            commits += frame[1] != 0
            file.seek(page_size, 1)
    return salts, commits
