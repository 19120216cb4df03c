"""How many no-op jobs a second one worker runs from memory, embedded in the program."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks import bodies, tasks
from benchmarks.machine import turns_per_second
from benchmarks.memory_enqueue import scaled
from benchmarks.result import Result
from benchmarks.settings import Settings
from benchmarks.sides import Side, alternate, column
from benchmarks.slots import make

TARGETS = {"noop": 40_000, "async_noop": 25_000}
TITLES = {"noop": "sync", "async_noop": "async"}
#: Jobs whose drain tells how many fill the wanted time.
TRIAL = 20_000


def measure(settings: Settings) -> list[Result]:
    """Drain sync and async jobs in turn."""
    sides = {
        task: Side("benchmarks.memory_drain:side", {"task": task, "seconds": settings.seconds})
        for task in TARGETS
    }
    rounds = alternate(sides, settings.rounds)
    return [
        result
        for task, figures in rounds.items()
        for result in scaled(
            "memory_drain",
            task,
            f"memory: one worker, no-op {TITLES[task]} jobs",
            TARGETS[task],
            rates=column(figures, "rate"),
            turns=column(figures, "turns"),
        )
    ]


def side(task: str, seconds: float) -> dict[str, float]:
    """Drain a trial, then as many jobs as fill the time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slots"
        os.environ[bodies.SLOTS] = str(path)
        trial = _drain(path, task, TRIAL)
        turns = turns_per_second()
        rate = _drain(path, task, max(TRIAL, int(1.1 * trial * seconds)))
    return {"rate": rate, "turns": (turns + turns_per_second()) / 2}


def _drain(path: Path, name: str, count: int) -> float:
    slots = make(path, count)
    bodies.slots.cache_clear()
    app = tasks.application("memory://")
    task = tasks.task(app, name)
    app.enqueue_many(task.job(number) for number in range(count))
    with app.worker():
        slots.wait_for(count, timeout=300)
    return slots.rate(0, count)
