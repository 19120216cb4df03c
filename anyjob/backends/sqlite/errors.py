"""Where the driver's exceptions end: each becomes one of ours, once, with its cause kept."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    Misuse,
    PayloadTooLarge,
)

#: Below this, an input/output error is a full disk in disguise: SQLite says SQLITE_FULL for its own
#: files alone, and SQLITE_IOERR for the shared memory that it cannot lengthen.
_NO_ROOM = 1024 * 1024

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA}


def translated(error: sqlite3.Error | sqlite3.Warning | OSError, path: Path) -> AnyjobError:
    """The error of ours that says what `error` means for the database at `path`."""
    if isinstance(error, OSError):
        return BackendUnavailable(
            f"the file {str(path)!r} cannot be used: {error.strerror or error}; mend the disk or"
            " its permissions"
        )
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Misuse(f"the database {str(path)!r} was used wrongly: {error}")
    return _by_code(code & 0xFF, error, path)


def _by_code(code: int, error: Exception, path: Path) -> AnyjobError:
    shown = repr(str(path))
    if code in _BUSY:
        return BackendUnavailable(
            f"the database {shown} is locked by another connection, which did not let go in time;"
            " end its transaction"
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and not _has_room(path)):
        return BackendFull(
            f"the database {shown} has no room left on its disk; running jobs still settle; free"
            " some space"
        )
    if code in _DAMAGED:
        return BackendCorrupt(
            f"the database {shown} is damaged or no SQLite database ({error}); restore it, or name"
            " another file"
        )
    if code == sqlite3.SQLITE_TOOBIG:
        return PayloadTooLarge(f"the database {shown} cannot hold a value of that size")
    if code == sqlite3.SQLITE_MISUSE:
        return Misuse(f"the database {shown} was used wrongly: {error}")
    if code in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH}:
        return BackendError(f"the database {shown} refused a statement: {error}")
    return BackendUnavailable(
        f"the database {shown} cannot be read or written ({error}); mend the disk or its"
        " permissions"
    )


def is_uncertain(error: sqlite3.Error | sqlite3.Warning) -> bool:
    """Whether a COMMIT that failed so may yet be found done after a crash: its frames were written,
    and forcing them to the disk failed.
    """
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_IOERR


def _has_room(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize >= _NO_ROOM
