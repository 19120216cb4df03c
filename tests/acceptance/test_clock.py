"""A wall clock that is set under workers: leases stay where they are, nothing begins early."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import jumping
from tests.acceptance.conftest import ANYJOB, LEASE, Site
from tests.acceptance.history import judged
from tests.acceptance.jumping import JumpingClock

HOUR, DAY = 3600.0, 86_400.0


class JumpingSite(Site):
    """A site all of whose processes share one wall clock, which tests set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.app.close()
        self.clock = JumpingClock(folder)
        self.app = jumping.make(self.url)

    def jumping_worker(self, *options: str) -> subprocess.Popen[str]:
        """Start a worker on the shared clock."""
        return self.start([ANYJOB, "worker", "tests.acceptance.jumping:make()", *options])


@pytest.fixture
def jumpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JumpingSite]:
    monkeypatch.setenv("PROGRAM_FOLDER", str(tmp_path))
    site = JumpingSite(tmp_path)
    yield site
    site.close()


def steady() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY])
def test_leases_do_not_move_when_the_wall_clock_is_set(jumpy: JumpingSite, jump: float) -> None:
    jobs = jumpy.enqueue("work", seconds=LEASE * 1.5) + jumpy.enqueue("awork", seconds=LEASE * 1.5)
    workers = [jumpy.jumping_worker("-c", "1") for _ in range(2)]
    jumpy.wait(lambda: len(jumpy.diary.runs()) == 2, "both jobs begin")

    jumpy.clock.jump(jump)
    jumpy.wait(lambda: jumpy.diary.ended() == set(jobs), "both jobs end")
    jumpy.wait(jumpy.settled, "both are settled")

    assert {len(runs) for runs in jumpy.diary.runs().values()} == {1}
    assert set(jumpy.diary.by_process()) == {worker.pid for worker in workers}
    assert judged(jumpy.diary.lines(), jobs).broken == {}
    assert all("the wall clock jumped by" in jumpy.log_of(worker) for worker in workers)


def test_lapsed_lease_comes_back_in_time_though_the_wall_clock_was_set_back(
    jumpy: JumpingSite,
) -> None:
    [job] = jumpy.enqueue("work", seconds=1.0)
    victim = jumpy.jumping_worker()
    jumpy.wait(jumpy.diary.runs, "the job begins")
    victim.kill()
    victim.wait()
    killed = steady()
    jumpy.clock.jump(-DAY)

    jumpy.jumping_worker()
    jumpy.wait(lambda: job in jumpy.diary.ended(), "another worker ends the job")

    second = jumpy.diary.runs()[job][1]
    assert (second["attempt"], second["redeliveries"]) == (1, 1)
    assert second["at"] - killed <= LEASE + 6


def test_delayed_job_never_begins_early_while_the_clock_steps_back_again_and_again(
    jumpy: JumpingSite,
) -> None:
    jumpy.jumping_worker()
    due = {}
    work = jumpy.app.tasks.get("work")
    for tenths in range(1, 21):
        asked = steady()
        job = work.using(delay=tenths / 10).enqueue()
        due[job.id] = asked + tenths / 10
        if tenths % 5 == 0:
            jumpy.clock.jump(-5.0)

    # As much forward as it went back: from then on each is due at once, or as it was.
    jumpy.wait(lambda: steady() > max(due.values()), "every delay has passed")
    begun_before = {line["job"]: line["at"] for line in jumpy.diary.lines("begin")}
    jumpy.clock.jump(20.0)
    jumpy.wait(lambda: jumpy.diary.ended() == set(due), "all have run")

    assert judged(jumpy.diary.lines(), set(due), due=due).broken == {}
    assert all(due[job] <= at for job, at in begun_before.items())


def test_job_with_an_hour_of_delay_follows_the_clock_when_that_is_set_forward(
    jumpy: JumpingSite,
) -> None:
    work = jumpy.app.tasks.get("work")
    job = work.using(delay=HOUR).enqueue()
    [soon] = jumpy.enqueue("work")
    jumpy.jumping_worker()
    jumpy.wait(lambda: soon in jumpy.diary.ended(), "the worker works")
    assert job.status() == "scheduled"

    jumpy.clock.jump(HOUR - 60)
    [next_one] = jumpy.enqueue("work")
    jumpy.wait(lambda: next_one in jumpy.diary.ended(), "the worker goes on")
    assert job.status() == "scheduled"
    jumpy.clock.jump(60)
    jumpy.wait(lambda: job.id in jumpy.diary.ended(), "its time has come")
