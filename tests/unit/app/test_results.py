"""Waiting for a result: the typed value, or one error per case."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from anyjob import (
    App,
    Bury,
    Discard,
    Job,
    JobCancelled,
    JobDead,
    JobExpired,
    JobNotFound,
    Misuse,
    ResultNotKept,
    ResultTimeout,
    current_job,
)
from anyjob.conformance.clock import FakeClock
from tests.waiting import until

Asked = Callable[[Job[Any], float | None], Any]


def in_a_thread(job: Job[Any], timeout: float | None) -> Any:
    return job.result(timeout)


def on_a_loop(job: Job[Any], timeout: float | None) -> Any:
    return asyncio.run(job.aresult(timeout))


both_ways = pytest.mark.parametrize("ask", [in_a_thread, on_a_loop], ids=["result", "aresult"])


@dataclass
class Order:
    id: UUID
    total: Decimal
    at: datetime


class Line(msgspec.Struct):
    name: str
    count: int


@both_ways
def test_result_is_typed_by_the_return_hint(jobs: App, ask: Asked) -> None:
    order = Order(UUID(int=7), Decimal("12.50"), datetime(2026, 1, 1, tzinfo=UTC))

    @jobs.task
    def give_order() -> Order:
        return order

    @jobs.task
    async def give_lines() -> list[Line]:
        return [Line("tea", 2)]

    @jobs.task
    def give_bytes() -> bytes:
        return b"\x00\xff"

    @jobs.task
    def give_nothing() -> None: ...

    with jobs.worker():
        assert ask(give_order.enqueue(), 30) == order
        assert ask(give_lines.enqueue(), 30) == [Line("tea", 2)]
        assert ask(give_bytes.enqueue(), 30) == b"\x00\xff"
        assert ask(give_nothing.enqueue(), 30) is None


@both_ways
def test_dead_job_raises_its_reason_and_error(jobs: App, ask: Asked) -> None:
    @jobs.task
    def fail() -> None:
        raise ValueError("no such order")

    @jobs.task
    def bury() -> None:
        raise Bury("no such customer")

    with jobs.worker():
        failed, buried = fail.enqueue(), bury.enqueue()
        with pytest.raises(JobDead, match=f"anyjob dead show {failed.id}") as of_failed:
            ask(failed, 30)
        with pytest.raises(JobDead, match="no such customer") as of_buried:
            ask(buried, 30)

    assert (of_failed.value.reason, of_failed.value.error) == (
        "failed",
        "ValueError: no such order",
    )
    assert of_buried.value.reason == "no such customer"


@both_ways
def test_cancelled_job_raises_with_its_reason(jobs: App, ask: Asked) -> None:
    @jobs.task
    def discard() -> None:
        raise Discard("not wanted any more")

    waiting = discard.using(delay=3600).enqueue()
    assert waiting.cancel()
    with pytest.raises(JobCancelled, match="was cancelled; enqueue it anew if it is still wanted$"):
        ask(waiting, 30)
    with jobs.worker(), pytest.raises(JobCancelled, match="cancelled: not wanted any more"):
        ask(discard.enqueue(), 30)


@both_ways
def test_expired_job_raises(jobs: App, ask: Asked) -> None:
    @jobs.task
    def late() -> None: ...

    job = late.using(expires=0.001).enqueue()
    until(lambda: time.time() > (jobs.show(job.id).expires or 0))

    with jobs.worker(), pytest.raises(JobExpired, match="expired before it was started"):
        ask(job, 30)


@both_ways
@pytest.mark.parametrize("timeout", [0, 0.02])
def test_job_that_is_not_done_in_time_raises_and_may_be_asked_again(
    jobs: App, ask: Asked, timeout: float
) -> None:
    @jobs.task
    def work() -> int:
        return 5

    job = work.enqueue()
    with pytest.raises(ResultTimeout, match=f"had not ended after {timeout:g} s") as error:
        ask(job, timeout)

    assert isinstance(error.value, TimeoutError)
    assert error.value.retryable
    with jobs.worker():
        assert ask(job, 30) == 5


@both_ways
def test_result_that_is_kept_no_longer_raises(ask: Asked) -> None:
    clock = FakeClock()
    with App("memory://", clock=clock) as jobs:

        @jobs.task(keep=60)
        def work() -> int:
            return 5

        job = work.enqueue()
        with jobs.worker():
            assert ask(job, 30) == 5
            clock.advance(10 * 86_400)
            jobs.backend.maintain(1.0)
            with pytest.raises(ResultNotKept, match="keep it longer with keep="):
                ask(job, 30)


@both_ways
def test_job_that_nobody_knows_raises(jobs: App, ask: Asked) -> None:
    with pytest.raises(ResultNotKept, match="is not known in queue 'default'"):
        ask(Job(jobs, "0199-nowhere", "default"), 30)


@both_ways
def test_job_that_is_purged_while_somebody_waits_ends_the_wait(jobs: App, ask: Asked) -> None:
    @jobs.task
    def work() -> None: ...

    job = work.enqueue()
    purge = threading.Timer(0.05, lambda: jobs.purge("default"))
    purge.start()

    with pytest.raises(ResultNotKept):
        ask(job, 30)


@both_ways
def test_timeout_is_a_span_or_seconds_and_never_negative(jobs: App, ask: Asked) -> None:
    @jobs.task
    def work() -> None: ...

    job = work.enqueue()

    with pytest.raises(ResultTimeout):
        ask(job, timedelta(milliseconds=1))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="timeout"):
        ask(job, -1)


def test_hundred_coroutines_wait_at_once_and_each_gets_its_own(jobs: App) -> None:
    @jobs.task
    async def double(number: int) -> int:
        await asyncio.sleep(0.001 * (number % 7))
        return 2 * number

    async def one(number: int) -> int:
        job = await double.aenqueue(number)
        return await job.aresult(30)

    async def main() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(100)))

    with jobs.worker():
        assert asyncio.run(main()) == [2 * number for number in range(100)]

    until(lambda: not any(t.name == "anyjob-results" for t in threading.enumerate()))


def test_wait_does_not_block_the_loop_and_needs_one_thread_for_all(jobs: App) -> None:
    @jobs.task
    def hold() -> None: ...

    async def main() -> tuple[int, int]:
        made = [hold.enqueue() for _ in range(50)]
        waits = [asyncio.ensure_future(job.aresult()) for job in made]
        turns = 0
        for _ in range(100):
            await asyncio.sleep(0.001)
            turns += 1
        names = [t.name for t in threading.enumerate()]
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return turns, names.count("anyjob-results")

    assert asyncio.run(main()) == (100, 1)


def test_several_coroutines_may_wait_for_one_job_and_one_may_give_up(jobs: App) -> None:
    @jobs.task
    def work() -> int:
        return 5

    async def main() -> list[Any]:
        job = await work.aenqueue()
        waits = [asyncio.ensure_future(job.aresult(30)) for _ in range(5)]
        impatient = asyncio.ensure_future(job.aresult(0.01))
        with pytest.raises(ResultTimeout):
            await impatient
        waits[0].cancel()
        with jobs.worker():
            return await asyncio.gather(*waits, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [5] * 4


def test_waiting_coroutine_hears_that_the_app_was_closed(jobs: App) -> None:
    @jobs.task
    def work() -> None: ...

    async def main() -> None:
        job = await work.aenqueue()
        wait = asyncio.ensure_future(job.aresult())
        await asyncio.sleep(0.02)
        jobs.close()
        await wait

    with pytest.raises(Misuse):
        asyncio.run(main())
    until(lambda: not any(t.name == "anyjob-results" for t in threading.enumerate()))


def test_loops_in_two_threads_wait_beside_each_other(jobs: App) -> None:
    @jobs.task
    def double(number: int) -> int:
        return 2 * number

    answers: dict[int, int] = {}

    def wait(number: int) -> None:
        answers[number] = asyncio.run(double.enqueue(number).aresult(30))

    with jobs.worker():
        threads = [threading.Thread(target=wait, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == {0: 0, 1: 2, 2: 4, 3: 6}


def test_handle_made_from_an_id_reads_the_plain_result(jobs: App) -> None:
    @jobs.task
    def work() -> list[int]:
        return [1, 2]

    job = work.enqueue()
    with jobs.worker():
        job.result(timeout=30)

    assert Job[Any](jobs, job.id, "default").result(timeout=30) == [1, 2]


def test_task_that_asks_for_its_own_result_is_told_that_it_is_not_done(jobs: App) -> None:
    @jobs.task
    def ask() -> str:
        try:
            jobs.get(current_job().id).result(timeout=0.01)
        except ResultTimeout as error:
            return str(error)
        return "done?"

    with jobs.worker():
        assert "and is leased;" in ask.enqueue().result(timeout=30)


def test_status_and_get_of_an_unknown_job_raise(jobs: App) -> None:
    with pytest.raises(JobNotFound, match="no job '0199-nowhere' in queue 'default'"):
        Job[Any](jobs, "0199-nowhere", "default").status()
    with pytest.raises(JobNotFound):
        jobs.get("0199-nowhere")
    with pytest.raises(JobNotFound):
        Job[Any](jobs, "0199-nowhere", "default").cancel()
