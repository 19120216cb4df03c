"""A server that is killed, freezes, or is cut off: workers tell of it, and go on by themselves."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from anyjob import BackendError, BackendUnavailable, EnqueueUncertain
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire import Cut, Proxy
from tests.acceptance import program
from tests.acceptance.conftest import CALL, LEASE, RESUMED, Site

#: Within this time a worker notices that nobody answers any more.
NOTICED = 10.0


@pytest.fixture
def site(redis_site: Site) -> Site:
    return redis_site


@pytest.fixture
def wire(server: Running) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def told(site: Site, pid: int) -> list[str]:
    """What a worker told of its backend's going and coming, in order."""
    return [
        line["event"]
        for line in site.diary.lines()
        if line["pid"] == pid and line["event"] in ("backend.down", "backend.up")
    ]


def refused(site: Site) -> float:
    """Enqueue in vain; returns the seconds that took."""
    began = time.monotonic()
    with pytest.raises((BackendUnavailable, EnqueueUncertain)):
        site.app.tasks.get("awork").enqueue()
    return time.monotonic() - began


def test_killed_server_is_told_of_once_and_every_worker_works_again_when_it_is_back(
    site: Site, server: Running
) -> None:
    workers = [site.worker("-c", "2") for _ in range(2)]
    pids = {worker.pid for worker in workers}
    jobs = site.enqueue("work", 100, seconds=0.05)
    site.wait(lambda: set(site.diary.by_process()) == pids, "both work")

    def all_work_since(then: float) -> bool:
        """Keep some jobs ready for those that have not come back yet."""
        if site.app.counts().ready < 20:
            jobs.extend(site.enqueue("work", 20, seconds=0.05))
        return pids <= {line["pid"] for line in site.diary.lines("begin") if line["at"] > then}

    server.kill()
    gone = time.monotonic()
    took = [refused(site) for _ in range(2)]
    site.wait(lambda: all(told(site, pid) for pid in pids), "both tell of it")
    site.wait(lambda: time.monotonic() - gone > 3.0, "it is away for three seconds")
    server.run()
    back = time.clock_gettime(time.CLOCK_MONOTONIC)
    site.wait(lambda: all_work_since(back), "both work again", RESUMED)
    site.wait(lambda: all(len(told(site, pid)) > 1 for pid in pids), "both tell of that")
    site.wait(site.settled, "all jobs end")

    assert max(took) < CALL
    assert [told(site, pid) for pid in pids] == [["backend.down", "backend.up"]] * 2
    site.diary.check(jobs)


def test_frozen_server_is_refused_in_time_and_each_effect_happens_once(
    site: Site, server: Running
) -> None:
    effects = [site.enqueue("effect", key=key)[0] for key in range(30)]
    jobs = [*effects, *site.enqueue("work", 200, seconds=0.05)]
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.ended()) >= 20, "the worker works")

    server.freeze()
    frozen = time.monotonic()
    with pytest.raises(BackendUnavailable):
        site.app.counts()
    took = time.monotonic() - frozen
    site.wait(lambda: time.monotonic() - frozen > 2 * LEASE, "twice the lease passes")
    begun = len(site.diary.lines("begin"))
    server.thaw()
    site.wait(lambda: len(site.diary.lines("begin")) > begun, "it goes on", RESUMED)
    site.wait(site.settled, "all jobs end")
    site.wait(lambda: told(site, worker.pid)[-1:] == ["backend.up"], "it tells that all is well")

    assert took < CALL
    assert told(site, worker.pid) == ["backend.down", "backend.up"]
    assert effects_in(site.folder) == len(effects)
    assert set(jobs) <= site.diary.ended()
    site.diary.check_numbers()


def effects_in(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "effects.db")) as found:
        [count] = found.execute("SELECT count(*) FROM effects").fetchone()
    return int(count)


def test_half_open_connection_is_noticed_and_closed(
    site: Site, server: Running, wire: Proxy
) -> None:
    worker = site.worker("-c", "4", ANYJOB_BACKEND=server.url_at(wire.port))
    jobs = site.enqueue("work", 2, seconds=1.0)
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 2, "it works")

    wire.is_silent = True
    silent = time.monotonic()
    site.wait(lambda: told(site, worker.pid), "it notices", NOTICED + 5.0)
    noticed = time.monotonic() - silent
    before = wire.connections
    site.wait(lambda: wire.connections > before, "it tries anew")
    site.wait(lambda: wire.open_connections <= 4, "what is half open is closed")
    wire.heal()
    later = site.enqueue("work", 5)
    site.wait(lambda: set(later) <= site.diary.ended(), "it goes on", RESUMED)
    site.wait(site.settled, "all jobs end")

    assert noticed < NOTICED + 5.0
    site.diary.check([*jobs, *later])


class Cutter:
    """Cuts a wire again and again."""

    def __init__(self, wire: Proxy, side: Literal["before", "after"]) -> None:
        self._wire = wire
        self._side = side
        self.cuts = 0

    def again(self, k: int) -> None:
        """Cut at the k-th request from now on, unless a cut is still to come."""
        if self._wire.cut is not None and not self._wire.was_cut:
            return
        self.cuts += self._wire.was_cut
        self._wire.cut = None
        self._wire.was_cut = False
        self._wire.cut = Cut(len(self._wire.requests) + k, self._side, for_good=False)


@pytest.mark.parametrize("side", ["before", "after"])
def test_wire_that_is_cut_at_every_few_requests_loses_and_invents_nothing(
    site: Site, server: Running, side: Literal["before", "after"]
) -> None:
    with Proxy(server.port) as to_worker, Proxy(server.port) as to_producer:
        worker = site.worker("-c", "4", ANYJOB_BACKEND=server.url_at(to_worker.port))
        accepted = site.enqueue("work")
        site.wait(lambda: set(accepted) <= site.diary.ended(), "the worker works")
        cutters = Cutter(to_worker, side), Cutter(to_producer, side)
        uncertain = set[str]()
        with program.make(server.url_at(to_producer.port)) as producer:
            task = producer.tasks.get("work")
            until = time.monotonic() + 90
            while min(cutter.cuts for cutter in cutters) < 6:
                assert time.monotonic() < until, [cutter.cuts for cutter in cutters]
                for cutter in cutters:
                    # Each of the first five requests after a cut is the next to be cut.
                    cutter.again(1 + cutter.cuts % 5)
                try:
                    accepted.append(task.enqueue(0.01).id)
                except EnqueueUncertain as error:
                    uncertain |= {envelope.id for envelope in error.envelopes}
                except BackendError:
                    continue
            to_worker.cut = to_producer.cut = None
        site.wait(lambda: set(accepted) <= site.diary.ended(), "what was accepted has run")
        site.wait(site.settled, "all jobs end")

    assert worker.poll() is None
    assert set(site.diary.runs()) <= {*accepted, *uncertain}
    assert not any(site.app.counts(queue).dead for queue in ("default", "a"))
    site.diary.check_numbers()
