"""What an operator should know about the file and its place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from anyjob.backends.sqlite.ballast import SIZE
from anyjob.backends.sqlite.place import network_file_system
from anyjob.backends.sqlite.url import Location
from anyjob.core.backend import Finding

_LOW_DISK = 16 * SIZE


def findings(location: Location) -> list[Finding]:
    """Every weakness of an installation; reads only."""
    return [*_durability(location), *_network(location), *_library(), *_disk(location)]


def has_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether this release of SQLite may damage a file when a log begins anew (fixed in 3.51.3,
    3.50.7 and 3.44.6).
    """
    if version[:2] in {(3, 44), (3, 50)}:
        return version < {44: (3, 44, 6), 50: (3, 50, 7)}[version[1]]
    return (3, 7, 0) <= version < (3, 51, 3)


def _durability(location: Location) -> Iterator[Finding]:
    if location.synchronous != "full":
        yield Finding(
            id="sqlite-synchronous-normal",
            severity="warning",
            seen="synchronous=normal",
            why="a power cut may take the last commits with it: jobs lost, or run again",
            fix="leave ?synchronous=normal out of the URL",
        )


def _network(location: Location) -> Iterator[Finding]:
    kind = network_file_system(location.path)
    if kind is not None:
        yield Finding(
            id="sqlite-network-filesystem",
            severity="error",
            seen=f"{str(location.path)!r} lies on a network file system ({kind})",
            why="locks do not reach every machine that sees the file, and it will be damaged",
            fix="keep the file on a local disk, or use a backend with a server",
        )


def _library() -> Iterator[Finding]:
    version = sqlite3.sqlite_version_info
    if has_reset_bug((version[0], version[1], version[2])):
        yield Finding(
            id="sqlite-wal-reset",
            severity="warning",
            seen=f"SQLite {sqlite3.sqlite_version}",
            why="a rare race between a commit and a checkpoint may damage the file; the turn at"
            " writing makes it rarer",
            fix="use a Python with SQLite 3.51.3, 3.50.7, 3.44.6 or later",
        )


def _disk(location: Location) -> Iterator[Finding]:
    try:
        disk = os.statvfs(location.path.parent)
    except OSError:
        return  # opening says what is wrong with the folder
    free = disk.f_bavail * disk.f_frsize
    if free < _LOW_DISK:
        yield Finding(
            id="sqlite-low-disk",
            severity="warning",
            seen=f"{free // 2**20} MiB free beside {str(location.path)!r}",
            why="when the disk is full nobody can enqueue",
            fix="free some space, or move the file to a larger disk",
        )
