"""Workers on RabbitMQ: what holds on a file holds here, as far as a broker tells."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

from anyjob.conformance.servers.own_process import Running
from tests.acceptance import test_crashes as crashes
from tests.acceptance import test_poison as poison
from tests.acceptance.conftest import RESUMED, Site
from tests.conformance.rabbitmq.server import ROOT, rabbitmq

#: Scenarios of workers that die and stop, which name no backend and ask for no record of a job.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_job_of_a_killed_worker_is_run_by_another,
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
    crashes.test_unbegun_jobs_of_a_killed_worker_lose_no_attempt,
    crashes.test_terminated_worker_finishes_what_runs_and_releases_the_rest,
    crashes.test_job_over_the_grace_is_released_without_an_attempt,
    crashes.test_twenty_kills_under_load_lose_nothing,
    poison.test_job_that_kills_its_workers_is_buried_and_takes_no_neighbour_along,
]


class RabbitSite(Site):
    """Knows what was enqueued, because a broker tells of ready jobs alone."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url)
        self._sent: set[str] = set()

    def enqueue(self, task: str, count: int = 1, **arguments: object) -> list[str]:
        ids = super().enqueue(task, count, **arguments)
        self._sent |= set(ids)
        return ids

    def settled(self, queue: str = "default") -> bool:
        counts = self.app.counts(queue)
        left = self._sent - self.diary.ended()
        return counts.ready == 0 and len(left) <= counts.dead


@pytest.fixture
def broker() -> Iterator[Running]:
    running = rabbitmq().start(_answers, ROOT)
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, broker: Running) -> Iterator[Site]:
    site = RabbitSite(tmp_path, broker.url)
    yield site
    site.close()


def _answers(running: Running) -> bool:
    with pika.BlockingConnection(pika.URLParameters(f"{running.url}%2F")):
        return True


@pytest.mark.parametrize("scenario", SHARED, ids=lambda function: function.__name__)
def test_on_rabbitmq(scenario: Callable[[Site], None], site: Site) -> None:
    scenario(site)


def test_broker_that_is_killed_under_load_loses_nothing(site: Site, broker: Running) -> None:
    jobs = site.enqueue("work", 1500, seconds=0.002)
    workers = [site.worker("-c", "8") for _ in range(2)]
    # Queues that were declared a moment ago may come back without a leader.
    time.sleep(3.0)
    for part in (1, 2):
        site.wait(
            lambda part=part: len(site.diary.ended()) >= 400 * part,  # type: ignore[misc]
            "the workers work",
        )
        broker.restart()
    site.wait(site.settled, "all jobs end", patience=60 + RESUMED)

    assert set(jobs) <= site.diary.ended()
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0, site.log_of(worker)


def test_broker_that_stands_still_holds_nobody_up_for_long(site: Site, broker: Running) -> None:
    site.enqueue("work", 20, seconds=0.01)
    site.worker("-c", "4")
    site.wait(site.settled, "the worker works")

    broker.freeze()
    time.sleep(12.0)
    broker.thaw()
    later = site.enqueue("work", 20)

    site.wait(lambda: set(later) <= site.diary.ended(), "the worker works again", RESUMED)
