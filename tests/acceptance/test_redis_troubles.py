"""A server that answers and refuses, or that lost what it held: workers are calm, and go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import redis

from anyjob import BackendError, JobNotFound
from anyjob.conformance.servers.own_process import Running
from tests.acceptance.conftest import RESUMED, Site, client
from tests.acceptance.test_outage import seconds_computed, troubles
from tests.conformance.redis.pair import NAME, PASSWORD, Pair, pair

#: How long a trouble lasts.
LASTS = 3.0
#: Commands that the server may be sent in a second of it, those of scripts included: a loop without
#: a pause sends thousands.
CALM = 300


@pytest.fixture
def site(redis_site: Site) -> Site:
    return redis_site


class Trouble(Protocol):
    """What a server may refuse for a while; `said` is in the log meanwhile."""

    said: str

    def begin(self, admin: redis.Redis, server: Running) -> None:
        """Make it refuse."""

    def end(self, admin: redis.Redis, server: Running) -> None:
        """Let it be as it was."""


class WrongType:
    """Somebody else's key where the ready jobs are."""

    said = "another type"

    def begin(self, admin: redis.Redis, server: Running) -> None:
        admin.set("anyjob:{default}:r5", "somebody else's")

    def end(self, admin: redis.Redis, server: Running) -> None:
        admin.delete("anyjob:{default}:r5")


class NoDisk:
    """The server cannot write its snapshot, and refuses every change."""

    said = "cannot write its data to disk"

    def begin(self, admin: redis.Redis, server: Running) -> None:
        # Not even root can move a file to where a folder is.
        (server.folder / "dump.rdb").mkdir()
        admin.config_set("save", "3600 1")
        admin.bgsave()
        until = time.monotonic() + 20
        while admin.info("persistence")["rdb_last_bgsave_status"] == "ok":
            assert time.monotonic() < until, "the snapshot succeeds"
            time.sleep(0.01)

    def end(self, admin: redis.Redis, server: Running) -> None:
        admin.config_set("save", "")
        (server.folder / "dump.rdb").rmdir()


class Replica:
    """The server follows another one, and takes no change."""

    said = "it is a replica"

    def begin(self, admin: redis.Redis, server: Running) -> None:
        admin.replicaof("127.0.0.1", "1")

    def end(self, admin: redis.Redis, server: Running) -> None:
        admin.replicaof("NO", "ONE")


class RightLost:
    """Somebody takes a right away, and gives it back."""

    said = "does not let this user do what is needed"

    def begin(self, admin: redis.Redis, server: Running) -> None:
        admin.acl_setuser("default", commands=["-evalsha"])

    def end(self, admin: redis.Redis, server: Running) -> None:
        admin.acl_setuser("default", commands=["+evalsha"])


class PasswordChanged:
    """The server takes another password than the one in the URL, for a while."""

    said = "refuses the user or the password"

    def begin(self, admin: redis.Redis, server: Running) -> None:
        admin.config_set("requirepass", "another")
        admin.client_kill_filter(_type="normal", skipme=True)

    def end(self, admin: redis.Redis, server: Running) -> None:
        admin.config_set("requirepass", PASSWORD)


TROUBLES: list[Callable[[], Trouble]] = [WrongType, NoDisk, Replica, RightLost, PasswordChanged]


def asked(admin: redis.Redis) -> int:
    """How many commands the server was sent, those that it refused included."""
    said = admin.info("stats")
    return int(said["total_commands_processed"]) + int(said["total_error_replies"])


@pytest.mark.parametrize("kind", TROUBLES, ids=lambda kind: kind.__name__)
def test_refusal_is_reported_calmly_until_it_is_over(
    site: Site, server: Running, kind: Callable[[], Trouble]
) -> None:
    admin, trouble = client(server), kind()
    worker = site.worker("-c", "8")
    running = site.enqueue("work", 4, seconds=2.0)
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "the jobs begin")

    computed, commands = seconds_computed(worker), asked(admin)
    trouble.begin(admin, server)
    began = time.monotonic()
    site.wait(
        lambda: time.monotonic() - began > LASTS and trouble.said in site.log_of(worker),
        "the worker says what is wrong, some seconds long",
    )
    lasted, computed = time.monotonic() - began, seconds_computed(worker) - computed
    commands = asked(admin) - commands
    reported = troubles(site, worker)
    trouble.end(admin, server)
    after = site.enqueue("work", 3)
    site.wait(lambda: {*after, *running} <= site.diary.ended(), "jobs run again", RESUMED)
    site.wait(site.settled, "and are settled")

    assert worker.poll() is None, site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    assert len(reported) <= lasted + 1, site.log_of(worker)
    assert site.diary.lines("backend.down")
    assert commands <= CALM * lasted
    # Trying again and again without a pause would take all of a core.
    assert computed < lasted / 4


