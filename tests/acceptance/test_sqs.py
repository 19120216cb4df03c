"""Workers on SQS: what holds on a file holds here, but for what SQS shows and counts."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance import test_crashes as crashes
from tests.acceptance import test_poison as poison
from tests.acceptance.conftest import Site
from tests.conformance.sqs.service import Service, own

#: Scenarios that look up no job and count no lost lease exactly.
SHARED: list[Callable[[Site], None]] = [
    crashes.test_effect_happens_once_when_the_worker_dies_before_it_settles,
    crashes.test_lease_is_kept_while_a_job_runs_longer_than_it,
    poison.test_job_that_kills_its_workers_is_buried_and_takes_no_neighbour_along,
]
#: What a dead worker's waiting requests still take comes back within their wait and a lease.
RECOVERED = 60.0


@pytest.fixture
def service() -> Iterator[Service]:
    with own() as service:
        yield service


@pytest.fixture
def site(tmp_path: Path, service: Service) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder, service.url)
    yield site
    site.close()


@pytest.mark.parametrize("scenario", SHARED, ids=lambda function: function.__name__)
def test_on_sqs(scenario: Callable[[Site], None], site: Site) -> None:
    scenario(site)


def test_job_of_a_killed_worker_is_run_by_another(site: Site) -> None:
    [job] = site.enqueue("work", seconds=2.0)
    first = site.worker()
    site.wait(lambda: site.diary.open_by(first.pid), "the job begins")

    first.kill()
    site.worker()
    site.wait(lambda: job in site.diary.ended(), "another worker ends the job", RECOVERED)

    before, after = site.diary.runs()[job]
    assert (before["attempt"], before["redeliveries"]) == (1, 0)
    assert after["attempt"] == 1
    # Its own requests may have taken the job once more after its death.
    assert 1 <= int(str(after["redeliveries"])) <= 5


def test_ten_kills_under_load_lose_nothing(site: Site) -> None:
    rng = random.Random(10)
    jobs = site.enqueue("work", 500, seconds=0.002)
    held: set[str] = set()
    for _ in range(10):
        worker = site.worker("-c", "8")
        begun = len(site.diary.lines("begin"))
        site.wait(
            lambda begun=begun: len(site.diary.lines("begin")) > begun or site.settled(),  # type: ignore[misc]
            "the worker runs jobs",
        )
        time.sleep(rng.uniform(0.0, 0.1))
        worker.kill()
        worker.wait()
        held |= site.diary.begun_by(worker.pid)

    site.worker("-c", "32")
    site.wait(site.settled, "all jobs end", RECOVERED)

    site.diary.check(jobs)
    runs = site.diary.runs()
    assert {job for job in jobs if len(runs[job]) > 1} <= held


def test_service_that_is_gone_and_back_under_load_loses_nothing(
    site: Site, service: Service
) -> None:
    jobs = site.enqueue("work", 400, seconds=0.005)
    worker = site.worker("-c", "8")
    for part in (1, 2, 3):
        site.wait(
            lambda part=part: len(site.diary.ended()) >= 100 * part,  # type: ignore[misc]
            "the worker works",
            RECOVERED,
        )
        service.running.restart()
    site.wait(site.settled, "all jobs end", RECOVERED)

    site.diary.check(jobs)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(40) == 0, site.log_of(worker)
