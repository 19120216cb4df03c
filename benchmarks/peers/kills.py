"""Kills workers of peers under load, and reads from their journals what came of it."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.journal import Journal, Witness
from benchmarks.kills import LEASE, NAP, Kill, Outcome
from benchmarks.peers.feeder import Feeder
from benchmarks.peers.field import Field
from benchmarks.peers.given import RECOVERY
from benchmarks.peers.place import Place, kill, place
from benchmarks.peers.recovery import RECOVERIES
from benchmarks.server import database
from benchmarks.settings import Settings

#: Seconds after the last kill in which what it cut may come back: RQ permits no fewer than 61.
BOUND = 75.0
#: Seconds for which jobs that may run twice are awaited when all have run once.
REST = 15.0
#: Jobs that wait or run at a time. A killed worker may sit on all of them, so it is for each kill.
_LOAD = 200
#: Seconds between two jobs while the last ones come back: some queues look for what is left behind
#: by a dead worker when something new comes.
_TRICKLE = 0.25
#: Seconds in which a worker has begun its first job.
_START = 30.0


def kill_peers(peers: Field, url: str, settings: Settings) -> dict[str, Outcome]:
    """Kill workers of each peer in turn; what was cut comes back while the next one's are killed.

    Each has a database of its own on the server of `url`. Who fails is left out of `peers`.
    """
    times = 1 if settings.is_quick else 5
    with ThreadPoolExecutor(len(peers.peers) or 1) as waiting, contextlib.ExitStack() as places:
        awaited: dict[str, Future[Outcome]] = {}
        for number, name in enumerate(list(peers.peers), 1):
            try:
                trial = places.enter_context(_trial(peers, name, database(url, number), settings))
                trial.kill(times)
            except (RuntimeError, OSError) as error:
                peers.drop(name, str(error))
            else:
                awaited[name] = waiting.submit(trial.outcome, bound(settings))
        return _outcomes(peers, awaited)


def bound(settings: Settings) -> float:
    """How long they wait."""
    return 12.0 if settings.is_quick else BOUND


def _outcomes(peers: Field, awaited: Mapping[str, Future[Outcome]]) -> dict[str, Outcome]:
    outcomes = {}
    for name, each in awaited.items():
        try:
            outcomes[name] = each.result()
        except RuntimeError as error:
            peers.drop(name, str(error))
    return outcomes


@contextlib.contextmanager
def _trial(peers: Field, name: str, url: str, settings: Settings) -> Iterator[_Trial]:
    variables = {RECOVERY: str(LEASE)}
    concurrency = peers.concurrency[name]
    with (
        place(name, url, str(settings.folder), concurrency, 1, variables) as here,
        here.workers(options=RECOVERIES[name].options),
        Feeder.of(here, "nap", NAP) as feeder,
    ):
        yield _Trial(here, feeder)


class _Trial:
    """Two workers of a peer, of which one lives; one thread at a time."""

    def __init__(self, here: Place, feeder: Feeder) -> None:
        self._here = here
        self._feeder = feeder
        self._witness = Witness(here.journal)
        self._kills: list[Kill] = []
        #: Whose child a process was that ran jobs.
        self._parents: dict[int, int] = {}

    def kill(self, times: int) -> None:
        """Start a second worker, kill it while it holds jobs, and begin again."""
        for number in range(1, times + 1):
            victim = self._here.start(number, RECOVERIES[self._here.peer.name].options)
            try:
                self._load_until_begun(victim)
                self._load_for(random.uniform(0.1, 0.6))
                self._parents |= dict.fromkeys(_family(victim), victim.pid)
                self._kills.append(Kill(victim.pid, time.monotonic()))
            finally:
                kill(victim)

    def outcome(self, seconds: float) -> Outcome:
        """Wait until all that was enqueued before the last kill has run, or the time is up."""
        loaded = self._feeder.number
        last = self._kills[-1].at
        while time.monotonic() < last + seconds:
            self._witness.look()
            has_all = loaded == sum(number < loaded for number in self._witness.ended)
            if has_all and time.monotonic() > last + REST:
                break
            self._feeder.send(1)
            time.sleep(_TRICKLE)
        journal = Journal.read(self._here.journal)
        lives = [life for life in journal.lives if life.number < loaded]
        for life in lives:
            life.pid = self._parents.get(life.pid, life.pid)
        return Outcome(Journal(lives), loaded, self._kills)

    def _load_until_begun(self, victim: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START
        while self._witness.pids.isdisjoint(_family(victim)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"a worker began no job within {_START:g} s")
            self._load()

    def _load_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._load()

    def _load(self) -> None:
        """Keep more ready than the workers run meanwhile, whatever the dead sit on."""
        self._witness.look()
        unfinished = self._feeder.number - len(self._witness.ended)
        missing = _LOAD * (len(self._kills) + 1) - unfinished
        if missing > 0:
            self._feeder.send(missing)
        time.sleep(0.02)


def _family(process: subprocess.Popen[bytes]) -> set[int]:
    """The processes of a worker."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        return {process.pid, *(child.pid for child in children)}
    return set()