def test_jobs_are_taken_and_run_again_when_all_is_lost_and_what_is_brought_back_runs(
    site: Site, server: Running
) -> None:
    admin = client(server)
    workers = [site.worker("-c", "2") for _ in range(2)]
    first = site.enqueue("work", 20, seconds=0.05)
    site.wait(lambda: len(site.diary.by_process()) == 2, "both work")
    site.wait(site.settled, "what was enqueued has ended")
    jobs = site.app.tasks.get("work")
    backlog = [jobs.using(queue="a", delay=2.0).enqueue().id for _ in range(300)]
    backup = {key: admin.dump(key) or b"" for key in admin.scan_iter("anyjob:{a}:*", count=1000)}

    admin.flushall()
    emptied = site.enqueue("work", 20)
    site.wait(lambda: set(emptied) <= site.diary.ended(), "later jobs run", RESUMED)
    site.wait(lambda: len(site.diary.lines("store.reset_detected")) == 2, "both tell of it")
    lost = site.app.counts("a").scheduled
    for key, value in backup.items():
        admin.restore(key, 0, value, replace=True)
    site.wait(lambda: set(backlog) <= site.diary.ended(), "what was brought back runs", RESUMED)

    assert lost == 0
    site.diary.check([*first, *backlog, *emptied])
    assert {line["pid"] for line in site.diary.lines("store.reset_detected")} == {
        worker.pid for worker in workers
    }
    assert all(not troubles(site, worker) for worker in workers)


def test_empty_server_that_takes_over_is_told_of_and_worked_with(tmp_path: Path) -> None:
    with pair(tmp_path) as two:
        folder = tmp_path / "site"
        folder.mkdir()
        site = Site(folder, two.url)
        try:
            worker = site.worker("-c", "2")
            first = site.enqueue("work", 10)
            site.wait(lambda: set(first) <= site.diary.ended(), "the worker works")
            lost = site.app.tasks.get("work").using(delay=3600.0).enqueue()

            put_an_empty_one_in_its_place(two)
            # Whoever enqueues meets the same change, and waits for its new connection.
            later = enqueued_in_the_end(site, "work", 5)
            site.wait(lambda: set(later) <= site.diary.ended(), "jobs run there", RESUMED)
            site.wait(lambda: site.diary.lines("store.reset_detected"), "the loss is told")

            [failover] = site.diary.lines("backend.failover")
            assert failover["to"] == f"127.0.0.1:{two.replica.port}"
            assert failover["from"] == f"127.0.0.1:{two.primary.port}"
            assert {line["pid"] for line in site.diary.lines("store.reset_detected")} == {
                worker.pid
            }
            with pytest.raises(JobNotFound):
                site.app.show(lost.id)
        finally:
            site.close()


def put_an_empty_one_in_its_place(two: Pair) -> None:
    """Let the sentinel name a server that has nothing, and end the one that it named."""
    sentinel = redis.Redis(port=two.sentinel.port, socket_timeout=5.0)
    sentinel.execute_command("SENTINEL", "REMOVE", NAME)  # type: ignore[no-untyped-call]
    other = redis.Redis(port=two.replica.port, password=PASSWORD, socket_timeout=5.0)
    other.replicaof("NO", "ONE")
    other.flushall()
    watch = ("MONITOR", NAME, "127.0.0.1", two.replica.port, 1)
    sentinel.execute_command("SENTINEL", *watch)  # type: ignore[no-untyped-call]
    sentinel.execute_command("SENTINEL", "SET", NAME, "auth-pass", PASSWORD)  # type: ignore[no-untyped-call]
    two.primary.kill()


def enqueued_in_the_end(site: Site, task: str, count: int) -> list[str]:
    """Enqueue as soon as somebody takes it; one that is uncertain is another job's trouble."""
    until = time.monotonic() + RESUMED
    while True:
        try:
            return site.enqueue(task, count)
        except BackendError:
            assert time.monotonic() < until
            time.sleep(0.05)
