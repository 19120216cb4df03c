"""How many no-op jobs a second a worker process runs, beside a bare loop of its statements."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks import bodies, tasks
from benchmarks.machine import fsync_costs
from benchmarks.processes import worker
from benchmarks.replay import commits, recording, replay
from benchmarks.result import Result
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate
from benchmarks.sqlite_enqueue import compared
from benchmarks.stage import Stage, stage

#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 5_000


def measure(settings: Settings) -> list[Result]:
    """Drain by a worker process and by the bare loop in turn, sync jobs."""
    jobs = _fitting(settings)
    arguments = {"folder": str(settings.folder), "jobs": jobs}
    rounds = alternate(
        {
            "anyjob": Side("benchmarks.sqlite_drain:side", arguments),
            "bare": Side("benchmarks.sqlite_drain:bare", arguments),
        },
        settings.rounds,
    )
    return compared(
        "sqlite_drain",
        "one worker process, no-op sync jobs",
        8_000,
        rounds["anyjob"],
        rounds["bare"],
    )


def side(folder: str, jobs: int) -> Figures:
    """Drain so many jobs by a worker process, timed by the stamps of the jobs."""
    with stage(Path(folder), jobs) as here:
        _fill(here, jobs)
        with worker(here.variables) as process:
            here.slots.wait_for(jobs, timeout=300, worker=process)
        return {"rate": here.slots.rate(0, jobs), **_fsync(here)}


def bare(folder: str, jobs: int) -> Figures:
    """Record what a worker's connection is asked, and replay it."""
    with stage(Path(folder), jobs) as here:
        _fill(here, jobs)
        here.app.close()
        fresh = here.folder / "bare.db"
        shutil.copy(here.database, fresh)
        with recording() as calls:
            _drain_here(here, jobs)
        spent = replay(calls, fresh)
        return {
            "rate": jobs / spent,
            "jobs_per_commit": jobs / commits(calls),
            **_fsync(here),
        }


def _fitting(settings: Settings) -> int:
    """How many jobs fill the wanted time."""
    figures = side(str(settings.folder), TRIAL)
    return max(TRIAL, int(1.2 * figures["rate"] * settings.seconds))


def _fill(here: Stage, jobs: int) -> None:
    noop = here.task("noop")
    here.app.enqueue_many(noop.job(number) for number in range(jobs))


def _drain_here(here: Stage, jobs: int) -> None:
    os.environ[bodies.SLOTS] = here.variables[bodies.SLOTS]
    with tasks.application(here.url) as app:
        with app.worker():
            here.slots.wait_for(jobs, timeout=300)
        left = app.counts()
    if left.ready or left.leased:
        raise RuntimeError(f"the recorded worker left jobs: {left}")


def _fsync(here: Stage) -> Figures:
    return {"fsync": sorted(fsync_costs(here.folder))[50]}
