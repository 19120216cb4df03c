"""How many commits it takes when sixteen threads enqueue one job at a time."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Side, alternate, column
from benchmarks.stage import Stage, stage
from benchmarks.wal import commits_of

THREADS = 16


def measure(settings: Settings) -> list[Result]:
    """Let the threads enqueue, and count the commits in the database's log."""
    arguments = {"folder": str(settings.folder), "each": 50 if settings.is_quick else 300}
    rounds = alternate({"anyjob": Side("benchmarks.commits:side", arguments)}, settings.rounds)
    figures = rounds["anyjob"]
    return [
        Result(
            measurement="commits",
            figure="per_job",
            title=f"SQLite FULL: commits per job, {THREADS} threads enqueuing one by one",
            unit="commits",
            samples=column(figures, "commits_per_job"),
            target=Target("most", 0.25),
            seen={"jobs_per_second": column(figures, "rate")},
        )
    ]


def side(folder: str, each: int) -> dict[str, float]:
    """Enqueue `each` jobs from each thread."""
    jobs = THREADS * each
    with stage(Path(folder), jobs) as here:
        here.task("noop").enqueue(0)
        began = time.perf_counter()
        commits = commits_of(here.database, lambda: _enqueue(here, each))
        rate = jobs / (time.perf_counter() - began)
        stored = here.app.counts().ready - 1
    if stored != jobs:
        raise RuntimeError(f"{jobs} jobs were enqueued and {stored} are stored")
    return {"commits_per_job": commits / jobs, "rate": rate}


def _enqueue(here: Stage, each: int) -> None:
    task = here.task("noop")

    def enqueue() -> None:
        for number in range(each):
            task.enqueue(number)

    threads = [Thread(target=enqueue) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
