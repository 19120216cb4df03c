"""The order of ready jobs, and listings in that order."""

from collections.abc import Callable

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import InvalidOption
from anyjob.core.settlement import Bury, Release, Retry
from anyjob.core.state import State
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(opened: Open, url: str, clock: FakeClock) -> SQLiteBackend:
    return opened(url, clock=clock)


def fetched(consumer: Consumer, most: int = 100) -> list[str]:
    return [lease.id for lease in consumer.fetch(most, 0)]


def test_retried_job_lines_up_behind_the_others(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    jobs = [job() for _ in range(4)]
    backend.enqueue(jobs)

    consumer.settle([Retry(lease=lease) for lease in consumer.fetch(2, 0)])

    assert fetched(consumer) == [jobs[index].id for index in (2, 3, 0, 1)]


def test_released_jobs_keep_their_places(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    jobs = [job() for _ in range(4)]
    backend.enqueue(jobs)
    leases = consumer.fetch(3, 0)

    for lease in reversed(leases):
        consumer.settle([Release(lease=lease)])
        consumer.flush(1)

    assert fetched(consumer) == [each.id for each in jobs]


def test_released_job_keeps_the_place_that_its_retry_gave_it(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    first, second = job(), job()
    backend.enqueue([first, second])
    consumer.settle([Retry(lease=lease) for lease in consumer.fetch(1, 0)])
    consumer.flush(1)
    third = job()
    backend.enqueue([third])

    for lease in consumer.fetch(3, 0):
        consumer.settle([Release(lease=lease)])

    assert fetched(consumer) == [second.id, first.id, third.id]


def test_due_jobs_line_up_behind_the_others_by_due_time(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob, clock: FakeClock
) -> None:
    late, early = job(due=20.0), job(due=10.0)
    backend.enqueue([late, early])
    ready = job()
    backend.enqueue([ready])
    clock.advance(30)

    assert fetched(consumer) == [ready.id, early.id, late.id]


def test_revived_job_lines_up_behind_the_others(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    first, second = job(), job()
    backend.enqueue([first])
    consumer.settle([Bury(lease=lease, reason="why") for lease in consumer.fetch(1, 0)])
    consumer.flush(1)
    backend.enqueue([second])

    assert backend.revive("mail", None) == 1

    assert fetched(consumer) == [second.id, first.id]


def test_pages_follow_the_order_of_the_fetch_through_every_tie(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob, clock: FakeClock
) -> None:
    backend.enqueue([job(priority=number % 3) for number in range(10)])
    backend.enqueue([job(due=5.0 + number % 2, priority=1) for number in range(10)])
    consumer.settle([Retry(lease=lease) for lease in consumer.fetch(7, 0)])
    consumer.flush(1)
    clock.advance(10)

    listed: list[str] = []
    cursor: str | None = None
    while True:
        page = backend.browse("mail", State.READY, cursor, 3)
        listed += [record.id for record in page.records]
        cursor = page.cursor
        if cursor is None:
            break

    top = backend.consume([QueueShare("mail")], lease=30, worker="w")
    leases = [top.fetch(15, 0), top.fetch(1, 0), top.fetch(15, 0)]
    in_order = [lease.id for lot in leases for lease in lot]
    assert len(listed) == len(set(listed)) == 20
    # One in sixteen is taken from the low end and leaves the order.
    assert in_order[:15] == listed[:15]
    assert set(in_order) == set(listed)


@pytest.mark.parametrize("cursor", ["", "7", "a:b:c", "1:2:-3", "1:2", "9" * 30 + ":1:1"])
def test_made_up_cursor_is_refused(backend: SQLiteBackend, job: MakeJob, cursor: str) -> None:
    backend.enqueue([job()])

    with pytest.raises(InvalidOption, match="expected a cursor"):
        backend.browse("mail", State.READY, cursor, 10)


def test_many_dead_jobs_are_revived_in_slices(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    for _ in range(3):
        backend.enqueue([job() for _ in range(800)])
    while leases := consumer.fetch(1000, 0):
        consumer.settle([Bury(lease=lease, reason="why") for lease in leases])
    consumer.flush(1)

    assert backend.counts("mail").dead == 2400
    assert backend.revive("mail", None) == 2400
    assert backend.counts("mail").ready == 2400
    assert backend.purge("mail", [State.READY]) == 2400
