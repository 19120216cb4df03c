"""Workers on kombu's Redis transport: one that is killed loses no job."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from anyjob.conformance.servers.own_process import Running
from tests.acceptance import test_crashes as crashes
from tests.acceptance import undelayed
from tests.acceptance.conftest import ANYJOB, Site
from tests.acceptance.rabbit_site import RabbitSite
from tests.conformance.kombu.redis_harness import KombuRedisHarness

#: Scenarios of workers that die, which name no backend and look up no job.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_job_of_a_killed_worker_is_run_by_another,
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
    crashes.test_lease_is_kept_while_a_job_runs_longer_than_it,
]


class KombuSite(RabbitSite):
    """Its program asks for nothing that kombu lacks."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url)
        self.app = undelayed.make(url, namespace=self.namespace)

    def worker(self, *options: str, **variables: str) -> subprocess.Popen[str]:
        command = [ANYJOB, "worker", "tests.acceptance.undelayed:make()", *options]
        return self.start(command, **variables)


@pytest.fixture
def server() -> Iterator[Running]:
    running = KombuRedisHarness.server.start(_answers, KombuRedisHarness.root)
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, server: Running) -> Iterator[Site]:
    site = KombuSite(tmp_path, server.url)
    yield site
    site.close()


def _answers(running: Running) -> bool:
    with contextlib.closing(redis.Redis.from_url(running.url.removeprefix("kombu+"))) as asked:
        return bool(asked.ping())


@pytest.mark.parametrize("scenario", SHARED, ids=lambda function: function.__name__)
def test_on_kombu_redis(scenario: Callable[[Site], None], site: Site) -> None:
    scenario(site)
