"""What a worker costs that has nothing to do."""

from __future__ import annotations

import time

import psutil

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.stage import stage


def measure(settings: Settings) -> list[Result]:
    """Watch an idle worker for a minute, in five windows."""
    window = 1.0 if settings.is_quick else 12.0
    with stage(settings.folder, jobs=1) as here, worker(here.variables) as process:
        here.task("noop").enqueue(0)
        here.slots.wait_for(1, timeout=30, worker=process)
        time.sleep(2)
        watched = psutil.Process(process.pid)
        shares = [share_of_a_core(watched, window) for _ in range(5)]
        memory = watched.memory_info().rss / 2**20
    return [
        Result(
            measurement="idle",
            figure="cpu",
            title=f"SQLite: an idle worker, of a core, over {5 * window:g} s",
            unit="%",
            samples=[100 * share for share in shares],
            target=Target("most", 1),
        ),
        Result(
            measurement="idle",
            figure="memory",
            title="SQLite: an idle worker's memory (RSS)",
            unit="MiB",
            samples=[memory],
        ),
    ]


def share_of_a_core(process: psutil.Process, seconds: float) -> float:
    """The part of a core that a process and its children use meanwhile."""
    before, began = used(process), time.monotonic()
    time.sleep(seconds)
    return (used(process) - before) / (time.monotonic() - began)


def used(process: psutil.Process) -> float:
    """The seconds of a core that a process and its children have used."""
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (each.cpu_times() for each in family))
