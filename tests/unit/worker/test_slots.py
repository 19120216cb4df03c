"""Thread slots and the event loop, side by side."""

import asyncio
import contextvars
import threading
from typing import Any

from anyjob import App, current_job
from tests.waiting import until


class Crowd:
    """Counts who is inside, and the most there ever were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


def test_sync_and_async_jobs_share_the_slots_exactly(jobs: App) -> None:
    crowd, go = Crowd(), threading.Event()

    @jobs.task
    def threaded() -> None:
        with crowd:
            go.wait(30)

    @jobs.task
    async def looped() -> None:
        with crowd:
            await asyncio.to_thread(go.wait, 30)

    made = jobs.enqueue_many(task.job() for _ in range(20) for task in (threaded, looped))

    with jobs.worker(concurrency=5):
        until(lambda: crowd.inside == 5)
        go.set()
        until(lambda: (jobs.counts().leased, jobs.counts().ready) == (0, 0))

    assert crowd.most == 5
    assert len(made) == 40


def test_each_colour_alone_takes_every_slot(jobs: App) -> None:
    barrier = threading.Barrier(6)

    @jobs.task
    def meet() -> int:
        return barrier.wait(30)

    made = [meet.enqueue() for _ in range(6)]

    with jobs.worker(concurrency=6):
        assert {job.result(timeout=30) for job in made} == set(range(6))


def test_coroutines_run_at_once_on_one_loop(jobs: App) -> None:
    threads: set[int] = set()
    inside = 0
    all_there = asyncio.Event()

    @jobs.task
    async def meet() -> None:
        nonlocal inside
        threads.add(threading.get_ident())
        inside += 1
        if inside == 50:
            all_there.set()
        await all_there.wait()

    made = [meet.enqueue() for _ in range(50)]

    with jobs.worker(concurrency=50):
        for job in made:
            job.result(timeout=30)

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_threads_start_as_they_are_needed(jobs: App) -> None:
    def slots() -> int:
        return sum(t.name.startswith("anyjob-slot-") for t in threading.enumerate())

    @jobs.task
    def seen() -> int:
        return slots()

    with jobs.worker(concurrency=30):
        assert slots() == 0
        assert seen.enqueue().result(timeout=30) == 1
        assert not any(t.name == "anyjob-loop" for t in threading.enumerate())

    until(lambda: slots() == 0)


def test_no_job_sees_the_context_variables_of_another(jobs: App) -> None:
    mark = contextvars.ContextVar("mark", default="untouched")

    def touched() -> str:
        before = mark.get()
        mark.set(current_job().id)
        return before

    @jobs.task
    def threaded() -> str:
        return touched()

    @jobs.task
    async def looped() -> str:
        return touched()

    made = [task.enqueue() for _ in range(5) for task in (threaded, looped)]

    with jobs.worker(concurrency=1):
        assert {job.result(timeout=30) for job in made} == {"untouched"}


def test_current_job_tells_the_attempt_in_both_colours(jobs: App) -> None:
    def told() -> dict[str, Any]:
        attempt = current_job()
        return {
            "id": attempt.id,
            "key": attempt.idempotency_key,
            "attempt": attempt.attempt,
            "redeliveries": attempt.redeliveries,
            "queue": attempt.queue,
            "priority": attempt.priority,
            "headers": dict(attempt.headers),
            "has_deadline": attempt.deadline is not None,
            "in_time": 0 < (attempt.remaining() or 0) <= 30,
            "cancelled": attempt.cancelled,
        }

    @jobs.task(queue="a", timeout=30)
    def threaded() -> dict[str, Any]:
        return told()

    @jobs.task(queue="a", timeout=30)
    async def looped() -> dict[str, Any]:
        await asyncio.sleep(0)
        return told()

    made = [t.using(priority=7, headers={"plan": "free"}).enqueue() for t in (threaded, looped)]

    with jobs.worker():
        for job in made:
            assert job.result(timeout=30) == {
                "id": job.id,
                "key": job.id,
                "attempt": 1,
                "redeliveries": 0,
                "queue": "a",
                "priority": 7,
                "headers": {"plan": "free"},
                "has_deadline": True,
                "in_time": True,
                "cancelled": False,
            }


def test_attempt_without_a_timeout_has_no_deadline(jobs: App) -> None:
    @jobs.task
    def told() -> tuple[bool, bool]:
        return current_job().deadline is None, current_job().remaining() is None

    with jobs.worker():
        assert told.enqueue().result(timeout=30) == (True, True)


def test_worker_serves_only_the_queues_it_was_given(jobs: App) -> None:
    @jobs.task(queue="served")
    def here() -> str:
        return "done"

    @jobs.task(queue="left")
    def there() -> str:
        return "done"

    left = there.enqueue()

    with jobs.worker(queues=["served"]):
        assert here.enqueue().result(timeout=30) == "done"
        assert here.enqueue().result(timeout=30) == "done"
        assert left.status() == "ready"


def test_higher_priority_runs_first(jobs: App) -> None:
    order: list[int] = []

    @jobs.task
    def note(priority: int) -> None:
        order.append(priority)

    for priority in (1, 9, 5):
        note.using(priority=priority).enqueue(priority)

    assert jobs.worker(concurrency=1, burst=True).run() == 0
    assert order == [9, 5, 1]


def test_burst_ends_once_everything_that_was_ready_is_settled(jobs: App) -> None:
    ran: list[int] = []

    @jobs.task
    def child(number: int) -> None:
        ran.append(number)

    @jobs.task
    def parent(number: int) -> None:
        child.enqueue(number)

    jobs.enqueue_many(parent.job(n) for n in range(100))
    later = child.using(delay=3600).enqueue(-1)

    assert jobs.worker(burst=True).run() == 0

    assert sorted(ran) == list(range(100))
    assert jobs.counts().ready == jobs.counts().leased == 0
    assert later.status() == "scheduled"


def test_burst_runs_what_a_job_enqueues_just_before_it_ends(jobs: App) -> None:
    ran: list[int] = []

    @jobs.task
    def chain(left: int) -> None:
        ran.append(left)
        # Long enough for fetches that bring nothing.
        threading.Event().wait(0.12)
        if left:
            chain.enqueue(left - 1)

    chain.enqueue(3)

    assert jobs.worker(burst=True).run() == 0
    assert ran == [3, 2, 1, 0]
