"""Jobs that are fetched ahead, and given back where they would wait for long."""

import threading

from anyjob import App
from tests.unit.worker.clocks import ShiftedClock
from tests.unit.worker.conftest import Heard
from tests.waiting import until


def warmed_up(jobs: App, count: int = 3000) -> None:
    """Run quick jobs until the worker knows that it is fast."""

    @jobs.task(name="warm-up", keep=0)
    def nothing() -> None: ...

    jobs.enqueue_many(nothing.job() for _ in range(count))
    until(lambda: (jobs.counts().ready, jobs.counts().leased) == (0, 0))


def test_jobs_behind_a_long_one_go_back_to_their_place_after_half_a_second(
    jobs: App, heard: Heard
) -> None:
    begun, go = threading.Event(), threading.Event()
    order: list[int] = []

    @jobs.task
    def short(number: int) -> None:
        order.append(number)

    @jobs.task
    def long() -> None:
        begun.set()
        go.wait(30)

    with jobs.worker(concurrency=1):
        warmed_up(jobs)
        drafts = [short.job(n) for n in range(400)]
        jobs.enqueue_many([*drafts[:200], long.job(), *drafts[200:]])
        begun.wait(30)
        until(lambda: (jobs.counts().leased or 0) > 1, "for a buffer behind the long job")
        until(lambda: jobs.counts().leased == 1, "for the buffer to be given back")
        until(lambda: bool(heard.named("job.released")), "for the news of it, which comes after")
        waiting = jobs.counts().ready
        given_back = [event.job for event in heard.named("job.released")]
        go.set()
        until(lambda: len(order) == 400)

    assert waiting == 200
    assert len(given_back) == len(set(given_back)) > 0
    assert order == list(range(400))
    assert {event.attempt for event in heard.named("job.succeeded")} == {1}
    assert not heard.named("job.reclaimed")


def test_another_worker_takes_what_was_given_back(jobs: App) -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    @jobs.task
    def short(number: int) -> None:
        done.append(number)

    @jobs.task
    def long() -> None:
        begun.set()
        go.wait(30)

    with jobs.worker(concurrency=1):
        warmed_up(jobs)
        jobs.enqueue_many([*(short.job(n) for n in range(200)), long.job()])
        jobs.enqueue_many(short.job(n) for n in range(200, 300))
        begun.wait(30)
        with jobs.worker(concurrency=1):
            until(lambda: len(done) == 300)
        assert not go.is_set()
        go.set()


def test_queue_of_long_jobs_is_not_fetched_ahead(timed: App, clock: ShiftedClock) -> None:
    jobs = timed
    go = threading.Event()
    held: list[int] = []

    @jobs.task(queue="slow")
    def takes_ten_minutes(number: int) -> None:
        clock.advance(600)

    @jobs.task(queue="slow")
    def waits() -> None:
        held.append(1)
        go.wait(30)

    with jobs.worker(concurrency=2, lease=100_000, queues=["slow"]):
        for number in range(4):
            takes_ten_minutes.enqueue(number).result(timeout=30)
        for _ in range(20):
            waits.enqueue()
        until(lambda: len(held) == 2)
        most = max(jobs.counts("slow").leased or 0 for _ in range(100))
        go.set()
        until(lambda: len(held) == 20)

    assert most == 2


def test_free_slot_is_filled_at_once_though_a_limited_fetch_waits(
    timed: App, clock: ShiftedClock
) -> None:
    jobs = timed
    steps = threading.Semaphore(0)
    begun: list[int] = []

    @jobs.task(queue="slow")
    def first(number: int) -> None:
        clock.advance(2)

    @jobs.task(queue="slow")
    def waits(number: int) -> None:
        begun.append(number)
        steps.acquire(timeout=30)

    @jobs.task(queue="quick", keep=0)
    def nothing() -> None: ...

    with jobs.worker(concurrency=4, lease=100_000):
        # A buffer for the quick queue, none for the slow one.
        for number in range(4):
            first.enqueue(number).result(timeout=30)
        jobs.enqueue_many(nothing.job() for _ in range(3000))
        until(lambda: (jobs.counts("quick").ready, jobs.counts("quick").leased) == (0, 0))
        for number in range(12):
            waits.enqueue(number)
        until(lambda: len(begun) == 4)
        for ended in range(8):
            steps.release()
            until(lambda ended=ended: len(begun) == 5 + ended, timeout=1.5)  # type: ignore[misc]
        for _ in range(4):
            steps.release()
