"""The connections to one file, for as long as it is the file that the path names."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from pathlib import Path

from anyjob.backends.sqlite.clock import FileClock
from anyjob.backends.sqlite.connection import connect_reader, connect_writer, use_log
from anyjob.backends.sqlite.errors import translated
from anyjob.backends.sqlite.place import check_place
from anyjob.backends.sqlite.schema import check_file, check_library, is_prepared, prepare
from anyjob.backends.sqlite.url import Location
from anyjob.core.errors import AnyjobError, BackendFull, ConfigurationError

# Two openings of one new file in one process: the descriptor that makes it must be closed before
# anybody locks it, or closing it would end that lock (fcntl(2)).
_opening = threading.Lock()


def take_place(location: Location) -> Path:
    """Check, before any effect, that a database may be at `location`; return its real path."""
    check_library()
    try:
        check_place(location)
        path = _real(location)
        check_file(path, adopt=location.adopt)
        _probe(path)
    except OSError as error:
        raise _refused(error, location.path) from error
    return path


class Files:
    """A writing and a reading connection, and how to recognise their file."""

    def __init__(self, location: Location, clock: FileClock) -> None:
        """Open the file, make it if it is absent. Raises AnyjobError."""
        self.path = _real(location)
        #: Numbers of queues by (namespace, name); they never change within a file.
        self.queues: dict[tuple[str, str], int] = {}
        #: Whether it was closed for a fork: who was about to use it, uses the next one.
        self.has_rested = False
        try:
            with _opening:
                _create(self.path)
                self.writer = connect_writer(self.path)
        except OSError as error:
            raise _refused(error, self.path) from error
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        try:
            _prepare(self.writer, self.path, clock, adopt=location.adopt)
            use_log(self.writer, location.synchronous)
            self.reader = connect_reader(self.path)
            # The first look makes the log, which is to be known again.
            self.reader.execute("SELECT version FROM anyjob_meta").fetchone()
        except (AnyjobError, sqlite3.Error) as error:
            self.writer.close()
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.path) from error
            raise
        self._identity = identity(self.path)
        self._log = identity(self._log_path)

    def is_there(self) -> bool:
        return identity(self.path) == self._identity

    def close(self) -> None:
        for connection in (self.reader, self.writer):
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def abandon(self) -> None:
        """Close what belongs to a file that is gone, and take its log out of the way of the file
        that took its place: SQLite would add the one's pages to the other.
        """
        self.close()
        replaced = identity(self.path) is not None
        if replaced and self._log is not None and identity(self._log_path) == self._log:
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(OSError):
                    self.path.with_name(self.path.name + suffix).unlink()

    @property
    def _log_path(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")


def identity(path: Path) -> tuple[int, int] | None:
    """What tells this file from every other one; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before each transaction; Path.stat costs four times this
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _real(location: Location) -> Path:
    # The log and the lock belong beside the file itself, whatever link led there.
    return (
        Path(os.path.realpath(location.path.parent)) / location.path.name
        if (not location.allow_symlink)
        else Path(os.path.realpath(location.path))
    )


def _create(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _probe(path: Path) -> None:
    """Fail as the lock file would."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    os.close(os.open(path.with_name(path.name + "-lock"), flags, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path, clock: FileClock, *, adopt: bool) -> None:
    if is_prepared(connection, clock):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        prepare(connection, path, clock, adopt=adopt)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _refused(error: OSError, path: Path) -> AnyjobError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BackendFull(f"the disk of {str(path)!r} is full; free some space")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP):
        return ConfigurationError(
            f"the database {str(path)!r} or the files beside it cannot be written to"
            f" ({error.strerror}); change the permissions of its folder, or name another path"
        )
    return translated(error, path)
