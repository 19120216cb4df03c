"""What is too large for Redis: refused before anything is sent."""

from __future__ import annotations

import pytest

from anyjob import PayloadTooLarge
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import Envelope
from tests.acceptance.conftest import Site, client
from tests.acceptance.test_misbehaving import memory_of

#: `max_payload` of the configuration.
LIMIT = 1024 * 1024


@pytest.fixture
def site(redis_site: Site) -> Site:
    redis_site.app.open()
    return redis_site


def received(server: Running) -> int:
    """How many bytes the server was sent."""
    with client(server) as admin:
        return int(admin.info("stats")["total_net_input_bytes"])


def test_job_of_ten_megabytes_is_refused_before_anything_is_sent(
    site: Site, server: Running
) -> None:
    task = site.app.tasks.get("misbehave")
    before = received(server)

    with pytest.raises(PayloadTooLarge, match=f"more than the {LIMIT}"):
        task.enqueue("x" * 10_000_000)

    # The two looks of this test.
    assert received(server) - before < 10_000
    assert site.app.counts().ready == 0


def test_job_of_a_byte_more_than_declared_is_refused_before_anything_is_sent(
    site: Site, server: Running
) -> None:
    limit = site.app.backend.capabilities.max_payload
    assert limit is not None
    before = received(server)

    with pytest.raises(PayloadTooLarge):
        site.app.backend.enqueue([Envelope("large", "default", bytes(limit + 1))])

    assert received(server) - before < 10_000


def test_results_of_fifty_megabytes_are_not_sent_and_leave_no_memory_taken(
    site: Site, server: Running
) -> None:
    worker = site.worker("-c", "1")
    [warm_up] = site.enqueue("work")
    site.wait(lambda: warm_up in site.diary.ended(), "the worker is awake")
    before, sent = memory_of(worker.pid), received(server)

    site.enqueue("misbehave", 6, how="large result")
    site.wait(lambda: site.app.counts().dead == 6, "all are buried")

    # Six of them together are 300 MB; one may not have been given back to the system yet.
    assert memory_of(worker.pid) - before < 150_000_000
    assert received(server) - sent < 1_000_000
