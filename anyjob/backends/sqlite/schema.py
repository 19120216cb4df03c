"""Whose file it is: ours and of this release, new, or one that must not be touched."""

from __future__ import annotations

import contextlib
import sqlite3
from importlib.resources import files
from pathlib import Path

from anyjob.backends.sqlite.clock import FileClock
from anyjob.backends.sqlite.connection import connect_reader, peek
from anyjob.backends.sqlite.errors import translated
from anyjob.core.errors import BackendCorrupt, ConfigurationError

#: "anyj", in the field of SQLite's file header that names the application.
APPLICATION_ID = 0x616E796A
VERSION = 1
_OLDEST_SQLITE = (3, 38, 0)  # json_each is built in from here on


def check_library() -> None:
    """Raise ConfigurationError if Python was built with an SQLite that is too old."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise ConfigurationError(
            f"sqlite:// needs SQLite {oldest} or later, and this Python has"
            f" {sqlite3.sqlite_version}; use a newer Python"
        )


def check_file(path: Path, *, adopt: bool) -> None:
    """Raise BackendCorrupt if the file belongs to somebody else or a newer release, or is damaged.

    Reads only; a file that is empty or absent passes.
    """
    if _size(path) == 0:
        return
    if path.with_name(path.name + "-journal").exists():
        return  # its creation was cut short; SQLite rolls it back, and it is looked at again then
    # With a log beside it the file alone may be half of the truth, so SQLite puts it together.
    live = _size(path.with_name(path.name + "-wal")) > 0
    with contextlib.closing((connect_reader if live else peek)(path)) as connection:
        try:
            application = _pragma(connection, "application_id")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
            pages = _pragma(connection, "page_count")
        except sqlite3.Error as error:
            raise translated(error, path) from error
        if not pages:  # shorter than any page, which SQLite would write over
            raise BackendCorrupt(f"the file {str(path)!r} is no SQLite database; name another file")
        if application != APPLICATION_ID and not _is_ours(tables):
            _refuse_foreign(path, tables, adopt=adopt)


def is_prepared(connection: sqlite3.Connection, clock: FileClock) -> bool:
    """Whether the tables are there and of this boot. Only looks: whoever enqueues within a
    transaction of its own holds the turn to write already.
    """
    try:
        row = connection.execute('SELECT version, boot, "offset" FROM anyjob_meta').fetchone()
    except sqlite3.DatabaseError:
        return False
    if row is None or (row[0], row[1]) != (VERSION, clock.boot):
        return False
    clock.offset = row[2]
    return True


def prepare(connection: sqlite3.Connection, path: Path, clock: FileClock, *, adopt: bool) -> None:
    """Make or check the tables, and begin a new boot if it is one; inside a transaction."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if not _is_ours(tables):
        _refuse_foreign(path, tables, adopt=adopt)
        _create(connection, clock, mark=not tables)
    version, boot, offset = connection.execute(
        'SELECT version, boot, "offset" FROM anyjob_meta'
    ).fetchone() or (0, "", 0)
    if version > VERSION:
        raise BackendCorrupt(
            f"the database {str(path)!r} was written by a newer release (schema {version}, this one"
            f" reads {VERSION}); upgrade anyjob, or name another file"
        )
    if version < VERSION:
        raise BackendCorrupt(f"the database {str(path)!r} names no schema; restore it")
    if boot == clock.boot:
        clock.offset = offset
    else:
        _begin_boot(connection, clock)


def _create(connection: sqlite3.Connection, clock: FileClock, *, mark: bool) -> None:
    for statement in _statements():
        connection.execute(statement)
    connection.execute(
        'INSERT INTO anyjob_meta (version, boot, "offset", stamp) VALUES (?, ?, ?, 0)',
        (VERSION, clock.boot, clock.wall() - clock.raw()),
    )
    if mark:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _begin_boot(connection: sqlite3.Connection, clock: FileClock) -> None:
    clock.offset = clock.wall() - clock.raw()
    connection.execute('UPDATE anyjob_meta SET boot=?, "offset"=?', (clock.boot, clock.offset))
    # Who held a lease died with the machine, or sleeps in another one.
    connection.execute("UPDATE anyjob_jobs SET at=0 WHERE state=2")


def _statements() -> list[str]:
    script = files("anyjob.backends.sqlite").joinpath("schema.sql").read_text("utf-8")
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return statements


def _is_ours(tables: set[str]) -> bool:
    return "anyjob_meta" in tables


def _refuse_foreign(path: Path, tables: set[str], *, adopt: bool) -> None:
    if tables and not adopt:
        raise BackendCorrupt(
            f"the database {str(path)!r} belongs to another application; name another file, or add"
            " ?adopt=true to keep the jobs beside its tables"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
