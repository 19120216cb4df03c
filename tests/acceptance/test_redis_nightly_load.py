"""Certify: much at once, and a wire that is slow."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from anyjob import Job
from anyjob.backends import Consumer, Envelope, QueueShare
from anyjob.backends.redis import RedisBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire import Proxy
from anyjob.core.settlement import Complete
from tests.acceptance.conftest import BUSY, Site, client

#: Repeat a failure with SEED=<number>; it is printed.
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LOT = 500
DUE = 20_000
LAPSED = 100_000


@pytest.fixture
def site(redis_site: Site) -> Site:
    return redis_site


@pytest.fixture
def backend(server: Running) -> Iterator[RedisBackend]:
    with closing(RedisBackend(server.url)) as backend:
        backend.open()
        yield backend


def enqueue(backend: RedisBackend, count: int) -> list[str]:
    ids = [f"job-{number}" for number in range(count)]
    for first in range(0, count, LOT):
        backend.enqueue([Envelope(id, "line", b"body") for id in ids[first : first + LOT]])
    return ids


@contextmanager
def consuming(backend: RedisBackend, lease: float) -> Iterator[Consumer]:
    consumer = backend.consume([QueueShare("line")], lease=lease, worker="w")
    yield consumer
    consumer.close(release=False)


@pytest.mark.parametrize(("spread", "latest"), [(1.0, 30.0), (10.0, 2.0 + BUSY)])
def test_many_jobs_that_come_due_together_all_run_and_none_is_early(
    site: Site, spread: float, latest: float
) -> None:
    """F35, shortened: 20,000 of 100,000, due in one second, and spread over ten."""
    task = site.app.tasks.get("work")
    due = time.time() + 8.0
    drafts = [
        task.using(run_at=datetime.fromtimestamp(due + spread * number / DUE, UTC)).job()
        for number in range(DUE)
    ]
    jobs = [job.id for job in site.app.enqueue_many(drafts) if isinstance(job, Job)]
    assert len(jobs) == DUE
    apart = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    for _ in range(2):
        site.worker("-c", "8", "--log-level", "warning")
    site.wait(lambda: len(site.diary.ended()) == DUE, "all have run", patience=90)
    site.wait(site.settled, "and are settled")

    begun = {job: runs[0]["at"] + apart for job, runs in site.diary.runs().items()}
    late = [begun[job] - (due + spread * number / DUE) for number, job in enumerate(jobs)]
    site.diary.check(jobs)
    assert min(late) > -0.01, "one began before it was due"
    assert max(late) < latest
    sys.stdout.write(f"late by {max(late):.1f} s at most\n")


def test_hundred_thousand_lapsed_leases_come_back_in_pages(
    server: Running, backend: RedisBackend
) -> None:
    """B29: all 100,000; each call is watched by the server itself."""
    admin = client(server)
    ids = enqueue(backend, LAPSED)
    with consuming(backend, lease=5.0) as gone:
        taken = 0
        while taken < LAPSED:
            taken += len(gone.fetch(1000, 5.0))
    admin.config_set("slowlog-log-slower-than", 50_000)
    admin.slowlog_reset()

    found = list[str]()
    with consuming(backend, lease=60.0) as heir:
        until = time.monotonic() + 60
        while len(found) < LAPSED:
            assert time.monotonic() < until, f"{len(found)} came back"
            leases = heir.fetch(1000, 1.0)
            assert {lease.redeliveries for lease in leases} <= {1}
            found += [lease.id for lease in leases]
            heir.settle([Complete(lease=lease) for lease in leases])
            heir.flush(5.0)

    slow = admin.slowlog_get(10)
    sys.stdout.write(f"{len(slow)} calls of more than 50 ms\n")
    assert sorted(found) == sorted(ids)
    # A page takes a few milliseconds; what is slow now and then is the machine.
    assert max([each["duration"] for each in slow], default=0) < 1_000_000


@pytest.mark.parametrize(
    ("piece", "delays", "count"),
    [(65536, (0.0, 0.6), 40), (256, (0.25, 0.25), 8)],
    ids=["up to 600 ms", "1 KB a second"],
)
def test_slow_wire_costs_no_lease(
    site: Site, server: Running, piece: int, delays: tuple[float, float], count: int
) -> None:
    """F18 at the default lease, for some seconds of work, of a worker of one queue and two slots:
    at 1 KB a second, more do not pass within the deadline of a call.
    """
    sys.stdout.write(f"SEED={SEED}\n")
    rng = random.Random(SEED)
    with Proxy(server.port) as wire:
        url = server.url_at(wire.port)
        options = ("-q", "default", "-c", "2")
        worker = site.worker(*options, ANYJOB_BACKEND=url, ANYJOB_LEASE="30")
        jobs = site.enqueue("work")
        site.wait(lambda: set(jobs) <= site.diary.ended(), "it works")
        wire.piece = piece
        jobs += site.enqueue("work", count, seconds=0.05)
        jobs += site.enqueue("work", seconds=11)  # its lease is renewed on the way

        def all_ended() -> bool:
            """And let each piece take its own time."""
            wire.delay = rng.uniform(*delays)
            return set(jobs) <= site.diary.ended()

        site.wait(all_ended, "all jobs run", patience=90)
        site.wait(lambda: all_ended() and site.diary.lines("backend.slow"), "it is told", 60)
        site.wait(site.settled, "and are settled")

        site.diary.check(jobs)
        assert {len(runs) for runs in site.diary.runs().values()} == {1}
        assert not site.diary.lines("lease.lost")
        assert not site.diary.lines("reclaimed")
        assert not site.diary.lines("backend.down"), site.log_of(worker)
