"""Certify: servers that are away for long, or again and again."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from anyjob import BackendError, BackendUnavailable, EnqueueUncertain, State
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire import Proxy
from tests.acceptance import program
from tests.acceptance.conftest import CALL, RESUMED, Site
from tests.acceptance.test_outage import troubles

#: Repeat a failure with SEED=<number>; it is printed.
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
AWAY = 20.0
FROZEN = 12.0
DISTURBANCES = 12
ENQUEUED, KILLS = 3000, 8


@pytest.fixture
def site(redis_site: Site) -> Site:
    return redis_site


def seconds_of(call: Callable[[], Any]) -> float:
    """How long a call takes to be refused."""
    began = time.monotonic()
    with pytest.raises((BackendUnavailable, EnqueueUncertain)):
        call()
    return time.monotonic() - began


def test_server_that_is_away_for_long_is_waited_for(site: Site, server: Running) -> None:
    """F13, shortened: 20 seconds of 60."""
    jobs = site.enqueue("work", 4, seconds=1.0) + site.enqueue("work", 200, seconds=0.01)
    workers = [site.worker("-c", "4") for _ in range(2)]
    site.wait(lambda: len(site.diary.by_process()) == 2, "both work")
    task = site.app.tasks.get("work")

    server.kill()
    gone, took = time.monotonic(), list[float]()
    while time.monotonic() - gone < AWAY:
        took += [seconds_of(task.enqueue), seconds_of(site.app.counts)]
        time.sleep(0.5)
    reported = {worker.pid: len(troubles(site, worker)) for worker in workers}
    server.run()
    later = site.enqueue("work", 100, seconds=0.05)
    site.wait(lambda: set(later) <= site.diary.ended(), "jobs run again", RESUMED)
    site.wait(site.settled, "all jobs end")

    assert max(took) < CALL
    assert all(worker.poll() is None for worker in workers)
    assert max(reported.values()) <= AWAY + 1
    site.diary.check([*jobs, *later])


def test_server_that_is_frozen_for_long_is_waited_for(site: Site, server: Running) -> None:
    """F15, shortened: 12 seconds of 30, in which an enqueue is tried twice."""
    jobs = site.enqueue("work", 300, seconds=0.02)
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.ended()) >= 20, "the worker works")

    server.freeze()
    frozen = time.monotonic()
    took = seconds_of(site.app.tasks.get("awork").enqueue)
    site.wait(lambda: time.monotonic() - frozen > FROZEN, "it stands still")
    begun, reported = len(site.diary.lines("begin")), len(troubles(site, worker))
    server.thaw()
    site.wait(lambda: len(site.diary.lines("begin")) > begun, "it goes on", RESUMED)
    site.wait(site.settled, "all jobs end", patience=60)

    # Its answer may have been lost alone, so it is sent a second time.
    assert took < 2 * CALL
    assert reported <= FROZEN + 1
    assert set(jobs) <= site.diary.ended()
    site.diary.check_numbers()


def test_every_worker_works_again_after_each_of_many_disturbances(
    site: Site, server: Running
) -> None:
    """B1, shortened: 12 disturbances of 50, by turns a restart, a reset and a freeze."""
    sys.stdout.write(f"SEED={SEED}\n")
    rng, jobs = random.Random(SEED), list[str]()
    task = site.app.tasks.get("work")

    def canaries() -> list[str]:
        """One job for each worker: each has a queue of its own."""
        return [task.using(queue=queue).enqueue().id for queue in ("a", "b")]

    with Proxy(server.port) as wire:
        url = server.url_at(wire.port)
        workers = [site.worker("-q", queue, ANYJOB_BACKEND=url) for queue in ("a", "b")]
        disturb: list[Callable[[], None]] = [server.restart, wire.sever, lambda: freeze(server)]
        for number in range(DISTURBANCES):
            first = canaries()
            site.wait(lambda ids=first: set(ids) <= site.diary.ended(), "both work")  # type: ignore[misc]
            time.sleep(rng.uniform(0.0, 0.5))
            disturb[number % 3]()
            after = canaries()
            site.wait(lambda ids=after: set(ids) <= site.diary.ended(), "both work", RESUMED)  # type: ignore[misc]
            jobs += first + after
        site.wait(lambda: site.settled("a") and site.settled("b"), "all is settled")

    site.diary.check(jobs)
    assert all(worker.poll() is None for worker in workers)


def freeze(server: Running) -> None:
    """For longer than any call waits."""
    server.freeze()
    time.sleep(5.5)
    server.thaw()


def test_every_job_that_was_accepted_exists_however_often_the_server_is_killed(
    site: Site, server: Running
) -> None:
    """B16, shortened: 3,000 enqueues of 10,000, and 8 kills."""
    sys.stdout.write(f"SEED={SEED}\n")
    rng = random.Random(SEED)
    accepted, uncertain, ended = set[str](), set[str](), threading.Event()

    def produce() -> None:
        with program.make(server.url) as app:
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
        # Spread over the work, at random instants of it.
        part = (number + 0.5) * ENQUEUED / KILLS
        site.wait(lambda part=part: len(accepted) >= part, "jobs are accepted", 60)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.05))
        server.restart()
    ended.set()
    producer.join()

    states = {id: site.app.get(id).status() for id in accepted}
    assert set(states.values()) == {State.READY}
    assert site.app.counts().ready <= len(accepted) + len(uncertain)
