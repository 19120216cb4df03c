"""What jobs of the peers that wait cost the server, and a worker beside those for later."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psutil

from benchmarks.content import content
from benchmarks.peers.field import Field
from benchmarks.peers.place import Place, kill, place
from benchmarks.processes import memory
from benchmarks.server import empty, server, used_memory
from benchmarks.settings import Settings
from benchmarks.sides import Figures, SideFailed

#: Jobs whose content is looked at.
SOME = 1_000
#: Peers that are filled at a time, each into a server of its own.
AT_ONCE = 2
DELAY = 3600.0
#: A worker's memory has settled when it grew by less than so many MiB in so many seconds.
_GROWTH, _CALM = 1.0, 4.0
_EVERY = 0.5


class Later(msgspec.Struct, frozen=True):
    """What a peer needs besides a worker for jobs that are due later."""

    told: str
    #: Of its worker's command.
    options: str = ""
    #: The command of another program.
    beside: str = ""


LATER = {
    "RQ SimpleWorker": Later("its worker runs a scheduler beside it", options="--with-scheduler"),
    "taskiq stream": Later(
        "a source of schedules, and a scheduler beside the worker",
        beside="taskiq scheduler benchmarks.peers.taskiq:scheduler --log-level WARNING",
    ),
}


def fill_peers(peers: Field, jobs: int, settings: Settings) -> dict[str, Figures]:
    """Enqueue so many jobs with each peer, at once and for later; who fails is left out of `peers`.

    Bytes of the server and of a job's content, and MiB of a worker while the later ones wait.
    """
    with ThreadPoolExecutor(AT_ONCE) as lanes:
        filled = {
            name: lanes.submit(_fill, name, peers.concurrency[name], jobs, settings)
            for name in peers.peers
        }
        figures = {}
        for name, each in filled.items():
            try:
                figures[name] = each.result()
            except (RuntimeError, SideFailed) as error:
                peers.drop(name, str(error))
        return figures


def _fill(name: str, concurrency: int, jobs: int, settings: Settings) -> Figures:
    with (
        server(settings.folder) as url,
        place(name, url, str(settings.folder), concurrency, jobs) as here,
    ):
        here.send("fill", task="noop", jobs=SOME, arguments=[])
        enveloped = content(url) / SOME
        empty(url)
        before = used_memory(url)
        here.send("fill", task="noop", jobs=jobs, arguments=[])
        ready = (used_memory(url) - before) / jobs
        empty(url)
        before = used_memory(url)
        here.send("fill_later", jobs=jobs, delay=DELAY)
        delayed = (used_memory(url) - before) / jobs
        if min(ready, delayed) < enveloped:
            raise RuntimeError(f"of {jobs} jobs not all are stored")
        with _working(here) as processes:
            worker = _settled(processes, 8.0 if settings.is_quick else 60.0)
        if any(here.slots[number] for number in range(jobs)):
            raise RuntimeError("jobs ran that were due an hour later")
        return {"content": enveloped, "ready": ready, "delayed": delayed, "worker": worker}


@contextlib.contextmanager
def _working(here: Place) -> Iterator[list[psutil.Process]]:
    """A worker, and what it needs beside it for jobs that are due later."""
    later = LATER.get(here.peer.name, Later(""))
    with here.workers(options=later.options) as process, contextlib.ExitStack() as beside:
        processes = [psutil.Process(process.pid)]
        if later.beside:
            other = here.start_program(later.beside.split())
            beside.callback(kill, other)
            processes.append(psutil.Process(other.pid))
        yield processes


def _settled(processes: list[psutil.Process], seconds: float) -> float:
    """The MiB of a family when it grows no more, or after so many seconds."""
    until = time.monotonic() + seconds
    seen: list[float] = []
    while time.monotonic() < until:
        time.sleep(_EVERY)
        seen.append(sum(map(memory, processes)))
        lately = seen[-int(_CALM / _EVERY) :]
        # The first seconds are those of the imports.
        if len(seen) > 2 * len(lately) and lately[-1] - lately[0] < _GROWTH:
            break
    return max(seen)
