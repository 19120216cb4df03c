"""Many processes on one file while some of them are killed: nothing lost, nobody starved."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from anyjob import State
from tests.acceptance.conftest import RECOVERY, Site
from tests.acceptance.diary import write
from tests.acceptance.history import judged, runs_of

#: Repeat a failure with SEED=<number>; it is printed.
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
#: Shares are reckoned for spans of so many seconds in which a process lived throughout.
SPAN = 0.25


def now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def kill(site: Site, process: subprocess.Popen[str]) -> None:
    """Kill a process and write that into the diary."""
    process.kill()
    assert process.wait() == -signal.SIGKILL, site.log_of(process)
    write(site.folder, "killed", "", pid=process.pid)


def leased(site: Site) -> set[str]:
    page = site.app.browse("default", State.LEASED, limit=1000)
    assert page.cursor is None
    return {job.id for job in page.jobs}


def test_twenty_deaths_repeat_only_what_was_not_settled_and_soon(site: Site) -> None:
    sys.stdout.write(f"SEED={SEED}\n")
    rng = random.Random(SEED)
    accepted: list[str] = []
    unsettled: dict[int, set[str]] = {}
    variables = {"ANYJOB_MAX_REDELIVERIES": "20"}
    site.worker("-c", "8", **variables)

    def has_begun(victim: subprocess.Popen[str]) -> bool:
        """Keep more ready than both workers run meanwhile, until the victim has its share."""
        if site.app.counts().ready < 200:
            accepted.extend(site.enqueue("work", 200, seconds=0.02))
        return bool(site.diary.begun_by(victim.pid))

    for _ in range(20):
        victim = site.worker("-c", "8", **variables)
        site.wait(lambda v=victim: has_begun(v), "it works")  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.2))
        kill(site, victim)
        # What its death left: nobody else can have it before its lease has run out.
        unsettled[victim.pid] = leased(site)
    site.wait(site.settled, "all jobs end", patience=60)

    lines = site.diary.lines()
    assert judged(lines, accepted).broken == {}
    repeated = 0
    for job, runs in runs_of(lines).items():
        for before, after in pairwise(runs):
            repeated += 1
            assert before.struck is not None
            assert job in unsettled[before.begin["pid"]], f"{job} was settled and ran again"
            assert after.begin["at"] - before.struck["at"] <= RECOVERY
    assert repeated, "no kill struck a running job"


def test_nobody_gets_less_than_half_its_share_of_the_file_under_random_kills(site: Site) -> None:
    sys.stdout.write(f"SEED={SEED}\n")
    rng = random.Random(SEED)
    crowd = Crowd(site)
    backlog = site.enqueue("work", 4000, seconds=0.004)
    crowd.start()
    site.wait(lambda: len(crowd.lives()) == 6, "everybody is at work")

    until = now() + 10
    while now() < until:
        time.sleep(rng.uniform(0.4, 1.0))
        crowd.replace(rng.randrange(6))
    crowd.stop_producing()
    site.wait(site.settled, "all jobs end", patience=90)

    accepted = set(backlog) | crowd.accepted
    verdict = judged(site.diary.lines(), accepted)
    # A producer may die between the commit and its outbox, once a death.
    assert len(verdict.phantom) <= crowd.deaths_of_producers
    verdict.phantom.clear()
    assert verdict.broken == {}
    for seat, (got, fair) in crowd.shares().items():
        assert got >= fair / 2, f"{seat} got {got} of {fair:.0f}"


class Crowd:
    """Four workers and two producers; each has a seat, which a killed one leaves to the next."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seats: list[list[subprocess.Popen[str]]] = [[] for _ in range(6)]
        self.deaths_of_producers = 0
        self._killed: dict[int, float] = {}

    def start(self) -> None:
        for seat in range(6):
            self._sit_down(seat)

    def replace(self, seat: int) -> None:
        """Kill who sits there, once it has begun to work, and let another sit down."""
        process = self._seats[seat][-1]
        self._site.wait(lambda: process.pid in self.lives(), "the victim is at work")
        self._kill(process, seat)
        self._sit_down(seat)

    def stop_producing(self) -> None:
        for seat in (4, 5):
            self._kill(self._seats[seat][-1], seat)

    @property
    def accepted(self) -> set[str]:
        return {job for path in self._outboxes() for job in path.read_text().split()}

    def lives(self) -> dict[int, list[float]]:
        """When each process did something, by the diary's clock, in order."""
        lives: dict[int, list[float]] = defaultdict(list)
        for line in self._site.diary.lines("begin"):
            lives[line["pid"]].append(line["at"])
        # An id carries the millisecond of the wall clock in which it was made.
        apart = time.time() - now()
        by_outbox = {
            f"outbox-{seat}{number}.txt": process.pid
            for seat in (4, 5)
            for number, process in enumerate(self._seats[seat])
        }
        for path in self._outboxes():
            made = [(UUID(job).int >> 80) / 1000 - apart for job in path.read_text().split()]
            if made:
                lives[by_outbox[path.name]] = made
        return dict(lives)

    def shares(self) -> dict[str, tuple[int, float]]:
        """What each seat did, and what an equal share would have been, while all lived."""
        lives = self.lives()
        end = min(self._killed[self._seats[seat][-1].pid] for seat in (4, 5))
        shares: dict[str, tuple[int, float]] = {}
        for kind, seats in (("worker", range(4)), ("producer", range(4, 6))):
            got: dict[int, int] = defaultdict(int)
            fair: dict[int, float] = defaultdict(float)
            for span in self._spans(lives, end):
                done = {seat: self._done(lives, seat, span) for seat in seats}
                present = {seat: count for seat, count in done.items() if count is not None}
                for seat, count in present.items():
                    got[seat] += count
                    fair[seat] += sum(present.values()) / len(present)
            shares |= {f"{kind} {seat}": (got[seat], fair[seat]) for seat in seats}
        return shares

    def _spans(self, lives: dict[int, list[float]], end: float) -> list[float]:
        begin = min(times[0] for times in lives.values())
        return [begin + SPAN * number for number in range(int((end - begin) / SPAN))]

    def _done(self, lives: dict[int, list[float]], seat: int, span: float) -> int | None:
        """What a seat did in a span; None if nobody lived there throughout."""
        for process in self._seats[seat]:
            times = lives.get(process.pid, [])
            killed = self._killed.get(process.pid, float("inf"))
            if times and times[0] <= span and span + SPAN <= killed:
                return sum(span <= at < span + SPAN for at in times)
        return None

    def _sit_down(self, seat: int) -> None:
        if seat < 4:
            process = self._site.worker("-c", "2", ANYJOB_MAX_REDELIVERIES="20")
        else:
            number = f"{seat}{len(self._seats[seat])}"
            process = self._site.start(
                [sys.executable, "-m", "tests.acceptance.producer", number, "100000"]
            )
        self._seats[seat].append(process)

    def _kill(self, process: subprocess.Popen[str], seat: int) -> None:
        self._killed[process.pid] = now()
        kill(self._site, process)
        self.deaths_of_producers += seat >= 4

    def _outboxes(self) -> list[Path]:
        return list(self._site.folder.glob("outbox-*.txt"))
