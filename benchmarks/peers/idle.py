"""What workers of the peers cost that have nothing to do, all at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

import msgspec
import psutil

from benchmarks.idle import used
from benchmarks.overheard import overheard
from benchmarks.peers.field import Field
from benchmarks.peers.given import POLL
from benchmarks.peers.place import place
from benchmarks.processes import memory
from benchmarks.server import database
from benchmarks.sides import Figures

#: Jobs that a worker has run before: it has imported and connected what it needs.
JOBS = 20
#: Seconds until it has settled down.
CALM = 5.0
#: What is set otherwise than where throughput counts, and how a row tells of it.
VARIABLES = {"arq": {POLL: "0.5"}}
NOTES = {"arq": "looks every 500 ms, by default, in place of every 10"}


class _Resting(msgspec.Struct, frozen=True):
    process: psutil.Process
    database: int


def rest(peers: Field, url: str, folder: str, seconds: float) -> dict[str, Figures]:
    """Watch a worker of each peer for so long, each in a database of its own.

    Who fails is left out of `peers`.
    """
    with contextlib.ExitStack() as workers:
        resting: dict[str, _Resting] = {}
        for number, name in enumerate(list(peers.peers), 1):
            try:
                process = workers.enter_context(_worker(peers, name, database(url, number), folder))
            except RuntimeError as error:
                peers.drop(name, str(error))
            else:
                resting[name] = _Resting(process, number)
        time.sleep(CALM)
        return _watch(resting, url, seconds)


@contextlib.contextmanager
def _worker(peers: Field, name: str, url: str, folder: str) -> Iterator[psutil.Process]:
    """A worker that has run some jobs."""
    concurrency = peers.concurrency[name]
    variables = VARIABLES.get(name, {})
    with (
        place(name, url, folder, concurrency, JOBS, variables) as here,
        here.workers() as process,
    ):
        here.send("fill", task="noop", jobs=JOBS, arguments=[])
        here.slots.wait_for(JOBS, timeout=30, worker=process)
        yield psutil.Process(process.pid)


def _watch(resting: Mapping[str, _Resting], url: str, seconds: float) -> dict[str, Figures]:
    with overheard(url) as heard:
        before = {name: used(each.process) for name, each in resting.items()}
        time.sleep(seconds)
        after = {name: used(each.process) for name, each in resting.items()}
    return {
        name: {
            "cpu": 100 * (after[name] - before[name]) / seconds,
            "requests": sum(heard.get(each.database, {}).values()) / seconds,
            "memory": memory(each.process),
        }
        for name, each in resting.items()
    }
