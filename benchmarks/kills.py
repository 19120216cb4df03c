"""What is lost, and what runs twice, when workers are killed under load."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.journal import Journal, Life
from benchmarks.processes import end, start
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.stage import Stage, stage

LEASE = 3.0
CONCURRENCY = 8
NAP = 0.02
#: What finishes within this time before the kill may be on its way to the database still: the
#: worker gathers settlements for 5 ms, and a lot may wait for another process's commit.
UNSETTLED = 0.1


class Kill(msgspec.Struct, frozen=True):
    """One killed worker."""

    pid: int
    at: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of workers that were killed while they ran some of so many jobs."""

    journal: Journal
    enqueued: int
    kills: Sequence[Kill]


def measure(settings: Settings) -> list[Result]:
    """Kill workers on a fresh SQLite file."""
    outcome = kill_on(settings)
    return results(outcome.journal, outcome.enqueued, outcome.kills)


def kill_on(settings: Settings, url: str = "") -> Outcome:
    """Kill one of two workers again and again while jobs are enqueued.

    They run on the Redis of `url`, or on a fresh SQLite file.
    """
    times = 3 if settings.is_quick else 20
    with stage(settings.folder, 1, url) as here:
        variables = {**here.variables, "ANYJOB_LEASE": str(LEASE)}
        survivor = _start(here, variables)
        try:
            enqueued, kills = _kill_many(here, variables, times)
            _wait_until_done(here, enqueued)
        finally:
            end(survivor)
        return Outcome(Journal.read(here.journal), enqueued, kills)


