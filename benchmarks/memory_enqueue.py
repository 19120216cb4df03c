"""How many jobs a second `enqueue_many` stores in memory."""

from __future__ import annotations

import time

from benchmarks.machine import REFERENCE_TURNS, turns_per_second
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Side, alternate, column
from benchmarks.tasks import application, task

#: Stored, then purged outside the measured time, so that memory stays small.
LOT = 50_000


def measure(settings: Settings) -> list[Result]:
    """Enqueue for so many seconds a round."""
    side = Side("benchmarks.memory_enqueue:side", {"seconds": settings.seconds})
    rounds = alternate({"anyjob": side}, settings.rounds)["anyjob"]
    return scaled(
        "memory_enqueue",
        "enqueue_many",
        "memory: `enqueue_many`",
        150_000,
        rates=column(rounds, "rate"),
        turns=column(rounds, "turns"),
    )


def side(seconds: float) -> dict[str, float]:
    """Enqueue lots until the measured time is spent."""
    app = application("memory://")
    noop = task(app, "noop")
    turns = turns_per_second()
    stored, spent = 0, 0.0
    while spent < seconds:
        began = time.perf_counter()
        app.enqueue_many(noop.job(number) for number in range(LOT))
        spent += time.perf_counter() - began
        stored += app.purge("default")
    return {"rate": stored / spent, "turns": (turns + turns_per_second()) / 2}


def scaled(
    measurement: str,
    figure: str,
    title: str,
    target: float,
    *,
    rates: list[float],
    turns: list[float],
) -> list[Result]:
    """The rates as they would be on the machine that targets are stated for, and as they were."""
    at_reference = [
        rate * REFERENCE_TURNS / speed for rate, speed in zip(rates, turns, strict=True)
    ]
    return [
        Result(
            measurement=measurement,
            figure=figure,
            title=f"{title}, at 70 M turns/s",
            unit="jobs/s",
            samples=at_reference,
            target=Target("least", target),
            seen={"turns_per_second": turns},
        ),
        Result(
            measurement=measurement,
            figure=f"{figure}_raw",
            title=f"{title}, as measured",
            unit="jobs/s",
            samples=rates,
        ),
    ]
