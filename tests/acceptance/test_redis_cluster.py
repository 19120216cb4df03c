"""Workers on a Cluster: one of them serves queues on every node, and outlives a node."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import test_crashes as crashes
from tests.acceptance.conftest import Site
from tests.conformance.redis.cluster import Cluster, cluster, number_of


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Cluster]:
    """Three primaries and their replicas."""
    with cluster(tmp_path, replicas=True) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, six: Cluster) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder, f"{six.url}?wait_replicas=1")
    yield site
    site.close()


def enqueue_on(site: Site, queues: list[str], count: int) -> list[str]:
    """So many jobs for each queue; their ids."""
    task = site.app.tasks.get("work")
    drafts = [task.using(queue=queue).job(seconds=0.002) for queue in queues for _ in range(count)]
    return [answer.id for answer in site.app.enqueue_many(drafts)]  # type: ignore[union-attr]


def test_one_worker_serves_queues_on_every_node_and_outlives_a_primary(
    site: Site, six: Cluster
) -> None:
    queues = ["a", "b", "c"]
    assert {number_of(queue) for queue in queues} == {0, 1, 2}
    jobs = enqueue_on(site, queues, 500)
    worker = site.worker("-c", "8", "-q", ",".join(queues))
    site.wait(lambda: len(site.diary.ended()) >= 300, "the worker works")

    six.primaries[number_of("c")].kill()

    site.wait(lambda: set(jobs) <= site.diary.ended(), "every job ends", patience=90)
    assert set(jobs) <= site.diary.ended()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0, site.log_of(worker)
    # One line a second at most, and not one for every call that met it.
    assert site.log_of(worker).count("another server took over") == 1
    lines = [line for line in site.log_of(worker).splitlines() if " INFO " not in line]
    assert len(lines) < 60, "\n".join(lines)


def test_twenty_kills_under_load_lose_nothing(site: Site) -> None:
    crashes.test_twenty_kills_under_load_lose_nothing(site)
