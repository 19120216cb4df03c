"""How long it takes on RabbitMQ at low load from the call of enqueue to the job, in another
process.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.processes import worker
from benchmarks.rabbit_server import fresh, rabbit_server
from benchmarks.redis_latency import CALM, FIRST, GAP, lags
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column
from benchmarks.spin import awake
from benchmarks.stage import stage_at


def measure(settings: Settings) -> list[Result]:
    """Enqueue single jobs, 20 ms apart, by anyjob and by a bare loop in turn."""
    with rabbit_server(settings.folder) as url, awake():
        jobs = 60 if settings.is_quick else 200
        given: dict[str, Any] = {"url": url, "jobs": jobs}
        bare = {**given, "first": FIRST, "gap": GAP}
        rounds = alternate(
            {
                "anyjob": Side(
                    "benchmarks.rabbitmq_latency:side", {**given, "folder": str(settings.folder)}
                ),
                "bare": Side("benchmarks.bare_rabbitmq:latency", bare),
            },
            settings.rounds,
        )
    return [
        Result(
            measurement="rabbitmq_latency",
            figure=percent,
            title=f"RabbitMQ: from the call of enqueue to the job, every 20 ms, {percent}",
            unit="ms",
            samples=column(rounds["anyjob"], percent),
            target=Target("most", 2.0) if percent == "p50" else None,
            seen={"bare": column(rounds["bare"], percent)},
        )
        for percent in ("p50", "p95", "p99")
    ]


def side(url: str, folder: str, jobs: int) -> Figures:
    """Enqueue for a worker process, and read what its jobs left."""
    with (
        stage_at(Path(folder), FIRST + jobs, url, namespace=fresh()) as here,
        worker(here.variables, log=here.log) as process,
    ):
        lag = here.task("lag")
        lag.enqueue(0, time.monotonic())
        here.slots.wait_for(1, timeout=60, worker=process)
        time.sleep(CALM)
        for number in range(1, FIRST + jobs):
            time.sleep(GAP)
            lag.enqueue(number, time.monotonic())
        here.slots.wait_for(FIRST + jobs, timeout=60, worker=process)
        return lags(here.slots)
