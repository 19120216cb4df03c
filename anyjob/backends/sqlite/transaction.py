"""Enqueueing inside a transaction of the caller's."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anyjob.backends.sqlite.errors import translated
from anyjob.backends.sqlite.files import identity
from anyjob.backends.sqlite.insert import insert, stock
from anyjob.backends.sqlite.numbers import numbers_of
from anyjob.backends.sqlite.space import Space
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import InvalidOption


def enqueue_in(transaction: Any, space: Space, jobs: Sequence[Envelope]) -> list[Receipt]:
    """Store jobs on the caller's connection to the same file; they are seen when it commits.

    Begins a transaction if none is open. Raises InvalidOption for anything but such a connection,
    and leaves the caller's transaction as it was when it raises.
    """
    if not isinstance(transaction, sqlite3.Connection):
        raise InvalidOption(
            "expected transaction to be a sqlite3.Connection to the file of the jobs, got"
            f" {type(transaction).__name__}"
        )
    path = space.database.path
    try:
        with _plain(transaction), _part_of(transaction):
            _check_same_file(transaction, path)
            numbers = numbers_of(transaction, space.namespace, sorted({job.queue for job in jobs}))
            return insert(transaction, stock(jobs, numbers, space.clock), space.clock)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise translated(error, path) from error


@contextlib.contextmanager
def _plain(connection: sqlite3.Connection) -> Iterator[None]:
    """Rows and texts as the driver makes them, whatever the caller wants of its own."""
    rows, texts = connection.row_factory, connection.text_factory
    connection.row_factory, connection.text_factory = None, str
    try:
        yield
    finally:
        connection.row_factory, connection.text_factory = rows, texts


@contextlib.contextmanager
def _part_of(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, within the transaction that is open or a new one."""
    ours = not connection.in_transaction
    if ours:
        # Immediate: a transaction that turns to writing late fails when somebody wrote in between.
        connection.execute("BEGIN IMMEDIATE")
    connection.execute("SAVEPOINT anyjob_enqueue")
    try:
        yield
    except BaseException:
        if ours:
            connection.rollback()
        elif connection.in_transaction:  # SQLite rolls back by itself on a full disk
            connection.execute("ROLLBACK TO anyjob_enqueue")
            connection.execute("RELEASE anyjob_enqueue")
        raise
    connection.execute("RELEASE anyjob_enqueue")


def _check_same_file(connection: sqlite3.Connection, path: Path) -> None:
    files = {name: file for _, name, file in connection.execute("PRAGMA database_list")}
    if not files["main"] or identity(Path(files["main"])) != identity(path):
        raise InvalidOption(
            f"expected transaction to be a connection to {str(path)!r}, where the jobs are, got one"
            f" to {files['main'] or 'a database in memory'!r}"
        )
