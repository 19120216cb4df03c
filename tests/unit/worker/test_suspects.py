"""Jobs that keep losing their worker: run alone, then buried as poison."""

import threading

import pytest

from anyjob import App, JobDead, State, current_job
from anyjob.core.backend import QueueShare
from anyjob.core.settlement import Abandon
from tests.unit.worker.clocks import ShiftedClock
from tests.unit.worker.conftest import Heard
from tests.waiting import until


def crash(jobs: App, times: int, queue: str = "default") -> None:
    """Lose the leases of everything that is ready, so many times."""
    consumer = jobs.backend.consume([QueueShare(queue)], lease=30, worker="dying")
    for _ in range(times):
        leases = consumer.fetch(1000, 0)
        consumer.settle([Abandon(lease=lease) for lease in leases])
        consumer.flush(5)
    consumer.close(release=True)


def test_job_past_its_redeliveries_is_buried_without_a_run(jobs: App, heard: Heard) -> None:
    ran: list[int] = []

    @jobs.task
    def killer() -> None:
        ran.append(1)

    job = killer.enqueue()
    crash(jobs, 6)
    with jobs.worker(), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert dead.value.reason == "poison"
    assert ran == []
    assert (jobs.show(job.id).attempts, jobs.show(job.id).redeliveries) == (0, 6)
    assert len(heard.named("job.dead")) == 1


def test_last_redelivery_that_is_allowed_still_runs(jobs: App) -> None:
    @jobs.task
    def look() -> int:
        return current_job().redeliveries

    job = look.enqueue()
    crash(jobs, 5)
    with jobs.worker():
        assert job.result(timeout=30) == 5


def test_suspect_runs_with_nothing_fetched_beside_it(jobs: App) -> None:
    go, begun = threading.Event(), threading.Event()

    @jobs.task
    def suspect() -> None:
        begun.set()
        go.wait(30)

    @jobs.task
    def innocent() -> None: ...

    suspect.using(priority=9).enqueue()
    crash(jobs, 2)
    others = [innocent.enqueue() for _ in range(20)]
    with jobs.worker(concurrency=8):
        begun.wait(30)
        beside = {job.status() for job in others}
        leased = max(jobs.counts().leased or 0 for _ in range(100))
        go.set()
        for job in others:
            job.result(timeout=30)

    assert beside == {State.READY}
    assert leased == 1


def test_suspects_run_one_after_the_other(jobs: App) -> None:
    inside: list[int] = []
    most: list[int] = []

    @jobs.task
    def suspect() -> None:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.pop()

    made = [suspect.enqueue() for _ in range(6)]
    crash(jobs, 3)
    with jobs.worker(concurrency=8):
        for job in made:
            job.result(timeout=30)

    assert most == [1] * 6


def test_what_was_buffered_beside_a_suspect_is_released_and_runs_later(
    jobs: App, heard: Heard
) -> None:
    @jobs.task
    def look() -> tuple[int, int]:
        return current_job().attempt, current_job().redeliveries

    innocents = [look.enqueue() for _ in range(5)]
    suspect = look.enqueue()
    for job in innocents:
        assert job.status() is State.READY
    consumer = jobs.backend.consume([QueueShare("default")], lease=30, worker="dying")
    for _ in range(2):
        leases = consumer.fetch(100, 0)
        mine = [lease for lease in leases if lease.id == suspect.id]
        consumer.settle([Abandon(lease=lease) for lease in mine])
        consumer.flush(5)
        consumer.close(release=True)
        consumer = jobs.backend.consume([QueueShare("default")], lease=30, worker="dying")
    consumer.close(release=True)

    with jobs.worker(concurrency=6):
        assert tuple(suspect.result(timeout=30)) == (1, 2)
        for job in innocents:
            assert tuple(job.result(timeout=30)) == (1, 0)

    assert not [event for event in heard.named("job.reclaimed") if event.job != suspect.id]


def test_job_of_an_unknown_task_goes_back_uncounted_and_is_buried_after_the_grace(
    clock: ShiftedClock, caplog: pytest.LogCaptureFixture
) -> None:
    newer, older = (App("memory://rolling-deploy", clock=clock) for _ in range(2))

    @older.task
    def known() -> str:
        return "known"

    @newer.task
    def other() -> None: ...

    with newer, older:
        job = other.enqueue()
        with older.worker(unknown_task_grace=3600):
            until(lambda: job.status() is State.SCHEDULED)
            assert known.enqueue().result(timeout=30) == "known"
            waiting = older.show(job.id)

            clock.advance(3601)
            with pytest.raises(JobDead) as dead:
                job.result(timeout=30)
            buried = older.show(job.id)

    assert "no task 'other' is registered here" in caplog.text
    assert (waiting.attempts, waiting.redeliveries) == (0, 0)
    assert dead.value.reason == "unknown task"
    assert buried.body == waiting.body


def test_job_of_an_unknown_task_runs_once_a_worker_knows_it(clock: ShiftedClock) -> None:
    newer, older = (App("memory://next-deploy", clock=clock) for _ in range(2))

    @older.task
    def known() -> None: ...

    @newer.task
    def other() -> int:
        return current_job().attempt

    with newer, older:
        job = other.enqueue()
        with older.worker():
            until(lambda: job.status() is State.SCHEDULED)
        clock.advance(60)
        with newer.worker():
            assert job.result(timeout=30) == 1
