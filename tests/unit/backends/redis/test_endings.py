"""Hearing of ends: what it costs a server, and what happens when the channel does not stand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import redis

from anyjob import App, Job, JobCancelled, ResultTimeout
from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.watch import RedisWatch
from anyjob.conformance.forks import REOPENED, in_child
from anyjob.conformance.servers.own_process import Running
from tests.unit.backends.redis.conftest import MakeJob, StartServer, raw, say
from tests.waiting import PATIENCE, until

QUEUES = ["mail", "sums", "images"]


class Bill:
    """What a server was asked since this began, as it counts itself."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connections = self._connected()
        self._calls = self._called()

    def asked(self, *commands: str) -> int:
        """How often it was asked for these."""
        calls = self._called()
        return sum(calls.get(each, 0) - self._calls.get(each, 0) for each in commands)

    def connected(self) -> int:
        """How many connections were made."""
        return self._connected() - self._connections

    def _connected(self) -> int:
        return int(self._client.info("stats")["total_connections_received"])

    def _called(self) -> dict[str, int]:
        found = self._client.info("commandstats")
        return {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}


@pytest.fixture
def alone(spare: Running) -> Iterator[redis.Redis]:
    """The administrator of a server that nobody else asks."""
    with closing(raw(spare)) as client:
        yield client


@pytest.fixture
def jobs(spare: Running) -> Iterator[App]:
    with closing(App(spare.url, queues=QUEUES)) as app:
        yield app


@pytest.fixture
def made(jobs: App) -> list[Job[Any]]:
    """A hundred jobs of three queues that nobody serves."""

    @jobs.task
    def work() -> None: ...

    return [work.using(queue=QUEUES[n % 3]).enqueue() for n in range(100)]


def test_hundred_coroutines_that_wait_ask_nothing_and_hold_one_connection(
    alone: redis.Redis, jobs: App, made: list[Job[Any]]
) -> None:
    bill = Bill(alone)

    async def main() -> None:
        waits = [asyncio.ensure_future(job.aresult()) for job in made]
        await asyncio.sleep(3.0)
        # Of each queue: a look, a word that somebody listens, a look once it is heard of, and one
        # more if this took 5 s. With each connection comes a question.
        assert bill.asked("evalsha", "eval") <= 12 + bill.connected()
        assert bill.asked("ssubscribe") == 3
        assert len(alone.client_list(_type="pubsub")) == 1
        # One that listens, and one more while it and the first look are under way.
        assert bill.connected() <= 2
        for job in made:
            job.cancel()
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(end) for end in ends} == {JobCancelled}

    asyncio.run(main())


def test_hundred_threads_that_wait_ask_nothing_and_hold_one_connection(
    alone: redis.Redis, jobs: App, made: list[Job[Any]]
) -> None:
    bill = Bill(alone)
    ends: list[type[BaseException]] = []

    def wait(job: Job[Any]) -> None:
        try:
            job.result(PATIENCE)
        except JobCancelled as error:
            ends.append(type(error))

    threads = [threading.Thread(target=wait, args=(job,)) for job in made]
    for thread in threads:
        thread.start()
    settled(bill)
    began = Bill(alone)
    time.sleep(2.0)

    # Once in 5 s each queue is looked at, whatever was told.
    assert began.asked("evalsha") <= 6
    assert len(alone.client_list(_type="pubsub")) == 1
    assert bill.connected() <= 5
    for job in made:
        job.cancel()
    for thread in threads:
        thread.join()
    assert ends == [JobCancelled] * 100


def settled(bill: Bill) -> None:
    """Wait until all who came were looked for."""
    asked = -1
    deadline = time.monotonic() + PATIENCE
    while bill.asked("evalsha") > asked:
        assert time.monotonic() < deadline
        asked = bill.asked("evalsha")
        time.sleep(0.5)


