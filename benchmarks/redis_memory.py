"""What waiting jobs cost the server, and whether many of them make the next one dearer."""

from __future__ import annotations

import statistics
from typing import Any

import redis

from anyjob.backends.redis.keys import Keys
from anyjob.core.options import DEFAULT_QUEUE
from benchmarks.bare import LOT, Loop
from benchmarks.delayed import growth_on
from benchmarks.result import Result, Target
from benchmarks.server import client, empty, server
from benchmarks.settings import Settings
from benchmarks.tasks import application, task

#: Ready jobs of the queue that a full one is compared with.
FEW = 1_000
#: Lots of 100 that are fetched from each.
FETCHES = 50
_BODY = slice(7, None)


def measure(settings: Settings) -> list[Result]:
    """Fill a server, fetch from it, and watch a worker's memory beside jobs that are delayed."""
    ready = 50_000 if settings.is_quick else 1_000_000
    scheduled = 10_000 if settings.is_quick else 100_000
    rounds = 1 if settings.is_quick else 3
    with server(settings.folder) as url:
        delayed = [_beyond(url, scheduled, delay=3600) for _ in range(rounds)]
        growth = growth_on(settings, "redis_memory", "Redis", url)
        queued, claims = [], []
        for _ in range(rounds):
            few = _claim_cost(url, FEW)
            queued.append(_beyond(url, ready))
            claims.append(_claim_cost(url, ready, is_filled=True) / few)
    return [
        _bytes(
            "ready", f"Redis: memory of a ready job beyond its envelope, of {ready}", queued, 160
        ),
        _bytes(
            "delayed",
            f"Redis: memory of a delayed job beyond its envelope, of {scheduled}",
            delayed,
            280,
        ),
        Result(
            measurement="redis_memory",
            figure="claim",
            title=f"Redis: the server's time to lease a job of {ready}, of that of {FEW}",
            unit="x",
            samples=claims,
            target=Target("most", 1.2),
        ),
        *growth,
    ]


def _bytes(figure: str, title: str, samples: list[float], most: float) -> Result:
    return Result(
        measurement="redis_memory",
        figure=figure,
        title=title,
        unit="bytes",
        samples=samples,
        target=Target("most", most),
    )


def _beyond(url: str, jobs: int, delay: float | None = None) -> float:
    """Fill an empty server; the bytes that it uses for a job, less those of the job's envelope."""
    empty(url)
    with client(url) as server:
        before = _used(server)
        _fill(url, jobs, delay)
        return (_used(server) - before) / jobs - _envelope(server)


def _fill(url: str, jobs: int, delay: float | None = None) -> None:
    with application(url) as app:
        noop = task(app, "noop")
        filled = noop if delay is None else noop.using(delay=delay)
        app.enqueue_many(filled.job(number) for number in range(jobs))


def _used(server: redis.Redis) -> int:
    return int(_info(server, "memory")["used_memory"])


def _envelope(server: redis.Redis) -> float:
    """The mean length of the bodies of some jobs."""
    key = Keys("anyjob").jobs(DEFAULT_QUEUE).decode()
    some: Any = server.hrandfield(key, 1000, withvalues=True)
    return statistics.mean(len(value[_BODY]) for value in some[1::2])


def _claim_cost(url: str, jobs: int, *, is_filled: bool = False) -> float:
    """The microseconds that the server needs to lease a job while about so many are ready."""
    if not is_filled:
        empty(url)
        _fill(url, jobs)
    loop, costs = Loop.at(url), []
    with client(url) as server:
        for token in range(1, FETCHES + 1):
            before = _spent(server)
            reply = server.execute_command(*_words(loop.fetch(token)))
            costs.append((_spent(server) - before) / LOT)
            server.execute_command(*_words(loop.settle(reply[4][3], reply[4][4], token)))
            _fill(url, LOT)
    return statistics.median(costs)


def _words(call: Any) -> list[Any]:
    return ["EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args]


def _spent(server: redis.Redis) -> int:
    """The microseconds that the server spent in scripts so far."""
    return int(_info(server, "commandstats")["cmdstat_evalsha"]["usec"])


def _info(server: redis.Redis, section: str) -> dict[str, Any]:
    found: Any = server.info(section)
    return dict(found)
