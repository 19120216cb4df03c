"""A broker that is killed, freezes, is cut off or takes nothing in: workers tell, and go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyjob import BackendError, BackendFull, BackendUnavailable, EnqueueUncertain, Event
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire import Proxy
from tests.acceptance import program
from tests.acceptance.conftest import BUSY, CALL, RESUMED, Site
from tests.acceptance.rabbit_site import RabbitSite
from tests.acceptance.test_redis_outage import effects_in, told
from tests.conformance.rabbitmq.server import configured, memory_alarm

#: Within this time a worker notices that nobody answers any more.
NOTICED = 10.0 + BUSY
#: How long a freeze lasts, and an alarm.
FROZEN, ALARM = 10.0, 20.0
CUTS, KILLS = 10, 10


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


@pytest.fixture
def wire(server: Running) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def refused(site: Site) -> float:
    """Enqueue in vain; returns the seconds that took."""
    began = time.monotonic()
    with pytest.raises((BackendUnavailable, EnqueueUncertain)):
        site.app.tasks.get("awork").enqueue()
    return time.monotonic() - began


def enqueued_in_the_end(site: Site, task: str, count: int) -> list[str]:
    """Enqueue as soon as somebody takes it."""
    end = time.monotonic() + RESUMED
    while True:
        try:
            return site.enqueue(task, count)
        except BackendError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_killed_broker_is_told_of_once_and_every_worker_works_again_when_it_is_back(
    site: Site, server: Running
) -> None:
    """F12, B15."""
    workers = [site.worker("-c", "2") for _ in range(2)]
    pids = {worker.pid for worker in workers}
    jobs = site.enqueue("work", 300, seconds=0.05)
    site.wait(lambda: set(site.diary.by_process()) == pids, "both work")

    server.kill()
    gone = time.monotonic()
    took = [refused(site) for _ in range(2)]
    site.wait(lambda: all(told(site, pid) for pid in pids), "both tell of it")
    site.wait(lambda: time.monotonic() - gone > 3.0, "it is away for three seconds")
    server.run()
    back = time.clock_gettime(time.CLOCK_MONOTONIC)
    jobs += enqueued_in_the_end(site, "work", 50)
    site.wait(lambda: pids <= working_since(site, back), "both work again", RESUMED)
    again = time.clock_gettime(time.CLOCK_MONOTONIC) - back
    site.wait(lambda: all(len(told(site, pid)) > 1 for pid in pids), "both tell of that")
    site.wait(site.settled, "all jobs end", 60)

    sys.stdout.write(f"both work {again:.1f} s after it is back\n")
    assert max(took) < CALL
    once = ["backend.down", "backend.up"]
    # A broker that starts may answer, and for a moment not again.
    assert all(told(site, pid) in (once, 2 * once) for pid in pids)
    site.diary.check(jobs)


def working_since(site: Site, then: float) -> set[int]:
    return {line["pid"] for line in site.diary.lines("begin") if line["at"] > then}


def test_frozen_broker_is_refused_in_time_and_each_effect_happens_once(
    site: Site, server: Running
) -> None:
    """F15, B2."""
    effects = [site.enqueue("effect", key=key)[0] for key in range(30)]
    jobs = [*effects, *site.enqueue("work", 200, seconds=0.05)]
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.ended()) >= 20, "the worker works")

    server.freeze()
    frozen = time.monotonic()
    with pytest.raises(BackendUnavailable):
        site.app.counts()
    took = [time.monotonic() - frozen, refused(site)]
    site.wait(lambda: time.monotonic() - frozen > FROZEN, "it stands still")
    begun = len(site.diary.lines("begin"))
    server.thaw()
    site.wait(lambda: len(site.diary.lines("begin")) > begun, "it goes on", RESUMED)
    site.wait(site.settled, "all jobs end", 60)
    site.wait(lambda: told(site, worker.pid)[-1:] == ["backend.up"], "it tells that all is well")

    assert max(took) < CALL
    assert effects_in(site.folder) == len(effects)
    assert set(jobs) <= site.diary.ended()
    site.diary.check_numbers()


def test_half_open_connection_is_noticed_and_closed(
    site: Site, server: Running, wire: Proxy
) -> None:
    """F17."""
    worker = site.worker("-c", "4", ANYJOB_BACKEND=server.url_at(wire.port))
    jobs = site.enqueue("work", 2, seconds=1.0)
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 2, "it works")

    wire.is_silent = True
    silent = time.monotonic()
    site.wait(lambda: told(site, worker.pid), "it notices", NOTICED)
    noticed = time.monotonic() - silent
    before = wire.connections
    site.wait(lambda: wire.connections > before, "it tries anew")
    site.wait(lambda: wire.open_connections <= 2, "what is half open is closed", NOTICED)
    wire.heal()
    later = site.enqueue("work", 5)
    site.wait(lambda: set(later) <= site.diary.ended(), "it goes on", RESUMED)
    site.wait(site.settled, "all jobs end")

    sys.stdout.write(f"noticed after {noticed:.1f} s\n")
    site.diary.check([*jobs, *later])


def test_wire_that_is_cut_again_and_again_loses_and_invents_nothing(
    site: Site, server: Running
) -> None:
    """F16, in part: at random requests of both; every k-th one is the suite's."""
    accepted, uncertain = list[str](), set[str]()
    with Proxy(server.port) as to_worker, Proxy(server.port) as to_producer:
        worker = site.worker("-c", "4", ANYJOB_BACKEND=server.url_at(to_worker.port))
        url = server.url_at(to_producer.port)
        with program.make(url, namespace=site.app.config.namespace) as producer:
            task = producer.tasks.get("work")
            for _ in range(CUTS):
                done, end = len(site.diary.ended()), time.monotonic() + RESUMED
                while len(site.diary.ended()) == done or not accepted:
                    assert time.monotonic() < end, site.log_of(worker)
                    try:
                        accepted.append(task.enqueue(0.01).id)
                    except EnqueueUncertain as error:
                        uncertain |= {envelope.id for envelope in error.envelopes}
                    except BackendError:
                        time.sleep(0.02)
                to_worker.sever()
                to_producer.sever()
        site.wait(lambda: set(accepted) <= site.diary.ended(), "what was accepted has run", 60)

    assert worker.poll() is None
    assert set(site.diary.runs()) <= {*accepted, *uncertain}
    assert site.app.counts().dead == 0
    site.diary.check_numbers()


