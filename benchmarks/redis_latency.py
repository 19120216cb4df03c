"""How long it takes at low load from the call of enqueue to the job, in another process."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.processes import worker
from benchmarks.quantile import quantile
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column
from benchmarks.slots import Slots
from benchmarks.spin import awake
from benchmarks.stage import stage

#: Seconds between two jobs: the worker waits again by then.
GAP = 0.02
#: Jobs before those that count: they import, connect and load scripts.
FIRST = 10
#: Seconds from the first of them to the rest, for a worker that has just started to settle down.
CALM = 1.0


def measure(settings: Settings) -> list[Result]:
    """Enqueue single jobs, 20 ms apart."""
    jobs = 60 if settings.is_quick else 200
    with server(settings.folder) as url, awake():
        given = {"url": url, "folder": str(settings.folder), "jobs": jobs}
        rounds = alternate(
            {"anyjob": Side("benchmarks.redis_latency:side", given)}, settings.rounds
        )
    ours = rounds["anyjob"]
    return [
        _result(name, column(ours, name), target)
        for name, target in (("p50", 0.6), ("p95", None), ("p99", 4.0))
    ]


def _result(name: str, samples: list[float], target: float | None) -> Result:
    return Result(
        measurement="redis_latency",
        figure=name,
        title=f"Redis: from the call of `enqueue` to the job, every {1000 * GAP:g} ms, {name}",
        unit="ms",
        samples=samples,
        target=None if target is None else Target("most", target),
    )


def side(url: str, folder: str, jobs: int) -> Figures:
    """Enqueue for a worker process, and read what its jobs left."""
    with (
        stage(Path(folder), FIRST + jobs, url) as here,
        worker(here.variables, log=here.log) as process,
    ):
        lag = here.task("lag")
        lag.enqueue(0, time.monotonic())
        here.slots.wait_for(1, timeout=30, worker=process)
        time.sleep(CALM)
        for number in range(1, FIRST + jobs):
            time.sleep(GAP)
            lag.enqueue(number, time.monotonic())
        here.slots.wait_for(FIRST + jobs, timeout=30, worker=process)
        return lags(here.slots)


def lags(slots: Slots) -> Figures:
    """The figures of what `lag` left, in milliseconds."""
    milliseconds = [1000 * slots[number] for number in range(FIRST, len(slots))]
    return {f"p{percent}": quantile(milliseconds, percent) for percent in (50, 95, 99)}
