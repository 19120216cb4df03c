"""What a worker that has nothing to do costs itself, and its server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import psutil

from benchmarks.idle import share_of_a_core
from benchmarks.overheard import overheard
from benchmarks.peers.field import Comparison, Field, field, own_row, side_name
from benchmarks.peers.idle import NOTES, rest
from benchmarks.processes import memory, worker
from benchmarks.result import Result, Target
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Rounds
from benchmarks.stage import Stage, stage

WINDOWS = 5

_COMPARISONS = tuple(
    Comparison(
        measurement="redis_idle",
        label="idle",
        title=f"Redis: an idle worker, {title}",
        unit=unit,
        of=of,
        is_less_better=True,
    )
    for of, title, unit in (
        ("cpu", "of a core", "%"),
        ("requests", "what it asks of the server", "requests/s"),
        ("memory", "memory of all its processes, what they share counted once", "MiB"),
    )
)


def measure(settings: Settings) -> list[Result]:
    """Watch an idle worker of anyjob for a minute, in five windows, then one of each peer."""
    window = 1.0 if settings.is_quick else 12.0
    peers = field(settings)
    peers.notes = dict(NOTES)
    with server(settings.folder) as url:
        with (
            stage(settings.folder, 1, url) as here,
            worker(here.variables, log=here.log) as process,
        ):
            here.task("noop").enqueue(0)
            here.slots.wait_for(1, timeout=30, worker=process)
            time.sleep(2)
            watched = psutil.Process(process.pid)
            shares, heard = _watch(here, watched, window)
            resident = memory(watched)
        theirs = rest(peers, url, str(settings.folder), 3 * window)
    requests = sum(heard.values()) / (WINDOWS * window)
    about = f"Redis: an idle worker, over {WINDOWS * window:g} s"
    ours = [{"cpu": 100 * each, "requests": requests, "memory": resident} for each in shares]
    return [
        Result(
            measurement="redis_idle",
            figure="cpu",
            title=f"{about}, of a core",
            unit="%",
            samples=[100 * share for share in shares],
            target=Target("most", 1),
        ),
        Result(
            measurement="redis_idle",
            figure="requests",
            title=f"{about}, what it asks of the server",
            unit="requests/s",
            samples=[requests],
            target=Target("most", 1),
            seen=dict(heard),
        ),
        Result(
            measurement="redis_idle",
            figure="memory",
            title="Redis: an idle worker's memory (RSS)",
            unit="MiB",
            samples=[resident],
            target=Target("most", 45),
        ),
        *_beside_peers(peers, ours, theirs),
    ]


def _watch(here: Stage, process: psutil.Process, window: float) -> tuple[list[float], Counter[str]]:
    """The part of a core in each window, and the commands in all of them."""
    with overheard(here.url) as heard:
        shares = [share_of_a_core(process, window) for _ in range(WINDOWS)]
    return shares, sum(heard.values(), Counter())


def _beside_peers(
    peers: Field, ours: Sequence[Figures], theirs: dict[str, Figures]
) -> list[Result]:
    rounds = Rounds({side_name(_COMPARISONS[0], name): [each] for name, each in theirs.items()})
    return [
        row
        for each in _COMPARISONS
        for row in (own_row(each, ours, "32 slots"), *peers.rows(each, rounds))
    ]