def test_memory_alarm_refuses_jobs_by_the_deadline_and_lets_workers_settle(
    site: Site, server: Running
) -> None:
    """F24."""
    blocked: list[Event] = []
    site.app.on("backend.blocked")(blocked.append)
    worker = site.worker("-c", "4")
    running = site.enqueue("work", 4, seconds=3.0)
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "the jobs begin")

    # Within a second of a confirm nobody asks the broker first, and a job may be in doubt.
    time.sleep(1.5)
    with memory_alarm(server.folder):
        began = time.monotonic()
        with pytest.raises(BackendFull, match="memory or disk alarm"):
            site.app.tasks.get("work").enqueue()
        took = time.monotonic() - began
        site.wait(lambda: set(running) <= site.diary.ended(), "what runs ends")
        alarmed = time.monotonic()
        while time.monotonic() - alarmed < ALARM:
            with pytest.raises(BackendFull):
                site.app.tasks.get("work").enqueue()
            time.sleep(0.5)
        assert worker.poll() is None, site.log_of(worker)
    later = enqueued_in_the_end(site, "work", 5)
    site.wait(lambda: set(later) <= site.diary.ended(), "jobs run again", RESUMED)
    site.wait(site.settled, "all jobs end")

    assert took < CALL
    assert [event.facts for event in blocked] == [{"reason": "low on memory"}]
    site.diary.check([*running, *later])
    assert all(len(site.diary.runs()[job]) == 1 for job in running)


def test_worker_that_is_killed_again_and_again_loses_nothing(site: Site) -> None:
    jobs = site.enqueue("work", 300, seconds=0.03)
    for _ in range(KILLS):
        worker = site.worker("-c", "4")
        pid = worker.pid
        site.wait(lambda pid=pid: len(site.diary.open_by(pid)) >= 2, "it works")  # type: ignore[misc]
        worker.kill()
        worker.wait()
    site.worker("-c", "8")
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end", 90)
    site.wait(site.settled, "all are settled")

    site.diary.check(jobs)
    again = sum(len(runs) - 1 for runs in site.diary.runs().values())
    sys.stdout.write(f"{again} of {len(jobs)} ran again\n")
    assert again <= 4 * KILLS
