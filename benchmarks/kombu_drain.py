"""How many no-op jobs a second one worker process runs from Redis by kombu, beside a bare loop of
kombu's own consumer.

The bare loop takes each message as Celery does, by `drain_events` and with a prefetch, and
acknowledges it; the worker also decodes and runs a task. What both find was put there before.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import kombu

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Rounds, Side, alternate_leniently, column, fitting, ratios
from benchmarks.spin import awake
from benchmarks.stage import stage_at

#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 2_000
_PREFETCH = 100
_BODY = b'{"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","task":"noop","args":{"number":12345}}'
#: Of its types it tells too little to be checked.
_kombu: Any = kombu


def measure(settings: Settings) -> list[Result]:
    """Drain by anyjob and by the bare loop in turn."""
    with server(settings.folder) as url, awake():
        given = {"url": f"kombu+{url}", "folder": str(settings.folder)}
        sides = {
            "ours": fitting(Side("benchmarks.kombu_drain:ours", given), settings, TRIAL),
            "bare": fitting(Side("benchmarks.kombu_drain:bare", {"url": url}), settings, TRIAL),
        }
        rounds = alternate_leniently(sides, settings.rounds, ())
    return [_beside_bare(rounds), *_rates(rounds)]


def _beside_bare(rounds: Rounds) -> Result:
    ours, bare = (column(rounds.figures[side], "rate") for side in ("ours", "bare"))
    return Result(
        measurement="kombu_drain",
        figure="by_bare",
        title="kombu on Redis: one worker process, of the rate of a bare loop of kombu's consumer",
        unit="x",
        samples=ratios(ours, bare),
        target=Target("least", 0.8),
    )


def _rates(rounds: Rounds) -> list[Result]:
    return [
        Result(
            measurement="kombu_drain",
            figure=side,
            title=f"kombu on Redis: {title}",
            unit="jobs/s",
            samples=column(rounds.figures[side], "rate"),
        )
        for side, title in (
            ("ours", "one worker process, no-op jobs"),
            ("bare", f"a bare loop of kombu's consumer, {_PREFETCH} ahead"),
        )
    ]


def ours(url: str, folder: str, jobs: int) -> Figures:
    """Drain so many jobs by a worker process, timed by the stamps of the jobs."""
    with stage_at(Path(folder), jobs, url, namespace=f"b{uuid4().hex}") as here:
        here.fill("noop", jobs)
        with worker(here.variables, log=here.log) as process:
            here.slots.wait_for(jobs, timeout=600, worker=process)
            return here.slots.drain()


def bare(url: str, jobs: int) -> Figures:
    """Put so many messages, then take and acknowledge them."""
    queue = _kombu.Queue(f"b{uuid4().hex}")
    with _kombu.Connection(url) as connection:
        channel = connection.channel()
        producer = _kombu.Producer(channel)
        for _ in range(jobs):
            producer.publish(
                _BODY, routing_key=queue.name, declare=[queue],
                content_type="application/data", content_encoding="binary",
            )  # fmt: skip
        left = jobs

        def take(message: Any) -> None:
            nonlocal left
            left -= 1
            message.ack()

        began = time.perf_counter()
        consumer = _kombu.Consumer(
            channel, [queue], on_message=take, accept=None, prefetch_count=_PREFETCH
        )
        with consumer:
            while left:
                with suppress(socket.timeout):
                    connection.drain_events(timeout=1.0)
        seconds = time.perf_counter() - began
    return {"rate": jobs / seconds, "seconds": seconds}
