"""The clocks of the machine itself, its wall clock set again and again under workers."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path

import pytest

from tests.acceptance.conftest import ANYJOB, LEASE, RECOVERY, ROOT, Site

HOUR, DAY = 3600.0, 86_400.0
#: Back and forth, and in small steps back, as a clock does that is corrected again and again.
JUMPS = [-5.0, -5.0, HOUR, -5.0, -2 * HOUR, -5.0, DAY, -5.0, -2 * DAY, -5.0, DAY + HOUR]
#: Where Python finds what sets the wall clock of a process, and the program.
SHIFTED = f"{Path(__file__).with_name('shifted')}:{ROOT}"
#: The program, telling the diary of every jump that its worker was told of.
WATCHING = """
from tests.acceptance import diary, program

jobs = program.make()

@jobs.on("clock.jump")
def jumped(event):
    diary.write(program.folder(), "jump", "", seconds=event.facts["seconds"])
"""


class Wall:
    """The wall clock of the workers."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.ahead = 0.0

    def jump(self, seconds: float) -> None:
        self.ahead += seconds
        new = self.file.with_suffix(".new")
        new.write_text(repr(self.ahead))
        new.replace(self.file)


def test_wall_clock_set_again_and_again_moves_no_lease(site: Site) -> None:
    (site.folder / "watching.py").write_text(WATCHING)
    wall = Wall(site.folder / "shift")
    variables = {
        "SHIFT_FILE": str(wall.file),
        "PYTHONPATH": SHIFTED,
    }
    long = [
        *site.enqueue("work", 2, seconds=LEASE * 2),
        *site.enqueue("awork", 2, seconds=LEASE * 2),
    ]
    workers = [
        site.start([ANYJOB, "worker", "watching:jobs", "-c", "3"], **variables) for _ in range(2)
    ]
    site.wait(lambda: set(long) <= set(site.diary.runs()), "the long jobs begin")

    jumps, short = cycle(JUMPS), set[str]()

    def have_ended() -> bool:
        return short <= site.diary.ended()

    while not set(long) <= site.diary.ended():
        wall.jump(next(jumps))
        short.update(site.enqueue("work", 4))
        site.wait(have_ended, "the workers go on")
    site.wait(site.settled, "all is settled")

    assert {len(runs) for runs in site.diary.runs().values()} == {1}
    site.diary.check(short | set(long))
    assert {job: site.app.show(job).redeliveries for job in long} == dict.fromkeys(long, 0)
    assert all("the wall clock jumped by" in site.log_of(worker) for worker in workers)
    # Each jump is told to each worker once, on its own or with those that came right after it.
    told: dict[int, float] = defaultdict(float)
    wall.jump(DAY)

    def all_is_told() -> bool:
        told.clear()
        for line in site.diary.lines("jump"):
            told[line["pid"]] += line["seconds"]
        return all(abs(told[worker.pid] - wall.ahead) < 1.0 for worker in workers)

    site.wait(all_is_told, "what is told comes to where the clock stands")


def test_worker_whose_wall_clock_is_ten_minutes_off_takes_no_job_away(site: Site) -> None:
    fast = Wall(site.folder / "fast")
    fast.jump(600.0)
    slow = Wall(site.folder / "slow")
    slow.jump(-600.0)
    long = site.enqueue("work", 4, seconds=LEASE * 1.5)
    workers = [
        site.worker("-c", "2", SHIFT_FILE=str(wall.file), PYTHONPATH=SHIFTED)
        for wall in (fast, slow)
    ]
    site.wait(lambda: set(long) <= set(site.diary.runs()), "the long jobs begin")
    short = site.enqueue("work", 20)
    site.wait(site.settled, "all is settled")

    assert set(site.diary.by_process()) == {worker.pid for worker in workers}
    assert {len(runs) for runs in site.diary.runs().values()} == {1}
    site.diary.check({*short, *long})


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_what_a_killed_worker_held_comes_in_time_to_one_that_is_ten_minutes_off(
    site: Site, ahead: float
) -> None:
    wall = Wall(site.folder / "off")
    wall.jump(ahead)
    [job] = site.enqueue("work", seconds=1.0)
    victim = site.worker("-c", "1")
    site.wait(site.diary.runs, "the job begins")
    victim.kill()
    killed = time.monotonic()

    site.worker("-c", "1", SHIFT_FILE=str(wall.file), PYTHONPATH=SHIFTED)
    site.wait(lambda: len(site.diary.runs()[job]) == 2, "another worker takes it")

    second = site.diary.runs()[job][1]
    assert (second["attempt"], second["redeliveries"]) == (1, 1)
    assert 0.0 < second["at"] - killed <= RECOVERY
