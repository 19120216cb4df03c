"""How many no-op jobs a second worker processes run from Redis, beside a bare loop and peers."""

from __future__ import annotations

import contextlib
from pathlib import Path

from benchmarks.peers.field import Comparison, Field, field, own_row
from benchmarks.peers.fit import fit_peers
from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import (
    Figures,
    Rounds,
    Side,
    alternate_leniently,
    column,
    fitting,
    ratios,
)
from benchmarks.spin import awake
from benchmarks.stage import stage

#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 20_000

_ONE = Comparison(
    measurement="redis_drain",
    label="one",
    title="Redis: one worker process, no-op jobs",
    unit="jobs/s",
)
_TWO = Comparison(
    measurement="redis_drain",
    label="two",
    title="Redis: two worker processes, no-op jobs, of late peers the two fastest with one",
    unit="jobs/s",
)


def measure(settings: Settings) -> list[Result]:
    """Drain by anyjob, by the bare loop and by the peers in turn."""
    peers = field(settings)
    with server(settings.folder) as url, awake():
        given = {"url": url, "folder": str(settings.folder)}
        sides = {name: fitting(side, settings, TRIAL) for name, side in _ours(given).items()}
        theirs = fit_peers(peers, settings, _ONE, _TWO, given)
        rounds = alternate_leniently(sides | theirs, settings.rounds, theirs)
    return [*_beside_bare(rounds), *_beside_peers(peers, rounds)]


def _ours(given: dict[str, str]) -> dict[str, Side]:
    return {
        "sync": Side("benchmarks.redis_drain:side", {**given, "task": "noop"}),
        "async": Side("benchmarks.redis_drain:side", {**given, "task": "async_noop"}),
        "two": Side("benchmarks.redis_drain:side", {**given, "task": "noop", "workers": 2}),
        "bare": Side("benchmarks.bare:drain", {"url": given["url"]}),
    }


def _beside_bare(rounds: Rounds) -> list[Result]:
    figures = rounds.figures
    return [
        _ratio(
            "sync_by_bare",
            "one worker process, sync jobs, of the rate of a bare loop over the same scripts",
            figures["sync"],
            figures["bare"],
            0.4,
        ),
        _ratio(
            "two_by_one",
            "two worker processes, sync jobs, times the rate of one",
            figures["two"],
            figures["sync"],
            1.25,
        ),
        Result(
            measurement="redis_drain",
            figure="bare",
            title="Redis: a bare loop over the scripts that ship, settle and fetch by 100",
            unit="jobs/s",
            samples=column(figures["bare"], "rate"),
            seen={"seconds": column(figures["bare"], "seconds")},
        ),
    ]


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


def _beside_peers(peers: Field, rounds: Rounds) -> list[Result]:
    best = "times the best peer that acknowledges late"
    figures = rounds.figures
    judged = [
        peers.ratio(_ONE, rounds, figures[ours], f"Redis: {title}", f"{ours}_by_peer", target)
        for ours, title, target in (
            ("sync", f"one worker process, sync jobs, {best}", Target("least", 8)),
            ("async", f"one worker process, async jobs, {best}", Target("least", 5)),
            ("bare", f"the bare loop over the scripts, {best}", Target("least", 12)),
        )
    ]
    prefork = peers.ratio(
        _ONE,
        rounds,
        figures["sync"],
        "Redis: one worker process, sync jobs, times Celery",
        "sync_by_prefork",
        Target("least", 40),
        among=lambda each: each.name == "Celery prefork",
    )
    two = peers.ratio(
        _TWO,
        rounds,
        figures["two"],
        f"Redis: two worker processes, sync jobs, {best} with two",
        "two_by_peer",
        Target("least", 5),
    )
    return [
        *judged,
        prefork,
        two,
        own_row(_ONE, figures["sync"], "sync, 32 slots"),
        own_row(_ONE, figures["async"], "async, 32 slots"),
        *peers.rows(_ONE, rounds),
        own_row(_TWO, figures["two"], "sync, 32 slots each"),
        *peers.rows(_TWO, rounds),
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