def stands(watch: RedisWatch, queue: str) -> None:
    """Wait as whoever waits for results does, until the queue is heard of."""
    deadline = time.monotonic() + PATIENCE
    while not watch.stands(queue) or watch.wait(0.1):
        assert time.monotonic() < deadline
        watch.wait(0.01)


def test_connection_that_breaks_lets_everybody_look_and_is_made_again(
    spare: Running, alone: redis.Redis, job: MakeJob
) -> None:
    with closing(RedisBackend(spare.url)) as backend:
        backend.open()
        backend.enqueue([one := job()])
        with closing(backend.watch()) as watch:
            watch.add("mail", [one.id])
            stands(watch, "mail")

            alone.client_kill_filter(_type="pubsub")

            assert watch.wait(4.0) == {"mail": {one.id}}
            stands(watch, "mail")
            backend.cancel("mail", [one.id])
            assert watch.wait(4.0) == {"mail": {one.id}}


def test_end_while_nobody_could_hear_of_it_is_found(
    spare: Running, alone: redis.Redis, jobs: App, made: list[Job[Any]]
) -> None:
    async def main() -> None:
        wait = asyncio.ensure_future(made[0].aresult(PATIENCE))
        until_listening = time.monotonic() + PATIENCE
        while not alone.client_list(_type="pubsub"):
            assert time.monotonic() < until_listening
            await asyncio.sleep(0.01)
        alone.client_kill_filter(_type="pubsub")
        made[0].cancel()
        with pytest.raises(JobCancelled):
            await wait

    asyncio.run(main())


def test_where_no_channel_may_be_listened_to_jobs_are_looked_at_now_and_then(
    start_server: StartServer, job: MakeJob
) -> None:
    server = start_server()
    with closing(raw(server)) as admin:
        say(admin, "ACL", "SETUSER", "few", "on", ">word", "~*", "+@all", "-ssubscribe")
        with closing(RedisBackend(f"redis://few:word@127.0.0.1:{server.port}/0")) as backend:
            backend.open()
            backend.enqueue([one := job()])
            with closing(backend.watch()) as watch:
                watch.add("mail", [one.id])
                began = time.monotonic()
                found = [watch.wait(PATIENCE) for _ in range(4)]
                seconds = time.monotonic() - began

    assert found == [{"mail": {one.id}}] * 4
    assert seconds >= 4 * 0.5


def test_forked_child_waits_on_its_own_and_its_parent_goes_on(
    jobs: App, made: list[Job[Any]]
) -> None:
    first, second = made[0], made[1]

    def ask() -> None:
        with suppress(ResultTimeout):
            asyncio.run(first.aresult(0.05))
        with suppress(ResultTimeout):
            first.result(0.05)
        second.cancel()
        with suppress(JobCancelled):
            second.result(5)
            raise AssertionError("it was cancelled")

    async def main() -> None:
        waits = [asyncio.ensure_future(job.aresult(PATIENCE)) for job in (first, second)]
        await asyncio.sleep(0.2)
        assert await asyncio.to_thread(in_child, ask) == REOPENED
        with pytest.raises(JobCancelled):
            await waits[1]
        first.cancel()
        with pytest.raises(JobCancelled):
            await waits[0]

    asyncio.run(main())


def test_thread_of_a_connection_goes_when_nobody_waits_and_comes_again(
    spare: Running, job: MakeJob
) -> None:
    def listening() -> bool:
        return any(thread.name == "anyjob-endings" for thread in threading.enumerate())

    with closing(RedisBackend(spare.url)) as backend:
        backend.open()
        backend.enqueue([one := job()])
        with closing(backend.watch()) as watch:
            watch.add("mail", [one.id])
            stands(watch, "mail")
            watch.remove("mail", [one.id])
            until(lambda: not listening())

            watch.add("mail", [one.id])
            stands(watch, "mail")
            backend.cancel("mail", [one.id])
            assert watch.wait(4.0) == {"mail": {one.id}}
