"""Callers that meet share a commit; a lone one waits for nobody."""

import threading
from collections.abc import Callable

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import Consumer
from anyjob.core.envelope import Accepted, Receipt
from anyjob.core.settlement import Complete
from tests.unit.backends.sqlite.conftest import MakeJob


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_sixteen_threads_make_at_most_one_commit_for_four_jobs(
    backend: SQLiteBackend, job: MakeJob
) -> None:
    receipts: list[Receipt] = []

    def enqueue() -> None:
        for _ in range(100):
            receipts.extend(backend.enqueue([job()]))

    backend.enqueue([job()])
    before = backend.commits
    in_threads(16, enqueue)

    assert len(receipts) == 1600
    assert {type(receipt) for receipt in receipts} == {Accepted}
    assert backend.commits - before <= 400
    assert backend.counts("mail").ready == 1601


def test_lone_enqueue_is_one_commit(backend: SQLiteBackend, job: MakeJob) -> None:
    backend.enqueue([job()])
    before = backend.commits

    backend.enqueue([job() for _ in range(500)])

    assert backend.commits - before == 1


def test_cycle_of_a_worker_is_one_commit(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    backend.enqueue([job() for _ in range(600)])
    leases = consumer.fetch(300, 0)
    before = backend.commits

    consumer.settle([Complete(lease=lease) for lease in leases])
    assert len(consumer.fetch(300, 0)) == 300

    assert backend.commits - before == 1


def test_one_bad_piece_of_work_spoils_no_other(backend: SQLiteBackend, job: MakeJob) -> None:
    database = backend.store()
    database.open()
    refused: list[BaseException] = []
    stored: list[Receipt] = []

    def wrong() -> None:
        for _ in range(50):
            try:
                database.settle_members([])
                database.increment([("counter", 2**62), ("counter", 2**62)])
            except Exception as error:
                refused.append(error)

    def right() -> None:
        for _ in range(50):
            stored.extend(backend.enqueue([job()]))

    threads = [threading.Thread(target=work) for work in (wrong, right) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 200
    assert {type(error).__name__ for error in refused} == {"InvalidOption"}
    assert database.increment([("counter", 1)]) == [1]
    assert backend.counts("mail").ready == len(stored) == 200
    database.close()


@pytest.mark.parametrize("lot", [1, 9, 10, 11, 99, 100, 101, 999, 1000])
def test_lot_of_any_length_is_stored_in_order(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob, lot: int
) -> None:
    jobs = [job(body=str(number).encode()) for number in range(lot)]

    assert len(backend.enqueue(jobs)) == lot

    assert [lease.id for lease in consumer.fetch(1000, 0)] == [each.id for each in jobs]
