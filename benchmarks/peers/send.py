"""Enqueues for a peer, in the peer's own environment: sides as `benchmarks.side` runs them.

Each is a generator of steps. What a step gives is awaited if the peer's calls are coroutines, so
that one loop serves both colours.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Generator
from importlib import import_module
from itertools import islice
from typing import Any

LOT = 500
Figures = dict[str, float]
Steps = Generator[Any, None, Figures]


def one(peer: str, seconds: float) -> Figures:
    """One by one, for so long."""
    application = application_of(peer)

    def steps() -> Steps:
        yield application.enqueue("noop", 0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            yield application.enqueue("noop", number)
            number += 1
        return {"rate": number / (time.perf_counter() - began)}

    return run_steps(application, steps())


def many(peer: str, seconds: float) -> Figures:
    """By its call for many, in lots of 500, for so long."""
    application = application_of(peer)

    def steps() -> Steps:
        yield application.enqueue("noop", 0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            yield application.enqueue_many("noop", [(number + n,) for n in range(LOT)])
            number += LOT
        return {"rate": number / (time.perf_counter() - began)}

    return run_steps(application, steps())


def fill(peer: str, task: str, jobs: int, arguments: list[Any]) -> Figures:
    """So many jobs, numbered from 0, by the fastest call that it has."""
    application = application_of(peer)

    def steps() -> Steps:
        numbered = ((number, *arguments) for number in range(jobs))
        if hasattr(application, "enqueue_many"):
            while lot := list(islice(numbered, LOT)):
                yield application.enqueue_many(task, lot)
        else:
            for each in numbered:
                yield application.enqueue(task, *each)
        return {}

    return run_steps(application, steps())


def fill_later(peer: str, jobs: int, delay: float) -> Figures:
    """So many no-op jobs that are due so many seconds from now, by the fastest call that it has."""
    application = application_of(peer)

    def steps() -> Steps:
        numbered = ((number,) for number in range(jobs))
        if hasattr(application, "enqueue_many_later"):
            while lot := list(islice(numbered, LOT)):
                yield application.enqueue_many_later("noop", delay, lot)
        else:
            for each in numbered:
                yield application.enqueue_later("noop", delay, *each)
        return {}

    return run_steps(application, steps())


def spaced(peer: str, jobs: int, gap: float, calm: float) -> Figures:
    """Jobs of the task `lag`, so many seconds apart, and a longer while after the first."""
    application = application_of(peer)
    sleep: Any = asyncio.sleep if _is_async(application) else time.sleep

    def steps() -> Steps:
        yield application.enqueue("lag", 0, time.monotonic())
        yield sleep(calm)
        for number in range(1, jobs):
            yield sleep(gap)
            yield application.enqueue("lag", number, time.monotonic())
        return {}

    return run_steps(application, steps())


def application_of(peer: str) -> Any:
    return import_module(f"benchmarks.peers.{peer}")


def _is_async(application: Any) -> bool:
    return inspect.iscoroutinefunction(application.enqueue)


def run_steps(application: Any, steps: Steps) -> Figures:
    if _is_async(application):
        return asyncio.run(_await_each(application, steps))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            figures: Figures = end.value
            return figures


async def _await_each(application: Any, steps: Steps) -> Figures:
    async with application.opened():
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                figures: Figures = end.value
                return figures
            await step
