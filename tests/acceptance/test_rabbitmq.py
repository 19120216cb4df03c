"""Workers on RabbitMQ: what holds on a file holds here, as far as a broker tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

from anyjob.conformance.servers.own_process import Running
from tests.acceptance import test_crashes as crashes
from tests.acceptance.conftest import Site
from tests.conformance.rabbitmq.server import ROOT, rabbitmq

#: Scenarios of workers that die and stop, which name no backend and ask for no record of a job.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_job_of_a_killed_worker_is_run_by_another,
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
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
