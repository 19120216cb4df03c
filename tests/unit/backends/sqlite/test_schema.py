"""Whose file it is."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.backends.sqlite.schema import APPLICATION_ID
from anyjob.core.errors import BackendCorrupt
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]


def query(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(sql).fetchone()
        connection.commit()
    return row[0] if row else None


def test_new_file_says_whose_it_is(url: str, path: Path, opened: Open) -> None:
    opened(url).close()

    assert query(path, "PRAGMA application_id") == APPLICATION_ID
    assert query(path, "PRAGMA journal_mode") == "wal"
    assert query(path, "SELECT version FROM anyjob_meta") == 1


def test_database_of_another_application_is_left_alone(path: Path, url: str, opened: Open) -> None:
    query(path, "CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(BackendCorrupt, match="belongs to another application; name another file"):
        opened(url)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["jobs.db"]


def test_database_of_another_application_is_adopted_when_that_is_asked_for(
    path: Path, url: str, opened: Open, job: MakeJob
) -> None:
    query(path, "CREATE TABLE customers (name TEXT)")
    query(path, "PRAGMA application_id=77")

    opened(f"{url}?adopt=true").enqueue([job()])
    later = opened(url)

    assert later.counts("mail").ready == 1
    assert query(path, "SELECT count(*) FROM customers") == 0
    assert query(path, "PRAGMA application_id") == 77


def test_newer_schema_is_left_alone(path: Path, url: str, opened: Open) -> None:
    opened(url).close()
    query(path, "UPDATE anyjob_meta SET version=2")

    with pytest.raises(BackendCorrupt, match=r"newer release \(schema 2, this one reads 1\)"):
        opened(url)

    assert query(path, "SELECT version FROM anyjob_meta") == 2


@pytest.mark.parametrize(
    "content", [b"this is no database at all " * 40, b"SQLite format 3\x00" + b"\xff" * 4096, b"x"]
)
def test_file_that_is_no_database_is_left_alone(
    path: Path, url: str, opened: Open, content: bytes
) -> None:
    path.write_bytes(content)

    with pytest.raises(BackendCorrupt, match="no SQLite database"):
        opened(url)

    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["jobs.db"]


def test_file_that_was_cut_short_is_refused(
    path: Path, url: str, opened: Open, job: MakeJob
) -> None:
    backend = opened(url)
    backend.enqueue([job() for _ in range(1000)])
    backend.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)

    with pytest.raises(BackendCorrupt):
        opened(url)


def test_page_that_was_overwritten_is_reported_when_it_is_met(
    path: Path, url: str, opened: Open, job: MakeJob
) -> None:
    backend = opened(url)
    backend.enqueue([job() for _ in range(1000)])
    backend.close()
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xa5" * (path.stat().st_size - 40 * 4096))
    backend = opened(url)

    with pytest.raises(BackendCorrupt, match="damaged"):
        backend.enqueue([job() for _ in range(1000)])


def test_empty_file_is_a_new_database(path: Path, url: str, opened: Open, job: MakeJob) -> None:
    path.write_bytes(b"")

    backend = opened(url)

    backend.enqueue([job()])
    assert backend.counts("mail").ready == 1


def test_many_processes_make_one_database(url: str, opened: Open) -> None:
    script = (
        "import sys; from anyjob.backends.sqlite import SQLiteBackend\n"
        "from anyjob.core.backend import QueueSpec\n"
        "backend = SQLiteBackend(sys.argv[1]); backend.open()\n"
        "backend.declare([QueueSpec(sys.argv[2])]); backend.close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, url, f"queue-{number}"])
        for number in range(6)
    ]

    assert [child.wait(timeout=30) for child in children] == [0] * 6
    assert opened(url).queues() == {f"queue-{number}" for number in range(6)}


def test_store_alone_makes_the_same_database(url: str, opened: Open, job: MakeJob) -> None:
    store = SQLiteStore(url)
    store.open()
    store.increment([("hits", 2)])
    store.close()

    backend = opened(url)
    beside = backend.store()
    beside.open()
    backend.enqueue([job()])

    assert beside.increment([("hits", 1)]) == [3]
    beside.close()
    assert backend.counts("mail").ready == 1
