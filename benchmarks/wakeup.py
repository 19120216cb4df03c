"""How long after an enqueue in another process an idle worker begins the job."""

from __future__ import annotations

import random
import statistics
import time

from benchmarks.processes import worker
from benchmarks.quantile import quantile
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.stage import Stage, stage

PER_ROUND = 40
#: Seconds between two jobs: the worker is idle again by then, and no rhythm of its own is met.
GAPS = (0.1, 0.7)


def measure(settings: Settings) -> list[Result]:
    """Enqueue single jobs at odd times."""
    per_round = 10 if settings.is_quick else PER_ROUND
    jobs = settings.rounds * per_round
    with stage(settings.folder, jobs + 1) as here, worker(here.variables):
        here.task("lag").enqueue(jobs, time.monotonic())
        _wait_for(here, jobs)
        lags = [_lag(here, number) * 1000 for number in range(jobs)]
    rounds = [lags[at : at + per_round] for at in range(0, jobs, per_round)]
    return [
        Result(
            measurement="wakeup",
            figure="p95",
            title="SQLite: from the call of enqueue to the job in an idle worker, p95",
            unit="ms",
            samples=[quantile(each, 95) for each in rounds],
            target=Target("most", 50),
        ),
        Result(
            measurement="wakeup",
            figure="p50",
            title="SQLite: the same, p50",
            unit="ms",
            samples=[statistics.median(each) for each in rounds],
        ),
    ]


def _lag(here: Stage, number: int) -> float:
    time.sleep(random.uniform(*GAPS))
    here.task("lag").enqueue(number, time.monotonic())
    _wait_for(here, number)
    return here.slots[number]


def _wait_for(here: Stage, number: int) -> None:
    deadline = time.monotonic() + 30
    while not here.slots[number]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {number} was not run within 30 s")
        time.sleep(0.005)
