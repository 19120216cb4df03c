"""Somebody else's hand on the broker: queues and rights go under a worker, and it goes on (F26)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from anyjob import State
from anyjob.backends.rabbitmq.names import Names
from anyjob.conformance.servers.own_process import Running
from tests.acceptance.conftest import RESUMED
from tests.acceptance.rabbit_site import RabbitSite
from tests.acceptance.test_outage import seconds_computed, troubles
from tests.conformance.rabbitmq.harness import connection
from tests.conformance.rabbitmq.server import (
    PASSWORD,
    USER,
    Rights,
    configured,
    definitions,
    told,
)

#: How long a right is missing.
LASTS = 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    users = tmp_path_factory.mktemp("users") / "users.json"
    users.write_text(definitions({"worker": Rights("^$", ".*", ".*")}))
    running = configured(f"load_definitions = {users}\n")
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, server: Running) -> Iterator[RabbitSite]:
    site = RabbitSite(tmp_path, server.url)
    yield site
    site.close()


@pytest.fixture
def admin(server: Running) -> Iterator[BlockingChannel]:
    with connection(server.url) as opened:
        yield opened.channel()


def bands(site: RabbitSite, queue: str) -> list[str]:
    return Names(site.namespace, 3).bands(queue)


def test_queue_that_is_deleted_under_a_worker_is_made_again_and_others_go_on(
    site: RabbitSite, admin: BlockingChannel
) -> None:
    worker = site.worker("-c", "4")
    first = site.enqueue("work", 5)
    site.wait(lambda: set(first) <= site.diary.ended(), "the worker works")

    for name in bands(site, "default"):
        admin.queue_delete(name)
    gone = time.monotonic()
    other = [site.app.tasks.get("work").using(queue="a").enqueue().id for _ in range(5)]
    site.wait(lambda: set(other) <= site.diary.ended(), "another queue's jobs run", RESUMED)
    site.wait(lambda: site.diary.lines("backend.replaced"), "it is told", RESUMED)
    noticed = time.monotonic() - gone
    later = site.enqueue("work", 5)
    site.wait(lambda: set(later) <= site.diary.ended(), "its own run again", RESUMED)

    assert worker.poll() is None
    assert "Traceback" not in site.log_of(worker)
    assert noticed < RESUMED
    [line] = site.diary.lines("backend.replaced")
    assert line["queues"] == ["default"]
    site.diary.check([*first, *other, *later])


def test_queue_that_is_purged_under_a_worker_costs_its_jobs_alone(
    site: RabbitSite, admin: BlockingChannel
) -> None:
    worker = site.worker("-c", "1")
    running = site.enqueue("work", 1, seconds=2.0)
    site.wait(lambda: site.diary.open_by(worker.pid), "a job begins")
    waiting = site.enqueue("work", 50)

    purged = sum(
        int(admin.queue_purge(name).method.message_count or 0) for name in bands(site, "default")
    )
    later = site.enqueue("work", 5)
    site.wait(lambda: {*running, *later} <= site.diary.ended(), "the rest runs", RESUMED)
    site.wait(lambda: site.app.counts().ready == 0, "nothing is left")

    assert worker.poll() is None
    assert len(site.diary.ended() & set(waiting)) == len(waiting) - purged
    assert purged > 0


class Trouble(NamedTuple):
    """What an administrator takes from the user "worker" and gives back, in Erlang; `said` is in
    the log meanwhile.
    """

    take: str
    give: str
    said: str


def _rights(read: str) -> str:
    return (
        'rabbit_auth_backend_internal:set_permissions(<<"worker">>, <<"/">>, <<"^$">>, <<".*">>,'
        f' <<"{read}">>, <<"t">>)'
    )


def _password(password: str) -> str:
    return f'rabbit_auth_backend_internal:change_password(<<"worker">>, <<"{password}">>, <<"t">>)'


#: What a channel may, and who its connection is, are remembered until that ends.
_CUT = (
    '[rabbit_networking:close_connection(Pid, "rights") || Pid <- rabbit_networking:connections(),'
    ' [{user, <<"worker">>}] == rabbit_networking:connection_info(Pid, [user])]'
)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(
            Trouble(_rights("^$"), _rights(".*"), "does not let this user"),
            id="right",
        ),
        pytest.param(
            Trouble(_password("another"), _password(PASSWORD), "refuses the user or the password"),
            id="password",
        ),
    ],
)
def test_right_that_is_lost_is_told_calmly_and_used_again_when_it_is_back(
    site: RabbitSite, server: Running, trouble: Trouble
) -> None:
    # The administrator makes the queues.
    site.enqueue("work")
    url = server.url.replace(f"{USER}:{PASSWORD}", f"worker:{PASSWORD}")
    worker = site.worker("-c", "4", ANYJOB_BACKEND=url)
    site.wait(site.settled, "it works")

    told(server.folder, f"{trouble.take}, {_CUT}")
    computed, began = seconds_computed(worker), time.monotonic()
    site.wait(lambda: trouble.said in site.log_of(worker), "it says so", RESUMED)
    site.wait(lambda: time.monotonic() - began > LASTS, "some seconds pass")
    lasted, computed = time.monotonic() - began, seconds_computed(worker) - computed
    reported = troubles(site, worker)
    told(server.folder, trouble.give)
    jobs = site.enqueue("work", 5)
    site.wait(lambda: set(jobs) <= site.diary.ended(), "it works again", RESUMED)

    assert worker.poll() is None, site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    assert PASSWORD not in site.log_of(worker)
    assert len(reported) <= lasted + 1
    assert computed < lasted / 4


def test_foreign_message_is_buried_with_its_bytes(site: RabbitSite, admin: BlockingChannel) -> None:
    worker = site.worker("-c", "2")
    jobs = site.enqueue("work", 3)
    admin.basic_publish("", bands(site, "default")[1], b"\x00hello")
    later = site.enqueue("work", 3)
    site.wait(lambda: {*jobs, *later} <= site.diary.ended(), "the jobs run")
    site.wait(lambda: site.app.counts().dead == 1, "it is buried")

    [dead] = site.app.browse("default", State.DEAD).jobs
    assert dead.reason == "undecodable"
    assert worker.poll() is None
    assert "Traceback" not in site.log_of(worker)