def _start(here: Stage, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    return start(variables, "-c", str(CONCURRENCY), log=here.log)


def _kill_many(here: Stage, variables: dict[str, str], times: int) -> tuple[int, list[Kill]]:
    """Start a second worker, kill it while it holds jobs, and begin again."""
    enqueued, kills = 0, []
    for _ in range(times):
        victim = _start(here, variables)
        try:
            moment = None
            while moment is None or time.monotonic() < moment:
                enqueued = _top_up(here, enqueued)
                if moment is None and _has_begun(here, victim):
                    moment = time.monotonic() + random.uniform(0.1, 0.6)
                time.sleep(0.02)
            kills.append(Kill(victim.pid, time.monotonic()))
            victim.send_signal(signal.SIGKILL)
        finally:
            victim.kill()
            victim.wait()
    return enqueued, kills


def _top_up(here: Stage, enqueued: int) -> int:
    """Keep more ready than the workers run meanwhile; returns how many were enqueued in all."""
    missing = 200 - here.app.counts().ready
    if missing <= 0:
        return enqueued
    nap = here.task("nap")
    here.app.enqueue_many(nap.job(enqueued + n, NAP) for n in range(missing))
    return enqueued + missing


def _has_begun(here: Stage, worker: subprocess.Popen[bytes]) -> bool:
    return here.journal.exists() and any(
        life.pid == worker.pid for life in Journal.read(here.journal).lives
    )


def _wait_until_done(here: Stage, enqueued: int) -> None:
    """Wait until the backend holds nothing that will run, and every job has ended or a time is up.

    What is lost would never end, so the wait is bounded: by the lease, its reaping and the rest.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        counts = here.app.counts()
        if not (counts.ready or counts.scheduled or counts.leased):
            return
        time.sleep(0.1)
    raise TimeoutError(f"the workers did not finish {enqueued} jobs")


def results(
    journal: Journal,
    enqueued: int,
    kills: Sequence[Kill],
    measurement: str = "kills",
    place: str = "SQLite",
) -> list[Result]:
    ended = {life.number for life in journal.lives if life.ended is not None}
    lost = enqueued - len(ended)
    runs = journal.by_number()
    excess = [_excess(runs, journal.lives, kill) for kill in kills]
    back = [after for kill in kills for after in back_after(runs, journal.lives, kill)]
    unexplained = _unexplained(runs, kills)
    about = f"{place}: kill -9 of a worker under load, {len(kills)} times"
    return [
        Result(
            measurement=measurement,
            figure="lost",
            title=f"{about}: of {enqueued} jobs, lost",
            unit="jobs",
            samples=[float(lost)],
            target=Target("most", 0),
        ),
        Result(
            measurement=measurement,
            figure="twice",
            title=f"{about}: run twice, above those running and one lot not yet settled",
            unit="jobs",
            samples=[max(map(float, excess))],
            target=Target("most", 0),
            seen={
                "run_twice_by_kill": [float(_again(runs, journal.lives, kill)) for kill in kills],
                "run_twice_without_a_kill": unexplained,
            },
        ),
        Result(
            measurement=measurement,
            figure="twice_without_a_kill",
            title=f"{about}: run twice though their worker lived",
            unit="jobs",
            samples=[float(unexplained)],
            target=Target("most", 0),
        ),
        Result(
            measurement=measurement,
            figure="back",
            title=f"{about}: until a job it ran is run again, lease {LEASE:g} s, at worst",
            unit="s",
            samples=[max(back)] if back else [0.0],
            target=Target("most", LEASE + 6),
            seen={"each": back},
        ),
    ]


def figures(outcome: Outcome) -> dict[str, float]:
    """What job queues are compared by, from the journal of each.

    `cut` jobs were running when their worker was killed; `absent` of them did not run again, and
    `back` is the longest that one of the others took.
    """
    lives = outcome.journal.lives
    runs = outcome.journal.by_number()
    ends = {number: sum(life.ended is not None for life in some) for number, some in runs.items()}
    cut = [life for kill in outcome.kills for life in _cut(lives, kill)]
    back = [after for kill in outcome.kills for after in back_after(runs, lives, kill)]
    return {
        "lost": outcome.enqueued - sum(map(bool, ends.values())),
        "doubled": sum(number > 1 for number in ends.values()),
        "doubled_without_a_kill": _unexplained(runs, outcome.kills),
        "cut": len(cut),
        "absent": len(cut) - len(back),
        "back": max(back, default=0.0),
        "jobs": outcome.enqueued,
        "kills": len(outcome.kills),
    }


def _held(lives: Sequence[Life], kill: Kill) -> list[Life]:
    """The runs of the killed worker that another one repeated or had to repeat."""
    return [life for life in lives if life.pid == kill.pid]


def _again(runs: Mapping[int, Sequence[Life]], lives: Sequence[Life], kill: Kill) -> int:
    """How many jobs that the killed worker had begun were run again after the kill."""
    return sum(bool(_later(runs, life, kill)) for life in _held(lives, kill))


def _excess(runs: Mapping[int, Sequence[Life]], lives: Sequence[Life], kill: Kill) -> int:
    """Runs repeated beyond what was running and the lot that had just ended."""
    mine = _held(lives, kill)
    allowed = sum(life.ended is None or life.ended > kill.at - UNSETTLED for life in mine)
    return max(0, _again(runs, lives, kill) - allowed)


def back_after(
    runs: Mapping[int, Sequence[Life]], lives: Sequence[Life], kill: Kill
) -> list[float]:
    """Seconds from the kill to the next run of each job that it cut."""
    cut = _cut(lives, kill)
    return [_later(runs, life, kill)[0].began - kill.at for life in cut if _later(runs, life, kill)]


def _cut(lives: Sequence[Life], kill: Kill) -> list[Life]:
    """The runs that the kill ended."""
    return [life for life in _held(lives, kill) if life.ended is None]


def _later(runs: Mapping[int, Sequence[Life]], life: Life, kill: Kill) -> list[Life]:
    return [run for run in runs[life.number] if run is not life and run.began > kill.at]


def _unexplained(runs: Mapping[int, Sequence[Life]], kills: Sequence[Kill]) -> int:
    """Jobs that ran more often than their workers were killed."""
    killed = {kill.pid for kill in kills}
    return sum(sum(life.pid not in killed for life in lives) > 1 for lives in runs.values())
