"""Workers on Redis: what holds on a file holds here, and what a server can do besides."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from anyjob import BackendFull
from anyjob.conformance.servers.own_process import Running
from tests.acceptance import test_crashes as crashes
from tests.acceptance import test_load as load
from tests.acceptance import test_poison as poison
from tests.acceptance.conftest import Site, client

#: Scenarios of workers that die, freeze and stop, which name no backend.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_job_of_a_killed_worker_is_run_by_another,
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
    crashes.test_unbegun_jobs_of_a_killed_worker_lose_no_attempt,
    crashes.test_frozen_worker_drops_what_another_took_over,
    crashes.test_terminated_worker_finishes_what_runs_and_releases_the_rest,
    crashes.test_job_over_the_grace_is_released_without_an_attempt,
    crashes.test_twenty_kills_under_load_lose_nothing,
    crashes.test_lease_is_kept_while_a_job_runs_longer_than_it,
    load.test_twenty_deaths_repeat_only_what_was_not_settled_and_soon,
    poison.test_job_that_kills_its_workers_is_buried_and_takes_no_neighbour_along,
]


@pytest.fixture
def site(redis_site: Site) -> Site:
    return redis_site


@pytest.mark.parametrize("scenario", SHARED, ids=lambda function: function.__name__)
def test_on_redis(scenario: Callable[[Site], None], site: Site) -> None:
    scenario(site)


def test_server_that_is_killed_again_and_again_under_load_loses_nothing(
    site: Site, server: Running
) -> None:
    jobs = site.enqueue("work", 3000, seconds=0.002)
    workers = [site.worker("-c", "8") for _ in range(2)]
    for part in (1, 2, 3, 4):
        site.wait(
            lambda part=part: len(site.diary.ended()) >= 500 * part,  # type: ignore[misc]
            "the workers work",
        )
        server.restart()
    site.wait(site.settled, "all jobs end", patience=60)

    site.diary.check(jobs)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0, site.log_of(worker)


def test_scripts_that_are_forgotten_in_mid_run_are_sent_again(site: Site, server: Running) -> None:
    jobs = site.enqueue("work", 2000, seconds=0.001)
    worker = site.worker("-c", "8")
    admin = client(server)
    while len(site.diary.ended()) < 1000:
        admin.script_flush()
        time.sleep(0.05)
    site.wait(site.settled, "all jobs end")

    site.diary.check(jobs)
    assert not site.diary.lines("reclaimed"), site.log_of(worker)


def test_full_server_refuses_jobs_and_lets_a_worker_settle_what_it_has(
    site: Site, server: Running
) -> None:
    jobs = site.enqueue("work", 500, seconds=0.002)
    admin = client(server)
    admin.config_set("maxmemory", 1)
    with pytest.raises(BackendFull, match="raise maxmemory"):
        site.enqueue("work")

    site.worker("-c", "8")
    site.wait(site.settled, "all jobs end")
    site.diary.check(jobs)

    admin.config_set("maxmemory", 0)
    later = site.enqueue("work")
    site.wait(lambda: set(later) <= site.diary.ended(), "what came later ends")


def test_idle_worker_hears_of_a_job_at_once_and_asks_for_none_meanwhile(
    site: Site, server: Running
) -> None:
    site.worker(ANYJOB_LEASE="30")
    [first] = site.enqueue("work")
    site.wait(lambda: first in site.diary.ended(), "the worker works")
    time.sleep(1.0)
    admin = client(server)

    admin.config_resetstat()
    time.sleep(12.0)

    calls = sum(
        each["calls"]
        for name, each in admin.info("commandstats").items()
        if name in ("cmdstat_evalsha", "cmdstat_bzpopmin", "cmdstat_smembers")
    )
    # At most one a second, the look of this test apart.
    assert calls <= 12, admin.info("commandstats")
