"""Workers on RabbitMQ: what holds on a file holds here, as far as a broker tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anyjob.conformance.servers.own_process import Running
from tests.acceptance import test_crashes as crashes
from tests.acceptance.conftest import Site
from tests.acceptance.rabbit_site import RabbitSite
from tests.conformance.rabbitmq.server import NEWEST, PROGRAM, configured

#: Scenarios of workers that die and stop, which name no backend and ask for no record of a job.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_job_of_a_killed_worker_is_run_by_another,
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
]


@pytest.fixture(scope="module", params=[PROGRAM, NEWEST])
def broker(request: pytest.FixtureRequest) -> Iterator[Running]:
    running = configured(program=request.param)
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, broker: Running) -> Iterator[Site]:
    site = RabbitSite(tmp_path, broker.url)
    yield site
    site.close()


@pytest.mark.parametrize("scenario", SHARED, ids=lambda function: function.__name__)
def test_on_rabbitmq(scenario: Callable[[Site], None], site: Site) -> None:
    scenario(site)
