"""One round of a peer, as a side: its jobs are sent by its own client and run by its own worker."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.bodies import SLOTS
from benchmarks.peers.given import CONCURRENCY, REDIS
from benchmarks.peers.home import Home, at_home
from benchmarks.peers.roster import Peer, peer
from benchmarks.processes import environment, start_program
from benchmarks.redis_io import PAUSE, span
from benchmarks.redis_latency import CALM, FIRST, GAP, lags
from benchmarks.server import empty
from benchmarks.sides import Figures, Side, run
from benchmarks.slots import Slots, make

ROOT = Path(__file__).parent.parent.parent


class _Place(msgspec.Struct, frozen=True):
    """An empty server, slots, and what a peer's processes are told of both."""

    peer: Peer
    home: Home
    url: str
    concurrency: int
    slots: Slots
    log: Path
    variables: dict[str, str]

    def send(self, how: str, **arguments: Any) -> Figures:
        """Run a function of `send` in the peer's interpreter."""
        given = {"peer": self.peer.application, **arguments}
        return run(Side(f"benchmarks.peers.send:{how}", given, self.home.python, self.variables))

    @contextlib.contextmanager
    def workers(self, number: int = 1) -> Iterator[subprocess.Popen[bytes]]:
        """So many worker processes; an error that ends the block tells what they said."""
        started: list[subprocess.Popen[bytes]] = []
        try:
            for each in range(number):
                program, *options = self.peer.worker(self.concurrency, each, self.url)
                command = [str(self.home.program(program)), *options]
                started.append(start_program(command, environment(**self.variables), self.log))
            yield started[0]
        except BaseException as error:
            raise RuntimeError(f"{error}\n{self.log.read_text(errors='replace')[-500:]}") from error
        finally:
            for process in started:
                # With its children, and without the pauses that some make before they end.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def _place(name: str, url: str, folder: str, concurrency: int, jobs: int) -> Iterator[_Place]:
    known = peer(name)
    empty(url)
    with tempfile.TemporaryDirectory(dir=folder) as within:
        path = Path(within).resolve()
        yield _Place(
            peer=known,
            home=at_home(known),
            url=url,
            concurrency=concurrency,
            slots=make(path / "slots", jobs),
            log=path / "log",
            variables={
                **known.variables,
                REDIS: url,
                CONCURRENCY: str(concurrency),
                SLOTS: str(path / "slots"),
                "PYTHONPATH": str(ROOT),
            },
        )


def enqueue(
    name: str, url: str, folder: str, concurrency: int, how: str, seconds: float
) -> Figures:
    """`one` by one or `many` at once, for so long, while no worker runs."""
    with _place(name, url, folder, concurrency, 1) as here:
        return here.send(how, seconds=seconds)


def drain(
    name: str, url: str, folder: str, concurrency: int, jobs: int, workers: int = 1
) -> Figures:
    """Drain so many no-op jobs, timed by their stamps."""
    with _place(name, url, folder, concurrency, jobs) as here:
        here.send("fill", task="noop", jobs=jobs, arguments=[])
        with here.workers(workers) as process:
            here.slots.wait_for(jobs, timeout=180, worker=process)
        rate = here.slots.rate(0, jobs)
        return {"rate": rate, "seconds": jobs / rate}


def io(name: str, url: str, folder: str, concurrency: int, jobs: int) -> Figures:
    """Run jobs that wait."""
    with _place(name, url, folder, concurrency, jobs) as here:
        here.send("fill", task="pause", jobs=jobs, arguments=[PAUSE])
        with here.workers() as process:
            here.slots.wait_for(jobs, timeout=180, worker=process)
        return {"seconds": span(here.slots)}


def latency(name: str, url: str, folder: str, concurrency: int, jobs: int) -> Figures:
    """Enqueue single jobs for a worker that waits."""
    with _place(name, url, folder, concurrency, FIRST + jobs) as here, here.workers() as process:
        here.send("spaced", jobs=FIRST + jobs, gap=GAP, calm=CALM)
        here.slots.wait_for(FIRST + jobs, timeout=30, worker=process)
        return lags(here.slots)
