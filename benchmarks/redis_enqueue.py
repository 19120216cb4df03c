"""How many jobs a second are stored in Redis, beside bare loops of the same script and peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from anyjob.core.draft import Draft
from benchmarks.bare import AT_ONCE
from benchmarks.result import Result, Target
from benchmarks.server import empty, server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column, ratios
from benchmarks.spin import awake
from benchmarks.tasks import application, task


def measure(settings: Settings) -> list[Result]:
    """Enqueue by the product and by bare loops in turn."""
    with server(settings.folder) as url, awake():
        rounds = alternate(_sides(url, _seconds(settings)), settings.rounds)
    return [result for each in _COMPARED for result in _compared(rounds, *each)]


def _seconds(settings: Settings) -> float:
    """Shorter than a drain: nothing has to start, and memory is filled."""
    return 0.4 if settings.is_quick else 3.0


def _sides(url: str, seconds: float) -> dict[str, Side]:
    given = {"url": url, "seconds": seconds}
    return {
        "one": Side("benchmarks.redis_enqueue:one", given),
        "bare": Side("benchmarks.bare:enqueue", given),
        "alone": Side("benchmarks.redis_enqueue:from_loop", {**given, "at_once": 1}),
        "bare_alone": Side("benchmarks.bare:aenqueue", {**given, "at_once": 1}),
        "hundred": Side("benchmarks.redis_enqueue:from_loop", {**given, "at_once": AT_ONCE}),
        "bare_hundred": Side("benchmarks.bare:aenqueue", {**given, "at_once": AT_ONCE}),
        "many": Side("benchmarks.redis_enqueue:many", given),
    }


_COMPARED = (
    ("one", "bare", "`enqueue` one by one", "a bare redis-py loop", 0.8),
    ("alone", "bare_alone", "`aenqueue` one by one", "a bare redis.asyncio loop", 0.9),
    ("hundred", "bare_hundred", f"`aenqueue` {AT_ONCE} at once", "a bare gather of as many", 3.0),
)


def _compared(
    rounds: dict[str, list[Figures]], ours: str, bare: str, title: str, loop: str, target: float
) -> list[Result]:
    rate = column(rounds[ours], "rate")
    limit = column(rounds[bare], "rate")
    return [
        Result(
            measurement="redis_enqueue",
            figure=f"{ours}_by_bare",
            title=f"Redis: {title}, part of the rate of {loop} over the same script",
            unit="x",
            samples=ratios(rate, limit),
            target=Target("least", target),
            seen={"bare_jobs_per_second": limit},
        ),
        Result(
            measurement="redis_enqueue",
            figure=ours,
            title=f"Redis: {title}",
            unit="jobs/s",
            samples=rate,
        ),
    ]


def one(url: str, seconds: float) -> Figures:
    """One by one, for so long."""
    empty(url)
    with application(url) as app:
        noop = task(app, "noop")
        noop.enqueue(0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            noop.enqueue(number)
            number += 1
        return {"rate": number / (time.perf_counter() - began)}


def from_loop(url: str, seconds: float, at_once: int) -> Figures:
    """From an event loop, so many at a time."""
    empty(url)
    return asyncio.run(_from_loop(url, seconds, at_once))


async def _from_loop(url: str, seconds: float, at_once: int) -> Figures:
    with application(url) as app:
        noop = task(app, "noop")
        await noop.aenqueue(0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            if at_once == 1:
                await noop.aenqueue(number)
            else:
                await asyncio.gather(*(noop.aenqueue(number) for _ in range(at_once)))
            number += at_once
        return {"rate": number / (time.perf_counter() - began)}


def many(url: str, seconds: float) -> Figures:
    """By `enqueue_many`, for so long."""
    empty(url)
    with application(url) as app:
        noop = task(app, "noop")
        noop.enqueue(0)
        began = time.perf_counter()

        def drafts() -> Iterator[Draft[Any]]:
            number = 0
            while time.perf_counter() - began < seconds:
                yield noop.job(number)
                number += 1

        stored = len(app.enqueue_many(drafts()))
        return {"rate": stored / (time.perf_counter() - began)}
