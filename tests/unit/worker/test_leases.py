"""Leases: kept while jobs run, and given up with all that hangs on them once they are lost."""

import asyncio
import threading

import pytest

from anyjob import App, current_job
from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.settlement import Complete
from tests.unit.worker.clocks import ShiftedClock
from tests.unit.worker.conftest import Heard
from tests.waiting import until

LEASE = 30.0


def stranger(jobs: App) -> Consumer:
    """Another worker's hand on the queue."""
    return jobs.backend.consume([QueueShare("default")], lease=3600, worker="stranger")


def ends_at(jobs: App, id: str) -> float:
    return jobs.show(id).until or 0.0


def test_lease_is_extended_again_and_again_while_its_job_runs(
    timed: App, clock: ShiftedClock
) -> None:
    jobs, begun, go = timed, threading.Event(), threading.Event()

    @jobs.task(timeout=3600)
    def long() -> int:
        begun.set()
        go.wait(30)
        return current_job().redeliveries

    job = long.enqueue()
    with jobs.worker(lease=LEASE, concurrency=2):
        begun.wait(30)
        for _ in range(4):
            before = ends_at(jobs, job.id)
            clock.advance(LEASE / 3)
            until(lambda before=before: ends_at(jobs, job.id) > before + 1)  # type: ignore[misc]
        go.set()
        assert job.result(timeout=30) == 0


def test_buffered_jobs_are_extended_like_running_ones(timed: App, clock: ShiftedClock) -> None:
    jobs, go = timed, threading.Event()
    held: list[Attempt] = []

    @jobs.task(timeout=3600)
    def long() -> None:
        held.append(current_job())
        go.wait(30)

    for _ in range(2):
        long.enqueue()
    with jobs.worker(lease=LEASE, concurrency=2):
        until(lambda: len(held) == 2)
        before = [attempt.lease_deadline for attempt in held]
        clock.advance(LEASE / 3)
        until(lambda: all(a.lease_deadline > b for a, b in zip(held, before, strict=True)))
        go.set()

    # Counted from before the request, and short of the whole lease.
    assert all(a.lease_deadline - b < LEASE for a, b in zip(held, before, strict=True))


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_job_whose_lease_is_lost_is_stopped_and_its_outcome_dropped(
    timed: App, clock: ShiftedClock, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = timed
    heard = Heard()
    jobs.on("*", heard.append)
    begun = threading.Event()
    ended: list[str] = []

    @jobs.task(name="sync", timeout=3600)
    def threaded() -> str:
        begun.set()
        until(lambda: current_job().cancelled)
        ended.append(current_job().ending)
        return "too late"

    @jobs.task(name="async", timeout=3600)
    async def looped() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(current_job().ending)
        return "too late"

    job = jobs.tasks.get(colour).enqueue()
    with jobs.worker(lease=LEASE, concurrency=1):
        begun.wait(30)
        thief = stranger(jobs)
        clock.advance(2 * LEASE)
        [lease] = thief.fetch(1, 5)
        until(lambda: heard.named("lease.lost"))
        until(lambda: "this outcome is dropped" in caplog.text)
        thief.settle([Complete(lease=lease, outcome=b'{"result":"theirs"}', keep=60)])
        thief.flush(5)
        thief.close(release=True)
        assert job.result(timeout=30) == "theirs"

    assert ended == ["its lease was lost"]
    assert lease.redeliveries == 1
    assert heard.named("lease.lost")[0].job == job.id
    assert not heard.named("job.succeeded")
    assert not heard.named("job.dead")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_run_goes_on_under_the_lease_that_its_own_worker_took_anew(
    timed: App, clock: ShiftedClock, colour: str
) -> None:
    jobs, go, begun = timed, threading.Event(), threading.Semaphore(0)
    heard = Heard()
    jobs.on("*", heard.append)

    @jobs.task(name="sync", timeout=3600)
    def threaded() -> int:
        begun.release()
        go.wait(30)
        return current_job().redeliveries

    @jobs.task(name="async", timeout=3600)
    async def looped() -> int:
        begun.release()
        await asyncio.to_thread(go.wait, 30)
        return current_job().redeliveries

    job = jobs.tasks.get(colour).enqueue()
    with jobs.worker(lease=LEASE, concurrency=2):
        begun.acquire(timeout=30)
        clock.advance(2 * LEASE)
        jobs.counts()  # takes the lease back before anybody can renew it
        until(lambda: heard.named("job.reclaimed"))
        clock.advance(LEASE / 2)  # to be renewed under the new lease
        until(lambda: ends_at(jobs, job.id) > clock.time() + LEASE / 2)
        go.set()
        assert job.result(timeout=30) == 1

    assert not begun.acquire(blocking=False)
    assert not heard.named("lease.lost")
    assert len(heard.named("job.succeeded")) == 1


def test_lease_that_was_lost_between_outcome_and_settlement_drops_the_outcome(
    timed: App, clock: ShiftedClock
) -> None:
    jobs = timed
    heard = Heard()
    jobs.on("*", heard.append)
    stolen = threading.Event()
    thief = stranger(jobs)

    @jobs.task
    def slow() -> str:
        clock.advance(2 * LEASE)
        [lease] = thief.fetch(1, 5)
        thief.settle([Complete(lease=lease, outcome=b'{"result":"theirs"}', keep=60)])
        thief.flush(5)
        thief.close(release=True)
        stolen.set()
        return "ours"

    job = slow.enqueue()
    with jobs.worker(lease=LEASE, concurrency=1):
        stolen.wait(30)
        until(lambda: heard.named("lease.lost"))

    assert job.result(timeout=30) == "theirs"
    assert not heard.named("job.succeeded")


def test_lease_that_ran_out_and_that_nobody_took_still_settles(
    timed: App, clock: ShiftedClock
) -> None:
    jobs = timed

    @jobs.task
    def slow() -> str:
        clock.advance(2 * LEASE)
        return "done"

    job = slow.enqueue()
    with jobs.worker(lease=LEASE, concurrency=1):
        assert job.result(timeout=30) == "done"


def test_redelivered_job_is_told_as_reclaimed(timed: App, clock: ShiftedClock) -> None:
    jobs = timed
    heard = Heard()
    jobs.on("job.reclaimed", heard.append)

    @jobs.task
    def look() -> tuple[int, int]:
        return current_job().attempt, current_job().redeliveries

    job = look.enqueue()
    thief = stranger(jobs)
    assert len(thief.fetch(1, 5)) == 1
    thief.close(release=False)
    clock.advance(7200)

    with jobs.worker():
        assert tuple(job.result(timeout=30)) == (1, 1)

    assert [(event.job, event.facts["redeliveries"]) for event in heard] == [(job.id, 1)]
