"""What a hundred thousand jobs that are due in an hour cost the worker that waits for them."""

from __future__ import annotations

import time

import psutil

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.stage import stage

#: Enough to import what a job needs, and too few to leave freed memory that would hide a growth.
WARM_UP = 50


def measure(settings: Settings) -> list[Result]:
    """Compare the worker's memory before and after they were enqueued."""
    return growth_on(settings, "delayed", "SQLite")


def growth_on(settings: Settings, measurement: str, place: str, url: str = "") -> list[Result]:
    """The same on the Redis of `url`, or on a fresh SQLite file."""
    jobs = 10_000 if settings.is_quick else 100_000
    rounds = [_memory(settings, jobs, url) for _ in range(settings.rounds)]
    return [
        Result(
            measurement=measurement,
            figure="memory",
            title=f"{place}: growth of a worker's memory with {jobs} delayed jobs",
            unit="MiB",
            samples=[highest - before for before, highest in rounds],
            target=Target("most", 5),
        ),
        Result(
            measurement=measurement,
            figure="absolute",
            title=f"{place}: a worker's memory (RSS) with {jobs} delayed jobs",
            unit="MiB",
            samples=[highest for _, highest in rounds],
            seen={"before": [before for before, _ in rounds]},
        ),
    ]


def _memory(settings: Settings, jobs: int, url: str) -> tuple[float, float]:
    """MiB before the jobs were enqueued, and at most while they came and for some seconds after."""
    with (
        stage(settings.folder, WARM_UP, url) as here,
        worker(here.variables, log=here.log) as process,
    ):
        here.fill("noop", WARM_UP)
        here.slots.wait_for(WARM_UP, timeout=60, worker=process)
        time.sleep(2)
        watched = psutil.Process(process.pid)
        before = highest = watched.memory_info().rss
        later = here.task("noop").using(delay=3600)
        here.app.enqueue_many(later.job(number) for number in range(jobs))
        for _ in range(4 if settings.is_quick else 20):
            time.sleep(0.25)
            highest = max(highest, watched.memory_info().rss)
        scheduled = here.app.counts().scheduled
    if scheduled != jobs:
        raise RuntimeError(f"{jobs} delayed jobs were enqueued and {scheduled} are stored")
    return before / 2**20, highest / 2**20
