"""Many who wait for results at once, and some who give up: nobody gets another's answer."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from anyjob import App, Job, ResultTimeout
from anyjob.conformance.servers.own_process import Running

WAITERS = 64


@pytest.fixture
def jobs(server: Running, namespace: str) -> Iterator[App]:
    with closing(App(server.url, namespace=namespace, queues=["unserved"])) as app:
        yield app


def test_each_of_many_waiters_gets_its_own_result_while_others_give_up(
    jobs: App, admin: redis.Redis
) -> None:
    @jobs.task
    async def double(number: int) -> int:
        await asyncio.sleep(0.001 * (number % 9))
        return 2 * number

    chance = random.Random(23)
    before = len(admin.client_list())
    in_threads: dict[int, int] = {}

    def wait(number: int, job: Job[int]) -> None:
        in_threads[number] = job.result(60)

    def give_up(job: Job[int]) -> None:
        with pytest.raises(ResultTimeout):
            job.result(0.01)

    async def cancelled(job: Job[int], seconds: float) -> None:
        waiting = asyncio.ensure_future(job.aresult())
        await asyncio.sleep(seconds)
        waiting.cancel()

    async def on_a_loop(made: dict[int, Job[int]]) -> list[int]:
        storm = [cancelled(job, chance.uniform(0, 0.3)) for job in made.values() for _ in range(3)]
        waits = [job.aresult(60) for job in made.values()]
        answers = await asyncio.gather(*waits, *storm)
        return [each for each in answers if each is not None]

    never = [double.using(queue="unserved").enqueue(number) for number in range(8)]
    made = {number: double.enqueue(number) for number in range(WAITERS)}
    threads = [threading.Thread(target=wait, args=item) for item in made.items()]
    threads += [threading.Thread(target=give_up, args=(job,)) for job in never]
    for thread in threads:
        thread.start()
    with jobs.worker(queues=["default"]):
        on_loop = asyncio.run(on_a_loop(made))
        for thread in threads:
            thread.join(60)

    assert on_loop == [2 * number for number in made]
    assert in_threads == {number: 2 * number for number in made}
    # Nobody's answer is left on a connection for the next caller.
    assert [double.enqueue(1).status().value for _ in range(20)] == ["ready"] * 20
    jobs.close()
    assert len(admin.client_list()) <= before
