"""How many no-op jobs a second worker processes run from Redis, beside a bare loop and peers."""

from __future__ import annotations

import contextlib
from pathlib import Path

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column, ratios, run
from benchmarks.spin import awake
from benchmarks.stage import stage

#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 20_000


def measure(settings: Settings) -> list[Result]:
    """Drain by one worker process, by two, and by the bare loop in turn."""
    with server(settings.folder) as url, awake():
        sides = {
            name: _fitting(side, settings.seconds) for name, side in _sides(settings, url).items()
        }
        rounds = alternate(sides, settings.rounds)
    return [
        _ratio(
            "sync_by_bare",
            "one worker process, sync jobs, part of the rate of a bare loop over the scripts",
            rounds["sync"],
            rounds["bare"],
            0.4,
        ),
        _ratio(
            "two_by_one",
            "two worker processes, sync jobs, times the rate of one",
            rounds["two"],
            rounds["sync"],
            1.25,
        ),
        *_rates(rounds),
    ]


def _sides(settings: Settings, url: str) -> dict[str, Side]:
    given = {"url": url, "jobs": TRIAL}
    ours = {**given, "folder": str(settings.folder)}
    return {
        "sync": Side("benchmarks.redis_drain:side", {**ours, "task": "noop"}),
        "async": Side("benchmarks.redis_drain:side", {**ours, "task": "async_noop"}),
        "two": Side("benchmarks.redis_drain:side", {**ours, "task": "noop", "workers": 2}),
        "bare": Side("benchmarks.bare:drain", given),
    }


def _fitting(side: Side, seconds: float) -> Side:
    """The same with as many jobs as fill the wanted time."""
    rate = run(side)["rate"]
    return Side(side.target, {**side.arguments, "jobs": max(TRIAL, int(1.3 * rate * seconds))})


def _ratio(
    figure: str, title: str, ours: list[Figures], theirs: list[Figures], target: float
) -> Result:
    return Result(
        measurement="redis_drain",
        figure=figure,
        title=f"Redis: {title}",
        unit="x",
        samples=ratios(column(ours, "rate"), column(theirs, "rate")),
        target=Target("least", target),
    )


_TITLES = {
    "sync": "one worker process, no-op sync jobs",
    "async": "one worker process, no-op async jobs",
    "two": "two worker processes, no-op sync jobs",
    "bare": "a bare loop over the scripts that ship, settle and fetch by 100",
}


def _rates(rounds: dict[str, list[Figures]]) -> list[Result]:
    return [
        Result(
            measurement="redis_drain",
            figure=name,
            title=f"Redis: {_TITLES[name]}",
            unit="jobs/s",
            samples=column(figures, "rate"),
            seen={"seconds": column(figures, "seconds")},
        )
        for name, figures in rounds.items()
    ]


def side(url: str, folder: str, task: str, jobs: int, workers: int = 1) -> Figures:
    """Drain so many jobs by worker processes, timed by the stamps of the jobs."""
    with stage(Path(folder), jobs, url) as here, contextlib.ExitStack() as processes:
        here.fill(task, jobs)
        started = [
            processes.enter_context(worker(here.variables, log=here.log)) for _ in range(workers)
        ]
        here.slots.wait_for(jobs, timeout=300, worker=started[0])
        rate = here.slots.rate(0, jobs)
    return {"rate": rate, "seconds": jobs / rate}
