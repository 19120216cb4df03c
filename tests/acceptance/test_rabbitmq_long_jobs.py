"""A task that outlasts the broker's `consumer_timeout`: refused at start, or run and fenced."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyjob.backends.rabbitmq.versions import numbers_of
from anyjob.conformance.servers.own_process import Running
from tests.acceptance.conftest import ANYJOB, BUSY, Site
from tests.acceptance.rabbit_site import RabbitSite
from tests.conformance.rabbitmq.server import LOOKING_EACH_SECOND, NEWEST, PROGRAM, configured

APP = "tests.acceptance.program:make()"
TIMEOUT, JOB = 10, 30.0
#: From the timeout to another delivery: the broker looks each second, or itself sets a timer.
NOTICED = 3.0 + BUSY


@pytest.fixture(scope="module", params=[PROGRAM, NEWEST])
def broker(request: pytest.FixtureRequest) -> Iterator[Running]:
    running = configured(
        f"consumer_timeout = {1000 * TIMEOUT}\n", LOOKING_EACH_SECOND, request.param
    )
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, broker: Running) -> Iterator[Site]:
    site = RabbitSite(tmp_path, f"{broker.url}?consumer_timeout={TIMEOUT}")
    yield site
    site.close()


def test_task_that_may_outlast_the_timeout_keeps_a_worker_from_starting(site: Site) -> None:
    ended = subprocess.run(
        [ANYJOB, "worker", APP],
        cwd=site.folder,
        env=site.environment(ANYJOB_DEFAULTS='{"timeout": 30}'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ended.returncode == 6, ended.stderr
    assert "may run for 30 s, and rabbitmq takes a job back after 10 s" in ended.stderr
    assert "allow_long_jobs" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_allowed_job_that_outlasts_the_timeout_is_fenced_and_its_worker_goes_on(
    site: Site,
) -> None:
    """B28, F25: 10 seconds, and a job of 30."""
    variables = {"ANYJOB_DEFAULTS": '{"timeout": 40}', "ANYJOB_ALLOW_LONG_JOBS": "true"}
    workers = [site.worker("-c", "2", **variables) for _ in range(2)]
    [long] = site.enqueue("work", seconds=JOB)
    site.wait(lambda: len(begun(site, long)) == 1, "the job begins")

    site.wait(lambda: len(begun(site, long)) == 2, "it is run again", TIMEOUT + NOTICED)
    first, second = begun(site, long)
    canaries = site.enqueue("work", 20)
    site.wait(lambda: set(canaries) <= site.diary.ended(), "other jobs run meanwhile", 10)
    site.wait(lambda: site.diary.lines("lease.lost"), "the first run's loss is told")

    assert second["token"] != first["token"]
    assert second["attempt"] == first["attempt"] == 1
    assert second["redeliveries"] >= first["redeliveries"]
    assert all(each.poll() is None for each in workers)
    assert all("Traceback" not in site.log_of(each) for each in workers)


def test_what_the_url_says_goes_before_the_broker_where_consumers_may_ask(
    tmp_path: Path, broker: Running
) -> None:
    site = RabbitSite(tmp_path, f"{broker.url}?consumer_timeout=60")
    try:
        site.worker("-c", "2", ANYJOB_DEFAULTS='{"timeout": 50}')
        [long] = site.enqueue("work", seconds=TIMEOUT + 2 * NOTICED)
        site.wait(lambda: long in site.diary.ended(), "it ends", 2 * TIMEOUT + 3 * NOTICED)

        # From 3.12 on the broker obeys; on 3.10 its own word is the last, and the URL's a mistake.
        is_asked = numbers_of(site.app.backend.capabilities.version) >= (3, 12)
        assert (len(begun(site, long)) == 1) is is_asked
    finally:
        site.close()


def begun(site: Site, job: str) -> list[dict[str, Any]]:
    return [line for line in site.diary.lines("begin") if line["job"] == job]
