"""One worker process on a SQLite file and a Redis: what becomes of the one without the other."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anyjob import Job
from anyjob.conformance.servers.own_process import Running
from tests.acceptance import program
from tests.acceptance.conftest import BUSY, LEASE, RECOVERY, RESUMED, Site

#: What a call takes that nobody answers: far more than the longest a job may be late by.
SILENCE = 5.0
LATE = 2.0


class TwoSites(Site):
    """A site whose queue "a" is on Redis, and everything else in its SQLite file."""

    def __init__(self, folder: Path, server: Running) -> None:
        super().__init__(folder)
        self.several: dict[str, Any] = {
            "backends": {"cache": server.url},
            "queues": {"a": {"backend": "cache"}, "b": {}, "c": {}},
        }
        self.app.close()
        self.app = program.make(self.url, **self.several)

    def environment(self, **variables: str) -> dict[str, str]:
        several = {f"ANYJOB_{key.upper()}": json.dumps(v) for key, v in self.several.items()}
        return super().environment(**several | variables)

    def enqueue_at(self, queue: str, count: int = 1, **arguments: object) -> list[str]:
        task = self.app.tasks.get("work").using(queue=queue)
        answers = self.app.enqueue_many(task.job(**arguments) for _ in range(count))
        return [answer.id for answer in answers if isinstance(answer, Job)]

    def told(self) -> list[tuple[str, str]]:
        """What was told of backends, in order."""
        return [
            (line["event"], line["backend"])
            for line in self.diary.lines()
            if line["event"] in ("backend.down", "backend.up")
        ]


@pytest.fixture
def site(tmp_path: Path, server: Running) -> Iterator[TwoSites]:
    folder = tmp_path / "site"
    folder.mkdir()
    made = TwoSites(folder, server)
    yield made
    made.close()


def worked_off(site: TwoSites, is_over: Callable[[], object]) -> list[str]:
    """Give the file a job, again and again, as soon as the one before it has ended, until `is_over`
    and for 20 jobs at least; returns their ids. Fails if one begins late.
    """
    ids: list[str] = []
    while len(ids) < 20 or not is_over():
        asked = time.clock_gettime(time.CLOCK_MONOTONIC)
        [job] = site.enqueue_at("default")
        ids.append(job)
        site.wait(partial(_has_ended, site, job), "a job of the file ends")
        [run] = site.diary.runs()[job]
        assert run["at"] - asked < LATE, f"job {len(ids)} began {run['at'] - asked:.1f} s late"
    return ids


def _has_ended(site: TwoSites, job: str) -> bool:
    return job in site.diary.ended()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_file_goes_on_without_delay_while_redis_is_away(
    site: TwoSites, server: Running, how: str
) -> None:
    site.worker("-c", "4")
    before = site.enqueue_at("a", 5) + site.enqueue_at("default", 5)
    site.wait(lambda: set(before) <= site.diary.ended(), "both are worked on")

    stop, start = {
        "killed": (server.kill, server.run),
        "frozen": (server.freeze, server.thaw),
    }[how]
    stop()
    gone = time.monotonic()
    during = worked_off(
        site,
        lambda: ("backend.down", "cache") in site.told() and time.monotonic() > gone + SILENCE,
    )
    assert ("backend.up", "cache") not in site.told()
    start()
    site.wait(lambda: ("backend.up", "cache") in site.told(), "it is told", RESUMED)
    after = site.enqueue_at("a", 5)
    site.wait(lambda: set(after) <= site.diary.ended(), "Redis is worked on again", RESUMED)

    assert site.told() == [("backend.down", "cache"), ("backend.up", "cache")]
    site.diary.check([*before, *during, *after])


def test_worker_that_starts_without_redis_works_on_it_once_it_is_there(
    site: TwoSites, server: Running
) -> None:
    waiting = site.enqueue_at("a", 5)
    server.kill()
    [first] = site.enqueue_at("default")
    worker = site.worker()
    site.wait(lambda: first in site.diary.ended(), "it works on the file")
    assert ("backend.up", "cache") not in site.told()
    during = worked_off(site, lambda: ("backend.down", "cache") in site.told())
    server.run()
    site.wait(lambda: set(waiting) <= site.diary.ended(), "it works on Redis", RESUMED)
    site.wait(lambda: ("backend.up", "cache") in site.told(), "it is told")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    site.diary.check([first, *waiting, *during])


def test_jobs_of_a_killed_worker_are_run_by_another_on_both(site: TwoSites) -> None:
    jobs = [*site.enqueue_at("a", 2, seconds=2.0), *site.enqueue_at("default", 2, seconds=2.0)]
    more = [*site.enqueue_at("a", 100), *site.enqueue_at("default", 100)]
    first = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.open_by(first.pid)) == 4, "four are begun")

    first.kill()
    killed = time.clock_gettime(time.CLOCK_MONOTONIC)
    begun = site.diary.open_by(first.pid)
    site.worker("-c", "4")
    site.wait(lambda: {*jobs, *more} <= site.diary.ended(), "another worker ends them all")
    site.wait(lambda: site.settled("a") and site.settled(), "all is settled")

    again = [run for job in begun for run in site.diary.runs()[job][1:]]
    assert len(again) == len(begun)
    assert max(run["at"] for run in again) - killed <= RECOVERY + BUSY
    site.diary.check([*jobs, *more])


@pytest.mark.parametrize("is_away", [False, True], ids=["both there", "one away"])
def test_terminated_worker_drains_both(site: TwoSites, server: Running, is_away: bool) -> None:
    running = [*site.enqueue_at("a", 2, seconds=1.0), *site.enqueue_at("default", 2, seconds=1.0)]
    worker = site.worker("-c", "4", ANYJOB_LEASE=str(10 * LEASE))
    site.wait(lambda: site.diary.open_by(worker.pid) == {*running}, "all are begun")
    [waiting] = site.enqueue_at("default")
    if is_away:
        server.kill()

    worker.send_signal(signal.SIGTERM)
    code = worker.wait(timeout=40)

    assert set(running) <= site.diary.ended()
    assert waiting not in site.diary.runs()
    counts = site.app.counts("default")
    assert (counts.ready, counts.leased) == (1, 0)
    # What could not be recorded there runs again, and the exit code says so.
    assert code == (1 if is_away else 0)
    if not is_away:
        assert site.settled("a")
