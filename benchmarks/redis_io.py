"""How long 2000 jobs take that wait 50 ms each, a hundred at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.field import Comparison, field, own_row
from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column
from benchmarks.slots import Slots
from benchmarks.spin import awake
from benchmarks.stage import stage

JOBS = 2000
PAUSE = 0.05
AT_ONCE = 100
_TASKS = {"sync": "pause", "async": "async_pause"}


_IO = Comparison(
    measurement="redis_io",
    label="io",
    title=f"Redis: {JOBS} jobs of 50 ms, {AT_ONCE} at once",
    unit="s",
    of="seconds",
    is_less_better=True,
)


def measure(settings: Settings) -> list[Result]:
    """Run sync and async jobs by anyjob, and the peers' in turn."""
    peers = field(settings, among=lambda each: each.waits_at_once)
    peers.concurrency = dict.fromkeys(peers.concurrency, AT_ONCE)
    with server(settings.folder) as url, awake():
        given: dict[str, Any] = {"url": url, "folder": str(settings.folder)}
        theirs = peers.sides(_IO, "io", **given, jobs=JOBS)
        ours = {
            colour: Side("benchmarks.redis_io:side", {**given, "task": task})
            for colour, task in _TASKS.items()
        }
        rounds = alternate_leniently(ours | theirs, settings.rounds, theirs)
    return [
        *(_result(colour, rounds.figures[colour]) for colour in _TASKS),
        *(own_row(_IO, rounds.figures[colour], f"{colour}, 100 slots") for colour in _TASKS),
        *peers.rows(_IO, rounds),
    ]


def _result(colour: str, figures: list[Figures]) -> Result:
    return Result(
        measurement="redis_io",
        figure=colour,
        title=f"Redis: {JOBS} {colour} jobs of 50 ms, {AT_ONCE} at once",
        unit="s",
        samples=column(figures, "seconds"),
        target=Target("most", 1.10),
    )


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
