"""Certify: a worker on Redis is told to stop at any instant."""

from __future__ import annotations

import os
import random
import sys
import time

from tests.acceptance.conftest import Site

#: Repeat a failure with SEED=<number>; it is printed.
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
STOPS = 40
READY = 400


def test_worker_that_is_terminated_at_any_instant_loses_nothing_and_leaves_no_lease(
    redis_site: Site,
) -> None:
    """F8 and B5, shortened: 40 times of 500."""
    sys.stdout.write(f"SEED={SEED}\n")
    site, rng = redis_site, random.Random(SEED)
    jobs: list[str] = []
    for _ in range(STOPS):
        missing = READY - site.app.counts().ready
        jobs += site.enqueue("work", missing // 2, seconds=0.003)
        jobs += site.enqueue("awork", missing - missing // 2, seconds=0.003)
        worker = site.worker("-c", "8", "--grace", "10")
        site.wait(lambda w=worker: "works on" in site.log_of(w), "it begins")  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.25))
        worker.terminate()
        assert worker.wait(30) == 0, site.log_of(worker)
        # Nobody else works here: what it had not begun can be leased at once.
        assert site.app.counts().leased == 0, site.log_of(worker)

    site.worker("-c", "8")
    site.wait(site.settled, "all jobs end", patience=60)

    site.diary.check(jobs)
    assert {len(runs) for runs in site.diary.runs().values()} == {1}
    assert not site.diary.lines("reclaimed")
    assert len(site.diary.by_process()) > STOPS / 2, "few of them had begun to work"
