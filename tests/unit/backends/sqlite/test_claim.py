"""What a claim hands out, and by which index it finds it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend, administration, claim, records, settle, tend
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.settlement import Retry
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]


def test_bodies_and_notes_come_back_byte_for_byte(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    bodies = [b"", b"\x00", bytes(range(256)), "é€😀".encode(), b"\xff\xfe", b"x" * 70_000, b""]
    jobs = [job(body=body) for body in bodies]
    backend.enqueue(jobs)

    leases = consumer.fetch(10, 0)
    consumer.settle([Retry(lease=lease, note=lease.body[:8192]) for lease in leases])
    again = consumer.fetch(10, 0)

    assert [lease.body for lease in leases] == bodies
    assert [lease.body for lease in again] == bodies
    assert [lease.note for lease in again] == [body[:8192] for body in bodies]


def test_lot_of_large_bodies_comes_whole(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    bodies = [bytes([number]) * 4_000_000 for number in range(6)]
    for body in bodies:
        backend.enqueue([job(body=body)])

    assert [lease.body for lease in consumer.fetch(10, 0)] == bodies


def test_each_level_of_the_low_end_gets_its_turn(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    for priority in range(10):
        backend.enqueue([job(priority=priority) for _ in range(400)])

    leases = [lease for _ in range(20) for lease in consumer.fetch(16, 0)]

    by_priority = {
        priority: sum(lease.priority == priority for lease in leases) for priority in range(10)
    }
    assert by_priority == {9: 302, **dict.fromkeys(range(9), 2)}


def test_queue_at_its_limit_is_left_to_the_others(backend: SQLiteBackend, job: MakeJob) -> None:
    for queue in ("mail", "print"):
        backend.enqueue([job(queue=queue) for _ in range(10)])
    consumer = backend.consume(
        [QueueShare("mail", 3), QueueShare("print", 1)], lease=30, worker="w"
    )

    leases = consumer.fetch(8, 0, {"mail": 1})

    assert sorted(lease.queue for lease in leases) == ["mail"] + ["print"] * 7
    assert [lease.queue for lease in consumer.fetch(8, 0, {"mail": 0})] == ["print"] * 3
    assert consumer.fetch(8, 0, {"mail": 0}) == []


# Only the statements themselves tell how SQLite will find their rows; no call shows it.
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (claim._TAKE_TOP, "anyjob_jobs_place (queue=? AND state=?)"),  # noqa: SLF001
        (claim._TAKE_LOW, "anyjob_jobs_place (queue=? AND state=? AND at=?)"),  # noqa: SLF001
        (claim._TAKEN, "anyjob_jobs_place (queue=? AND state=? AND at=?)"),  # noqa: SLF001
        (settle._HELD, "anyjob_jobs_id (queue=? AND id=?)"),  # noqa: SLF001
        (settle._COMPLETE, "INTEGER PRIMARY KEY"),  # noqa: SLF001
        (tend._DUE, "COVERING INDEX anyjob_jobs_place (queue=? AND state=? AND at<?)"),  # noqa: SLF001
        (tend._PROMOTE, "INTEGER PRIMARY KEY"),  # noqa: SLF001
        (administration._REVIVE, "INTEGER PRIMARY KEY"),  # noqa: SLF001
        (tend._REAP, "anyjob_jobs_place (queue=? AND state=? AND at<?)"),  # noqa: SLF001
        (tend._FORGET, "anyjob_jobs_place (queue=? AND state=? AND at<?)"),  # noqa: SLF001
        (tend.LOOK, "COVERING INDEX anyjob_jobs_place"),
        (records._COUNTS, "COVERING INDEX anyjob_jobs_place"),  # noqa: SLF001
        (records._PAGE, "(queue=? AND state=? AND (at,place)>(?,?))"),  # noqa: SLF001
        (administration._DEAD_AFTER, "state=? AND (at,place)>(?,?))"),  # noqa: SLF001
        (records._BY_IDS, "anyjob_jobs_id (queue=? AND id=?)"),  # noqa: SLF001
        (administration._STATES, "anyjob_jobs_id (queue=? AND id=?)"),  # noqa: SLF001
        (administration._DEAD_BY_ID, "anyjob_jobs_id (queue=? AND id=?)"),  # noqa: SLF001
    ],
)
def test_statement_finds_its_rows_by_an_index(
    backend: SQLiteBackend, path: Path, statement: str, index: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        values = (1,) * statement.count("?") or _Any()
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()

    plan = "\n".join(row[3] for row in rows)
    assert index in plan
    assert "SCAN anyjob_jobs\n" not in plan + "\n"


class _Any(dict[str, int]):
    """A value for every parameter, whatever its name."""

    def __missing__(self, name: str) -> int:
        return 1
