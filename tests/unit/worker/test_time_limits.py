"""Attempts that run past their timeout."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from anyjob import App, JobDead, Retry, State, current_job
from tests.unit.worker.conftest import Heard
from tests.waiting import until

#: What an attempt over its time has to end in; short, and real time.
GRACE = 0.1


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """Ends every task that waits for it, whatever becomes of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_coroutine_over_its_time_is_cancelled_and_its_finally_runs(jobs: App) -> None:
    told: list[str] = []

    @jobs.task(timeout=0.05)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append(current_job().ending)

    job = slow.enqueue()
    with jobs.worker(), pytest.raises(JobDead, match="longer than its timeout of 0.05 s") as dead:
        job.result(timeout=30)

    assert dead.value.reason == "failed"
    assert jobs.show(job.id).note.type == "TimeLimitExceeded"
    assert told == ["its time limit has passed"]


def test_attempt_over_its_time_is_retried_like_any_failure(jobs: App) -> None:
    @jobs.task(timeout=0.05, retry=Retry(max_attempts=2, initial=0))
    async def slow_at_first() -> int:
        if current_job().attempt == 1:
            await asyncio.sleep(60)
        return current_job().attempt

    with jobs.worker():
        assert slow_at_first.enqueue().result(timeout=30) == 2


def test_thread_over_its_time_is_told_and_what_it_raises_is_the_limits_doing(jobs: App) -> None:
    class Stopped(Exception):
        pass

    @jobs.task(timeout=0.05)
    def polite() -> None:
        until(lambda: current_job().cancelled)
        raise Stopped

    job = polite.enqueue()
    with jobs.worker(cancel_grace=30), pytest.raises(JobDead):
        job.result(timeout=30)

    note = jobs.show(job.id).note
    assert note.type == "TimeLimitExceeded"
    assert "Stopped" in note.traceback


def test_remaining_time_falls_to_zero_and_no_further(jobs: App) -> None:
    @jobs.task(timeout=0.05)
    def polite() -> float | None:
        until(lambda: current_job().cancelled)
        return current_job().remaining()

    with jobs.worker(cancel_grace=30):
        assert polite.enqueue().result(timeout=30) == 0


@pytest.mark.parametrize("mixed", [False, True], ids=["threads alone", "threads and loop"])
def test_thread_that_does_not_end_is_judged_and_its_slot_replaced(
    jobs: App, heard: Heard, go: threading.Event, mixed: bool
) -> None:
    barrier = threading.Barrier(11)

    @jobs.task(timeout=0.05)
    def stuck() -> None:
        go.wait(30)

    @jobs.task
    def meet() -> None:
        barrier.wait(20)

    if mixed:

        @jobs.task
        async def other_colour() -> None: ...

    job = stuck.enqueue()
    with jobs.worker(concurrency=11, cancel_grace=GRACE):
        with pytest.raises(JobDead, match="TimeLimitExceeded"):
            job.result(timeout=30)
        # Eleven at once need the slot of the one that is stuck.
        for met in [meet.enqueue() for _ in range(11)]:
            met.result(timeout=30)
        go.set()

    assert len(heard.named("worker.slot_lost")) == 1
    assert len(heard.named("job.dead")) == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_outcome_that_comes_too_late_is_fenced_off(
    jobs: App, heard: Heard, go: threading.Event, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()
    at_once = Retry(max_attempts=2, initial=0, jitter=False)

    @jobs.task(name="sync", timeout=0.05, retry=at_once)
    def threaded() -> str:
        if current_job().attempt == 2:
            return "second"
        go.wait(30)
        ended.set()
        return "first"

    @jobs.task(name="async", timeout=0.05, retry=at_once)
    async def looped() -> str:
        if current_job().attempt == 2:
            return "second"
        while not go.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue  # swallows every attempt to end it
        ended.set()
        return "first"

    job = jobs.tasks.get(colour).enqueue()
    with jobs.worker(concurrency=20, cancel_grace=GRACE):
        assert job.result(timeout=30) == "second"
        go.set()
        ended.wait(30)
        until(lambda: "ended after it was judged" in caplog.text)
        assert job.result(timeout=30) == "second"

    assert heard.names.count("job.succeeded") == 1
    assert jobs.show(job.id).attempts == 1


def test_worker_with_a_tenth_of_its_slots_lost_drains_and_exits_1(
    jobs: App, heard: Heard, go: threading.Event
) -> None:
    @jobs.task(timeout=0.05)
    def stuck() -> None:
        go.wait(30)

    @jobs.task
    def neighbour() -> str:
        until(lambda: heard.named("worker.slot_lost"))
        return "finished"

    worker = jobs.worker(concurrency=20, cancel_grace=GRACE)
    finished = neighbour.enqueue()
    stuck.enqueue()
    worker.start()
    until(lambda: len(heard.named("worker.slot_lost")) == 1)
    assert not heard.named("worker.stopped")
    stuck.enqueue()

    until(lambda: heard.named("worker.stopped"))

    assert worker.exit_code == worker.stop() == 1
    assert worker.has_strays
    assert finished.status() is State.SUCCEEDED
    assert heard.named("worker.stopped")[0].facts["exit_code"] == 1


def test_coroutine_that_ignores_its_end_keeps_its_slot_and_no_other(
    jobs: App, heard: Heard, go: threading.Event
) -> None:
    inside: set[str] = set()
    wanted = [10]

    @jobs.task(timeout=0.05)
    async def stubborn() -> None:
        while not go.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue

    @jobs.task
    async def meet(name: str) -> None:
        inside.add(name)
        while len(inside) < wanted[0]:
            await asyncio.sleep(0.002)

    stubborn.enqueue()
    with jobs.worker(concurrency=11, cancel_grace=GRACE):
        until(lambda: heard.named("worker.slot_lost"))
        for met in [meet.enqueue(str(n)) for n in range(10)]:
            met.result(timeout=30)
        go.set()
        # The slot comes back with the end of what kept it.
        inside.clear()
        wanted[0] = 11
        for met in [meet.enqueue(f"again {n}") for n in range(11)]:
            met.result(timeout=30)


def test_late_success_within_the_grace_counts(jobs: App) -> None:
    @jobs.task(timeout=0.05)
    def nearly() -> str:
        until(lambda: current_job().cancelled)
        return "done after all"

    with jobs.worker(cancel_grace=30):
        assert nearly.enqueue().result(timeout=30) == "done after all"
