"""One round of a peer, as a side: its jobs are sent by its own client and run by its own worker."""

from __future__ import annotations

from benchmarks.peers.place import place
from benchmarks.redis_io import PAUSE, span
from benchmarks.redis_latency import CALM, FIRST, GAP, lags
from benchmarks.sides import Figures


def enqueue(
    name: str, url: str, folder: str, concurrency: int, how: str, seconds: float
) -> Figures:
    """`one` by one or `many` at once, for so long, while no worker runs."""
    with place(name, url, folder, concurrency, 1) as here:
        return here.send(how, seconds=seconds)


def drain(
    name: str, url: str, folder: str, concurrency: int, jobs: int, workers: int = 1
) -> Figures:
    """Drain so many no-op jobs, timed by their stamps."""
    with place(name, url, folder, concurrency, jobs) as here:
        here.send("fill", task="noop", jobs=jobs, arguments=[])
        with here.workers(workers) as process:
            here.slots.wait_for(jobs, timeout=180, worker=process)
        return here.slots.drain()


def io(name: str, url: str, folder: str, concurrency: int, jobs: int) -> Figures:
    """Run jobs that wait."""
    with place(name, url, folder, concurrency, jobs) as here:
        here.send("fill", task="pause", jobs=jobs, arguments=[PAUSE])
        with here.workers() as process:
            here.slots.wait_for(jobs, timeout=180, worker=process)
        return {"seconds": span(here.slots)}


def latency(name: str, url: str, folder: str, concurrency: int, jobs: int) -> Figures:
    """Enqueue single jobs for a worker that waits."""
    with place(name, url, folder, concurrency, FIRST + jobs) as here, here.workers() as process:
        here.send("spaced", jobs=FIRST + jobs, gap=GAP, calm=CALM)
        here.slots.wait_for(FIRST + jobs, timeout=30, worker=process)
        return lags(here.slots)
