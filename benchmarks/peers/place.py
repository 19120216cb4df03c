"""Where a peer's round plays: an empty database, slots, and its processes that are told of both."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from benchmarks.bodies import JOURNAL, SLOTS
from benchmarks.peers.given import CONCURRENCY, NAME, REDIS
from benchmarks.peers.home import Home, at_home
from benchmarks.peers.roster import Peer, peer
from benchmarks.processes import environment, start_program
from benchmarks.server import empty
from benchmarks.sides import Figures, Side, run
from benchmarks.slots import Slots, make

ROOT = Path(__file__).parent.parent.parent


class Place(msgspec.Struct, frozen=True):
    """What a round of a peer needs; it goes with its block."""

    peer: Peer
    home: Home
    url: str
    concurrency: int
    slots: Slots
    folder: Path
    variables: dict[str, str]

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def send(self, how: str, **arguments: Any) -> Figures:
        """Run a function of `send` in the peer's interpreter."""
        given = {"peer": self.peer.application, **arguments}
        return run(Side(f"benchmarks.peers.send:{how}", given, self.home.python, self.variables))

    def start(self, number: int = 0, options: str = "") -> subprocess.Popen[bytes]:
        """Start a worker process, in a group of its own."""
        return self.start_program(self.peer.worker(self.concurrency, number, self.url, options))

    def start_program(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program of the peer's environment, in a group of its own."""
        program, *options = command
        words = [str(self.home.program(program)), *options]
        return start_program(words, environment(**self.variables), self.log)

    @contextlib.contextmanager
    def workers(self, number: int = 1, options: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """So many worker processes; an error that ends the block tells what they said."""
        started: list[subprocess.Popen[bytes]] = []
        try:
            started.extend(self.start(each, options) for each in range(number))
            yield started[0]
        except BaseException as error:
            raise RuntimeError(f"{error}\n{self.log.read_text(errors='replace')[-500:]}") from error
        finally:
            for process in started:
                kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """With its children, and without the pauses that some make before they end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def place(
    name: str,
    url: str,
    folder: str,
    concurrency: int,
    jobs: int,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Place]:
    """Empty the database, or name a queue that is new; make slots for so many jobs in `folder`."""
    known = peer(name)
    if known.server == "redis":
        empty(url)
    with tempfile.TemporaryDirectory(dir=folder) as within:
        path = Path(within).resolve()
        yield Place(
            peer=known,
            home=at_home(known),
            url=url,
            concurrency=concurrency,
            slots=make(path / "slots", jobs),
            folder=path,
            variables={
                **known.variables,
                **(variables or {}),
                REDIS: url,
                CONCURRENCY: str(concurrency),
                **({} if known.server == "redis" else {NAME: f"bench-{uuid4().hex[:12]}"}),
                SLOTS: str(path / "slots"),
                JOURNAL: str(path / "journal"),
                "PYTHONPATH": str(ROOT),
            },
        )
