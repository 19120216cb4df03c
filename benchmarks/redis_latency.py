"""How long it takes at low load from the call of enqueue to the job, in another process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.field import Comparison, field, own_row
from benchmarks.processes import worker
from benchmarks.quantile import quantile
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column, ratios
from benchmarks.slots import Slots
from benchmarks.spin import awake
from benchmarks.stage import stage

#: Seconds between two jobs: the worker waits again by then.
GAP = 0.02
#: Jobs before those that count: they import, connect and load scripts.
FIRST = 10
#: Seconds from the first of them to the rest, for a worker that has just started to settle down.
CALM = 0.5


_PERCENTILES = {
    name: Comparison(
        measurement="redis_latency",
        # They share the rounds, and so the names of the sides.
        label="lag",
        title=f"Redis: from the call of enqueue to the job, every {1000 * GAP:g} ms, {name}",
        unit="ms",
        of=name,
        is_less_better=True,
    )
    for name in ("p50", "p95", "p99")
}
_TARGETS = {"p50": Target("most", 0.6), "p95": None, "p99": Target("most", 4.0)}


def measure(settings: Settings) -> list[Result]:
    """Enqueue single jobs, 20 ms apart, by anyjob and by the peers in turn."""
    peers = field(settings)
    with server(settings.folder) as url, awake():
        given: dict[str, Any] = {
            "url": url,
            "folder": str(settings.folder),
            "jobs": 60 if settings.is_quick else 120,
        }
        theirs = peers.sides(_PERCENTILES["p50"], "latency", **given)
        ours = {
            "anyjob": Side("benchmarks.redis_latency:side", given),
            "bare": Side("benchmarks.bare_latency:side", {**given, "first": FIRST, "gap": GAP}),
        }
        rounds = alternate_leniently(ours | theirs, settings.rounds, theirs)
    figures = rounds.figures["anyjob"]
    bare = rounds.figures["bare"]
    return [
        *(_result(each, figures) for each in _PERCENTILES.values()),
        peers.ratio(
            _PERCENTILES["p50"],
            rounds,
            figures,
            "Redis: the same, p50, of the best peer's that acknowledges late",
            "p50_by_peer",
            Target("most", 1),
        ),
        Result(
            measurement="redis_latency",
            figure="p50_by_bare",
            title="Redis: the same, p50, of bare loops over the shipped scripts, which run nothing",
            unit="x",
            samples=ratios(column(figures, "p50"), column(bare, "p50")),
            seen={"bare p50": column(bare, "p50"), "bare p99": column(bare, "p99")},
        ),
        *(
            row
            for each in _PERCENTILES.values()
            for row in (own_row(each, figures, "32 slots"), *peers.rows(each, rounds))
        ),
    ]


def _result(comparison: Comparison, figures: list[Figures]) -> Result:
    return Result(
        measurement="redis_latency",
        figure=comparison.of,
        title=comparison.title,
        unit="ms",
        samples=column(figures, comparison.of),
        target=_TARGETS[comparison.of],
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
    return quantiles([1000 * slots[number] for number in range(FIRST, len(slots))])


def quantiles(milliseconds: Sequence[float]) -> Figures:
    """What is told of so many lags."""
    return {f"p{percent}": quantile(milliseconds, percent) for percent in (50, 95, 99)}
