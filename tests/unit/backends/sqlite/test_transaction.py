"""Jobs inside a transaction of the caller's."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anyjob import App
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import Consumer
from anyjob.core.envelope import Accepted, Duplicate, Unique
from anyjob.core.errors import BackendUnavailable, InvalidOption, Misuse, PayloadTooLarge
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]


@pytest.fixture
def own(backend: SQLiteBackend, path: Path) -> Iterator[sqlite3.Connection]:
    """The caller's connection, with a table of the caller's."""
    with closing(sqlite3.connect(path, timeout=0.2)) as connection:
        connection.execute("CREATE TABLE orders (number INTEGER)")
        connection.commit()
        yield connection


def test_jobs_appear_with_the_callers_commit(
    backend: SQLiteBackend, own: sqlite3.Connection, job: MakeJob
) -> None:
    own.execute("INSERT INTO orders VALUES (1)")

    receipts = backend.enqueue([job(), job()], transaction=own)

    assert receipts == [Accepted(), Accepted()]
    assert backend.counts("mail").ready == 0
    own.commit()
    assert backend.counts("mail").ready == 2


def test_jobs_are_gone_with_the_callers_rollback(
    backend: SQLiteBackend, own: sqlite3.Connection, job: MakeJob
) -> None:
    own.execute("INSERT INTO orders VALUES (1)")
    backend.enqueue([job()], transaction=own)

    own.rollback()

    assert backend.counts("mail").ready == 0
    assert own.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    backend.enqueue([job()])
    assert backend.queues() == {"mail"}


def test_transaction_is_begun_where_none_is_open(
    backend: SQLiteBackend, path: Path, job: MakeJob
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as own:
        backend.enqueue([job()], transaction=own)

        assert own.in_transaction
        assert backend.counts("mail").ready == 0
        own.commit()
    assert backend.counts("mail").ready == 1


def test_duplicates_are_found_inside_and_outside(
    backend: SQLiteBackend, own: sqlite3.Connection, job: MakeJob
) -> None:
    stored, first = job(), job(unique=Unique("key"))
    backend.enqueue([stored])
    own.text_factory = bytes
    own.row_factory = lambda cursor, row: {"row": row}

    receipts = backend.enqueue([stored, first, job(unique=Unique("key"))], transaction=own)

    assert receipts == [Duplicate(stored.id), Accepted(), Duplicate(first.id)]
    assert own.text_factory is bytes
    own.commit()
    assert backend.counts("mail").ready == 2


def test_waiting_fetch_is_woken_by_the_commit(
    backend: SQLiteBackend, own: sqlite3.Connection, consumer: Consumer, job: MakeJob
) -> None:
    fetched: list[int] = []
    waiting = threading.Thread(target=lambda: fetched.append(len(consumer.fetch(5, 30))))
    waiting.start()

    backend.enqueue([job()], transaction=own)
    own.commit()

    waiting.join(timeout=10)
    assert fetched == [1]


def test_connection_to_another_file_is_refused(
    backend: SQLiteBackend, tmp_path: Path, job: MakeJob
) -> None:
    for target in (str(tmp_path / "other.db"), ":memory:"):
        with closing(sqlite3.connect(target)) as other:
            other.execute("CREATE TABLE t (x)")
            with pytest.raises(InvalidOption, match="expected transaction to be a connection to"):
                backend.enqueue([job()], transaction=other)
            assert not other.in_transaction


@pytest.mark.parametrize("transaction", ["connection", 7, object()])
def test_what_is_no_connection_is_refused(
    backend: SQLiteBackend, job: MakeJob, transaction: object
) -> None:
    with pytest.raises(InvalidOption, match=r"sqlite3\.Connection"):
        backend.enqueue([job()], transaction=transaction)


def test_closed_connection_and_foreign_thread_are_misuse(
    backend: SQLiteBackend, path: Path, own: sqlite3.Connection, job: MakeJob
) -> None:
    closed = sqlite3.connect(path)
    closed.close()
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            backend.enqueue([job()], transaction=own)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    with pytest.raises(Misuse):
        backend.enqueue([job()], transaction=closed)

    assert [type(error) for error in errors] == [Misuse]


def test_locked_file_is_reported_and_leaves_no_transaction(
    backend: SQLiteBackend, own: sqlite3.Connection, path: Path, job: MakeJob
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendUnavailable, match="locked"):
            backend.enqueue([job()], transaction=own)
        holder.execute("ROLLBACK")

    assert not own.in_transaction


def test_bad_job_leaves_the_callers_transaction_as_it_was(
    backend: SQLiteBackend, own: sqlite3.Connection, job: MakeJob
) -> None:
    own.execute("INSERT INTO orders VALUES (1)")

    with pytest.raises(PayloadTooLarge):
        backend.enqueue([job(), job(body=bytes(64 * 1024 * 1024 + 1))], transaction=own)

    own.commit()
    assert own.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert backend.counts("mail").ready == 0


def test_app_that_is_not_open_yet_enqueues_in_an_open_transaction(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    with App(url):
        pass
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as own, App(url) as looking:
        own.execute("BEGIN IMMEDIATE")
        with closing(App(url)) as late:

            @late.task
            def send() -> None: ...

            send.using(transaction=own).enqueue()
            own.commit()

        assert looking.counts().ready == 1
