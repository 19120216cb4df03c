"""How long 2000 jobs take that wait 50 ms each, a hundred at a time."""

from __future__ import annotations

from pathlib import Path

from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column
from benchmarks.slots import Slots
from benchmarks.spin import awake
from benchmarks.stage import stage

JOBS = 2000
PAUSE = 0.05
AT_ONCE = 100
_TASKS = {"sync": "pause", "async": "async_pause"}


def measure(settings: Settings) -> list[Result]:
    """Run sync and async jobs in turn."""
    with server(settings.folder) as url, awake():
        given = {"url": url, "folder": str(settings.folder)}
        rounds = alternate(
            {
                colour: Side("benchmarks.redis_io:side", {**given, "task": task})
                for colour, task in _TASKS.items()
            },
            settings.rounds,
        )
    return [
        Result(
            measurement="redis_io",
            figure=colour,
            title=f"Redis: {JOBS} {colour} jobs of 50 ms, {AT_ONCE} at once",
            unit="s",
            samples=column(rounds[colour], "seconds"),
            target=Target("most", 1.10),
        )
        for colour in _TASKS
    ]


def side(url: str, folder: str, task: str) -> Figures:
    """Enqueue them all, then start a worker process."""
    with stage(Path(folder), JOBS, url) as here:
        here.fill(task, JOBS, PAUSE)
        with worker(here.variables, "-c", str(AT_ONCE), log=here.log) as process:
            here.slots.wait_for(JOBS, timeout=120, worker=process)
        return {"seconds": span(here.slots)}


def span(slots: Slots) -> float:
    """From the beginning of the first job to the end of the last, by stamps of their ends."""
    stamps = [slots[number] for number in range(len(slots))]
    return max(stamps) - min(stamps) + PAUSE
