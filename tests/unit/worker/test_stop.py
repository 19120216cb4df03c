"""How a worker stops: draining, cutting, and what is left behind."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from anyjob import App, Misuse, State, current_job
from tests.unit.worker.clocks import ShiftedClock
from tests.unit.worker.conftest import Heard
from tests.waiting import until


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_drain_finishes_what_runs_and_releases_the_rest(jobs: App, go: threading.Event) -> None:
    begun: list[int] = []

    @jobs.task
    def hold(number: int) -> int:
        begun.append(number)
        go.wait(30)
        return number

    made = [hold.enqueue(n) for n in range(20)]
    worker = jobs.worker(concurrency=4)
    worker.start()
    until(lambda: len(begun) == 4)
    worker.drain()
    until(lambda: not any(t.name == "anyjob-fetch" for t in threading.enumerate()))
    until(lambda: jobs.counts().leased == 4)
    released = jobs.counts().ready
    go.set()

    assert worker.stop() == 0
    assert released == 16
    assert [job.status() for job in made[:4]] == [State.SUCCEEDED] * 4
    assert {job.status() for job in made[4:]} == {State.READY}
    assert {jobs.show(job.id).attempts for job in made[4:]} == {0}
    assert {jobs.show(job.id).redeliveries for job in made[4:]} == {0}


def test_drain_tells_how_many_jobs_still_run_and_how_long_they_have(
    timed: App, clock: ShiftedClock, go: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "anyjob.worker")
    begun: list[int] = []

    @timed.task
    def hold(number: int) -> None:
        begun.append(number)
        go.wait(30)

    def told() -> list[logging.LogRecord]:
        return [r for r in caplog.records if r.getMessage().startswith("draining: ")]

    def told_twice() -> bool:
        clock.advance(5)
        return len(told()) >= 2

    for number in range(2):
        hold.enqueue(number)
    # Longer than a slow machine makes of the steps above.
    worker = timed.worker(grace=100_000, lease=200_000)
    worker.start()
    until(lambda: len(begun) == 2)
    worker.drain()
    until(told_twice)
    go.set()
    worker.stop()

    facts = [record.facts for record in told()[:2]]  # type: ignore[attr-defined]
    assert {(fact["event"], fact["running"]) for fact in facts} == {("worker.draining", 2)}
    first, second = (fact["left_s"] for fact in facts)
    assert 0 < second <= first - 5 + 0.01
    assert told()[0].getMessage() == f"draining: 2 jobs still run, for {first:.0f} s at most"


def test_drained_worker_fetches_nothing_more(jobs: App, go: threading.Event) -> None:
    begun = threading.Event()

    @jobs.task
    def hold() -> None:
        begun.set()
        go.wait(30)

    @jobs.task
    def other() -> None: ...

    hold.enqueue()
    worker = jobs.worker(concurrency=4)
    worker.start()
    begun.wait(30)
    worker.drain()
    until(lambda: not any(t.name == "anyjob-fetch" for t in threading.enumerate()))
    late = other.enqueue()
    go.set()
    worker.stop()

    assert late.status() is State.READY


@pytest.mark.parametrize("how", ["second word", "grace is over"])
def test_cut_releases_what_does_not_end_and_exits_1(
    jobs: App, go: threading.Event, heard: Heard, how: str
) -> None:
    told: list[str] = []
    begun = threading.Barrier(3)

    @jobs.task
    def stuck() -> None:
        begun.wait(30)
        go.wait(30)

    @jobs.task
    async def looped() -> None:
        try:
            await asyncio.to_thread(begun.wait, 30)
            await asyncio.Event().wait()
        finally:
            told.append(current_job().ending)

    made = [stuck.enqueue(), looped.enqueue()]
    worker = jobs.worker(grace=30 if how == "second word" else 0)
    worker.start()
    begun.wait(30)
    worker.drain()
    if how == "second word":
        worker.cut()

    assert worker.stop() == 1
    assert told == ["the worker stops"]
    for job in made:
        shown = jobs.show(job.id)
        assert (shown.state, shown.attempts, shown.redeliveries) == (State.READY, 0, 0)
    assert len(heard.named("job.released")) == 2
    assert worker.has_strays


def test_cut_without_a_drain_before_it_ends_at_once(jobs: App, go: threading.Event) -> None:
    begun = threading.Event()

    @jobs.task
    async def looped() -> None:
        begun.set()
        await asyncio.Event().wait()

    job = looped.enqueue()
    worker = jobs.worker(grace=3600)
    worker.start()
    begun.wait(30)
    worker.cut()

    assert worker.stop() == 1
    assert job.status() is State.READY
    assert not worker.has_strays


def test_thread_that_gives_up_when_it_is_told_to_is_released_like_any_other(jobs: App) -> None:
    begun = threading.Event()

    class Stopped(Exception):
        pass

    @jobs.task
    def polite() -> None:
        begun.set()
        until(lambda: current_job().cancelled)
        raise Stopped

    job = polite.enqueue()
    worker = jobs.worker(grace=0)
    worker.start()
    begun.wait(30)

    assert worker.stop() == 1
    shown = jobs.show(job.id)
    assert (shown.state, shown.attempts) == (State.READY, 0)


def test_coroutine_that_turns_its_end_into_an_error_is_released_like_any_other(jobs: App) -> None:
    begun = threading.Event()

    @jobs.task
    async def noisy() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("the connection was closed under me") from None

    job = noisy.enqueue()
    worker = jobs.worker(grace=0)
    worker.start()
    begun.wait(30)

    assert worker.stop() == 1
    shown = jobs.show(job.id)
    assert (shown.state, shown.attempts) == (State.READY, 0)


def test_job_that_ends_while_it_is_cut_is_done(jobs: App) -> None:
    begun = threading.Event()

    @jobs.task
    def nearly() -> str:
        begun.set()
        until(lambda: current_job().cancelled)
        return "done"

    job = nearly.enqueue()
    worker = jobs.worker(grace=0)
    worker.start()
    begun.wait(30)

    assert worker.stop() == 0
    assert job.result(timeout=30) == "done"


def test_worker_runs_once(jobs: App) -> None:
    worker = jobs.worker(burst=True, queues=["default"])
    assert worker.run() == 0

    with pytest.raises(Misuse, match="a worker runs once"):
        worker.run()
    assert worker.stop() == 0


def test_worker_that_was_never_started_stops_at_once(jobs: App) -> None:
    assert jobs.worker().stop() == 0


def test_stopped_worker_leaves_no_thread(jobs: App) -> None:
    @jobs.task
    def threaded() -> None: ...

    @jobs.task
    async def looped() -> None: ...

    with jobs.worker():
        for job in [threaded.enqueue(), looped.enqueue()]:
            job.result(timeout=30)

    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("anyjob")])


def test_several_workers_serve_one_app(jobs: App) -> None:
    seen: set[str] = set()
    barrier = threading.Barrier(2)

    @jobs.task
    def meet() -> None:
        seen.add(threading.current_thread().name)
        barrier.wait(30)

    with jobs.worker(concurrency=1), jobs.worker(concurrency=1):
        made = [meet.enqueue() for _ in range(2)]
        for job in made:
            job.result(timeout=30)
