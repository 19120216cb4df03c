"""How many no-op jobs a second a worker process runs from RabbitMQ, beside a bare consumer and
peers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.field import Comparison, field, own_row
from benchmarks.peers.fit import fit_one
from benchmarks.peers.roster import on_rabbitmq
from benchmarks.processes import worker
from benchmarks.rabbit_server import fresh, rabbit_server
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column, fitting, ratios
from benchmarks.spin import awake
from benchmarks.stage import stage_at

#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 10_000

_ONE = Comparison(
    measurement="rabbitmq_drain",
    label="one",
    title="RabbitMQ: one worker process, no-op jobs",
    unit="jobs/s",
)


def measure(settings: Settings) -> list[Result]:
    """Drain by anyjob, by the bare loop and by the peers in turn."""
    peers = field(settings, on_rabbitmq)
    with rabbit_server(settings.folder) as url, awake():
        given: dict[str, Any] = {"url": url, "folder": str(settings.folder)}
        ours = {
            "sync": Side("benchmarks.rabbitmq_drain:side", {**given, "task": "noop"}),
            "async": Side("benchmarks.rabbitmq_drain:side", {**given, "task": "async_noop"}),
            "bare": Side("benchmarks.bare_rabbitmq:drain", {"url": url}),
        }
        sides = {name: fitting(side, settings, TRIAL) for name, side in ours.items()}
        theirs = fit_one(peers, settings, _ONE, given)
        rounds = alternate_leniently(sides | theirs, settings.rounds, theirs)
    figures = rounds.figures
    best = "times the best peer that acknowledges late"
    return [
        Result(
            measurement="rabbitmq_drain",
            figure="sync_by_bare",
            title="RabbitMQ: one worker process, sync jobs, of the rate of a bare consumer",
            unit="x",
            samples=ratios(column(figures["sync"], "rate"), column(figures["bare"], "rate")),
            target=Target("least", 0.5),
        ),
        Result(
            measurement="rabbitmq_drain",
            figure="bare",
            title="RabbitMQ: a bare SelectConnection, one acknowledgement for a hundred",
            unit="jobs/s",
            samples=column(figures["bare"], "rate"),
        ),
        peers.ratio(
            _ONE,
            rounds,
            figures["sync"],
            f"RabbitMQ: one worker process, sync jobs, {best}",
            "sync_by_peer",
            Target("least", 3),
        ),
        own_row(_ONE, figures["sync"], "sync, 32 slots"),
        own_row(_ONE, figures["async"], "async, 32 slots"),
        *peers.rows(_ONE, rounds, on_rabbitmq),
    ]


def side(url: str, folder: str, task: str, jobs: int) -> Figures:
    """Drain so many jobs by a worker process, timed by the stamps of the jobs."""
    with stage_at(Path(folder), jobs, url, namespace=fresh()) as here:
        here.fill(task, jobs)
        with worker(here.variables, log=here.log) as process:
            here.slots.wait_for(jobs, timeout=300, worker=process)
        return here.slots.drain()
