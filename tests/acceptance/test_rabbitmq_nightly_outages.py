"""Certify: brokers that are away for long, or again and again, and channels that they close."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anyjob import BackendError, EnqueueUncertain
from anyjob.backends.rabbitmq import RabbitBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire import Proxy
from anyjob.core.backend import QueueShare, QueueSpec
from anyjob.core.settlement import Answer, Complete
from tests.acceptance import program
from tests.acceptance.conftest import CALL, RESUMED, Site
from tests.acceptance.rabbit_site import RabbitSite
from tests.acceptance.test_outage import troubles
from tests.acceptance.test_rabbitmq_outage import enqueued_in_the_end, refused, working_since
from tests.conformance.rabbitmq.server import configured
from tests.unit.backends.rabbitmq.conftest import job

#: Repeat a failure with SEED=<number>; it is printed.
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RESTARTS = int(os.environ.get("RESTARTS", "20"))
AWAY = 60.0
DISTURBANCES = 12
ENQUEUED, KILLS = 3000, 6
CLOSED = 1000


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    running = configured()
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, server: Running) -> Iterator[Site]:
    site = RabbitSite(tmp_path, server.url)
    yield site
    site.close()


def test_every_worker_works_again_within_ten_seconds_of_each_restart(
    site: Site, server: Running
) -> None:
    """B1, F12: the seconds are printed."""
    workers = [site.worker("-c", "2") for _ in range(2)]
    pids = {worker.pid for worker in workers}
    jobs = site.enqueue("work", 40, seconds=0.05)
    site.wait(lambda: set(site.diary.by_process()) == pids, "both work")

    took = []
    for _ in range(RESTARTS):
        server.restart()
        back = time.clock_gettime(time.CLOCK_MONOTONIC)
        jobs += enqueued_in_the_end(site, "work", 40)
        while not pids <= working_since(site, back):
            assert time.clock_gettime(time.CLOCK_MONOTONIC) - back < RESUMED, site.log_of(
                workers[0]
            )
            if site.app.counts().ready < 10:
                jobs += site.enqueue("work", 20, seconds=0.05)
            time.sleep(0.05)
        first = {
            pid: min(
                line["at"]
                for line in site.diary.lines("begin")
                if line["pid"] == pid and line["at"] > back
            )
            for pid in pids
        }
        took.append(max(first.values()) - back)
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end", 90)

    took.sort()
    sys.stdout.write(
        f"{RESTARTS} restarts: both work after {took[len(took) // 2]:.1f} s in the middle,"
        f" {took[-1]:.1f} s at most\n"
    )
    site.diary.check(jobs)


def test_broker_that_is_away_for_a_minute_is_waited_for(site: Site, server: Running) -> None:
    """F13."""
    jobs = site.enqueue("work", 100, seconds=0.01)
    worker = site.worker("-c", "4")
    site.wait(site.diary.ended, "it works")

    server.kill()
    gone, took = time.monotonic(), list[float]()
    while time.monotonic() - gone < AWAY:
        took.append(refused(site))
        time.sleep(0.5)
    reported = len(troubles(site, worker))
    server.run()
    jobs += enqueued_in_the_end(site, "work", 50)
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end", 60)

    assert max(took) < CALL
    assert reported <= AWAY + 1
    assert worker.poll() is None
    site.diary.check(jobs)


def test_every_worker_works_again_after_each_of_many_disturbances(
    site: Site, server: Running
) -> None:
    """B1, shortened: 12 disturbances of 50, by turns a restart, a reset and a freeze."""
    sys.stdout.write(f"SEED={SEED}\n")
    rng, jobs = random.Random(SEED), list[str]()
    with Proxy(server.port) as wire:
        url = server.url_at(wire.port)
        workers = [site.worker("-q", queue, ANYJOB_BACKEND=url) for queue in ("a", "b")]
        disturb: list[Callable[[], None]] = [server.restart, wire.sever, lambda: _freeze(server)]
        for number in range(DISTURBANCES):
            first = _canaries(site)
            site.wait(lambda ids=first: set(ids) <= site.diary.ended(), "both work")  # type: ignore[misc]
            time.sleep(rng.uniform(0.0, 0.5))
            disturb[number % 3]()
            after = _canaries(site)
            site.wait(lambda ids=after: set(ids) <= site.diary.ended(), "both work", RESUMED)  # type: ignore[misc]
            jobs += first + after

    assert set(jobs) <= site.diary.ended()
    assert all(worker.poll() is None for worker in workers)


def _canaries(site: Site) -> list[str]:
    """One job for each worker: each has a queue of its own."""
    task = site.app.tasks.get("work")
    ids: list[str] = []
    end = time.monotonic() + RESUMED
    while len(ids) < 2:
        try:
            ids.append(task.using(queue="ab"[len(ids)]).enqueue().id)
        except BackendError:
            assert time.monotonic() < end
            time.sleep(0.05)
    return ids


def _freeze(server: Running) -> None:
    """For longer than any call waits."""
    server.freeze()
    time.sleep(5.5)
    server.thaw()


def test_every_job_that_was_accepted_exists_however_often_the_broker_is_killed(
    site: Site, server: Running
) -> None:
    """B16, shortened: 3,000 enqueues of 10,000."""
    sys.stdout.write(f"SEED={SEED}\n")
    rng = random.Random(SEED)
    accepted, uncertain, ended = set[str](), set[str](), threading.Event()

    def produce() -> None:
        with program.make(server.url, namespace=site.app.config.namespace) as app:
            own = app.tasks.get("work")
            while len(accepted) < ENQUEUED or not ended.is_set():
                try:
                    accepted.add(own.enqueue().id)
                except EnqueueUncertain as error:
                    uncertain.update(each.id for each in error.envelopes)
                except BackendError:
                    time.sleep(0.01)

    producer = threading.Thread(target=produce)
    producer.start()
    for number in range(KILLS):
        part = (number + 0.5) * ENQUEUED / KILLS
        site.wait(lambda part=part: len(accepted) >= part, "jobs are accepted", 90)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.05))
        server.restart()
    ended.set()
    producer.join()
    worker = site.worker("-c", "16")
    site.wait(lambda: accepted <= site.diary.ended(), "every accepted job runs", 120)

    assert worker.poll() is None
    assert set(site.diary.runs()) <= accepted | uncertain


def test_channel_that_the_broker_closes_a_thousand_times_leaves_nothing_behind(
    server: Running,
) -> None:
    """F27: by 404 on channels of questions, and by 406 and 404 on those of a consumer."""
    backend = RabbitBackend(server.url, namespace=f"closed{os.getpid()}")
    backend.open()
    try:
        backend.declare([QueueSpec("line")])
        consumer = backend.consume([QueueShare("line")], lease=30.0, worker="w")
        before: tuple[int, ...] = ()
        for number in range(CLOSED):
            if number == CLOSED // 10:
                before = _used(backend)
            assert backend.counts(f"nowhere{number}").ready == 0
            if number % 10 == 0:
                _close_lines(backend, consumer, "ack" if number % 20 else "declare")
                _works(backend, consumer)
        after = _used(backend)
    finally:
        backend.close()

    sys.stdout.write(f"threads, descriptors, channels, listeners: {before} and then {after}\n")
    assert all(then <= was + 3 for was, then in zip(before, after, strict=True))


def _close_lines(backend: RabbitBackend, consumer: object, how: str) -> None:
    """Do on each channel of a consumer what the broker closes it for."""

    def close() -> None:
        for line in consumer._every_line():  # type: ignore[attr-defined]  # noqa: SLF001
            channel = line._channel  # noqa: SLF001 - no door leads to it
            if channel is None or not channel.is_open:
                continue
            if how == "ack":
                channel.basic_ack(999_999)
            else:
                channel.queue_declare("nowhere", passive=True, callback=lambda _: None)

    backend.loop.call(close)


def _works(backend: RabbitBackend, consumer: object) -> None:
    canary = job()
    end = time.monotonic() + RESUMED
    backend.enqueue([canary])
    while time.monotonic() < end:
        try:
            leases = consumer.fetch(10, 1.0)  # type: ignore[attr-defined]
        except BackendError:
            continue
        consumer.settle([Complete(lease=lease) for lease in leases])  # type: ignore[attr-defined]
        answers = {each.answer for each in consumer.flush(5.0)}  # type: ignore[attr-defined]
        if canary.id in {lease.id for lease in leases} and answers == {Answer.DONE}:
            return
    raise AssertionError("the consumer does not consume any more")


def _used(backend: RabbitBackend) -> tuple[int, ...]:
    """What a leak would make more of."""
    links = (backend.publishing, backend.consuming)
    connections: list[Any] = [link._connection for link in links]  # noqa: SLF001 - no door either
    return (
        threading.active_count(),
        sum(1 for _ in Path("/proc/self/fd").iterdir()),
        sum(len(each._channels) for each in connections),  # noqa: SLF001
        sum(len(link.on_up) + len(link.on_down) for link in links),
    )
