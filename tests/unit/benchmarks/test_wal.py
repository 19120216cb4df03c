"""The counter of commits counts commits."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.wal import commits_of


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
    return path


def test_each_commit_counts_once_however_much_it_writes(database: Path) -> None:
    connection = sqlite3.connect(database, isolation_level=None)

    def act() -> None:
        for rows in (1, 1000, 3):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO t VALUES (?)", [("x" * 100,)] * rows)
            connection.execute("COMMIT")

    connection.execute("INSERT INTO t VALUES (1)")
    assert commits_of(database, act) == 3
    connection.close()


def test_checkpoints_by_the_way_do_not_spoil_the_count(database: Path) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint=2")
    connection.execute("INSERT INTO t VALUES (1)")

    def act() -> None:
        for _ in range(50):
            connection.execute("INSERT INTO t VALUES (2)")

    assert commits_of(database, act) == 50
    connection.close()


def test_a_rolled_back_transaction_is_no_commit(database: Path) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("INSERT INTO t VALUES (1)")

    def act() -> None:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("ROLLBACK")

    assert commits_of(database, act) == 0
    connection.close()
