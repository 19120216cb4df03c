"""Leases keep to the boot clock; due times keep to the wall clock."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.clock import FileClock, boot_id
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.settlement import Answer, Complete
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]
HOUR = 3600.0


def consume(backend: SQLiteBackend) -> Consumer:
    return backend.consume([QueueShare("mail")], lease=30, worker="w")


def test_jump_of_the_wall_clock_moves_no_lease(url: str, opened: Open, job: MakeJob) -> None:
    clock = FakeClock()
    backend = opened(url, clock=clock)
    consumer = consume(backend)
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 0)

    for jump in (HOUR, -2 * HOUR, 24 * HOUR, -48 * HOUR, -5, -5, -5):
        clock.jump(jump)
        backend.maintain(1)
        assert consumer.fetch(1, 0) == []
    clock.advance(29.9)
    assert consumer.fetch(1, 0) == []

    clock.advance(0.2)
    [again] = consumer.fetch(1, 0)
    assert (again.id, again.redeliveries) == (lease.id, 1)


def test_jump_of_the_wall_clock_forgets_and_frees_nothing(
    url: str, opened: Open, job: MakeJob
) -> None:
    clock = FakeClock()
    backend = opened(url, clock=clock)
    consumer = consume(backend)
    done = job()
    backend.enqueue([done])
    consumer.settle([Complete(lease=lease) for lease in consumer.fetch(1, 0)])
    consumer.flush(1)

    clock.jump(HOUR)
    backend.maintain(1)

    assert backend.get("mail", [done.id]) != [None]
    clock.advance(61)
    assert backend.get("mail", [done.id]) == [None]


def test_due_time_keeps_to_the_wall_clock(url: str, opened: Open, job: MakeJob) -> None:
    clock = FakeClock()
    backend = opened(url, clock=clock)
    consumer = consume(backend)
    backend.enqueue([job(due=60.0)])

    clock.jump(-10)
    clock.advance(60)
    assert consumer.fetch(1, 0) == []

    clock.advance(10)
    assert len(consumer.fetch(1, 0)) == 1


def test_leases_of_another_boot_are_void(url: str, path: Path, opened: Open, job: MakeJob) -> None:
    backend = opened(url)
    backend.enqueue([job(), job(due=HOUR)])
    consumer = consume(backend)
    [lease] = consumer.fetch(1, 0)
    backend.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE anyjob_meta SET boot='another boot'")
        connection.commit()

    after = opened(url)

    [again] = consume(after).fetch(2, 0)
    assert (again.id, again.attempt, again.redeliveries) == (lease.id, 1, 1)
    assert after.counts("mail").scheduled == 1
    stale = consume(after)
    stale.settle([Complete(lease=lease)])
    assert [settled.answer for settled in stale.flush(1)] == [Answer.LEASE_LOST]


def test_processes_of_one_boot_agree_on_the_steady_time(url: str, opened: Open) -> None:
    first, second = opened(url), opened(url)

    one, other = (backend.store()._space.clock for backend in (first, second))  # noqa: SLF001

    assert one.offset == other.offset
    before, after = one.steady(), other.steady()
    assert 0 <= after - before < 60_000_000


def test_boot_id_is_the_same_whenever_it_is_asked() -> None:
    assert boot_id() == boot_id() != ""


def test_own_clock_tells_the_time_of_the_machine() -> None:
    clock = FileClock(None)

    assert clock.wall() > 1_700_000_000_000_000
    assert clock.raw() <= clock.raw()
