"""What a hundred thousand jobs that are due in an hour cost the worker that waits for them."""

from __future__ import annotations

import time

import psutil

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.stage import stage

WARM_UP = 2000


def measure(settings: Settings) -> list[Result]:
    """Compare the worker's memory before and after they were enqueued."""
    jobs = 10_000 if settings.is_quick else 100_000
    return [
        Result(
            measurement="delayed",
            figure="memory",
            title=f"SQLite: growth of a worker's memory with {jobs} delayed jobs",
            unit="MiB",
            samples=[_growth(settings, jobs) for _ in range(settings.rounds)],
            target=Target("most", 5),
        )
    ]


def _growth(settings: Settings, jobs: int) -> float:
    """The highest memory while the jobs come and for some seconds after, above that before."""
    with stage(settings.folder, WARM_UP) as here, worker(here.variables) as process:
        noop = here.task("noop")
        here.app.enqueue_many(noop.job(number) for number in range(WARM_UP))
        here.slots.wait_for(WARM_UP, timeout=60, worker=process)
        time.sleep(2)
        watched = psutil.Process(process.pid)
        before = highest = watched.memory_info().rss
        later = noop.using(delay=3600)
        here.app.enqueue_many(later.job(number) for number in range(jobs))
        for _ in range(4 if settings.is_quick else 20):
            time.sleep(0.25)
            highest = max(highest, watched.memory_info().rss)
        scheduled = here.app.counts().scheduled
    if scheduled != jobs:
        raise RuntimeError(f"{jobs} delayed jobs were enqueued and {scheduled} are stored")
    return (highest - before) / 2**20
