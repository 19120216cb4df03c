"""Where the microseconds of a no-op job go in a worker on Redis, today and at the beginning."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks import spy
from benchmarks.earlier import FIRST_ON_REDIS, ROOT, NotThere, unpacked, variables
from benchmarks.peers.home import NotInstalled
from benchmarks.processes import worker
from benchmarks.profile_table import PROFILE, VERSIONS
from benchmarks.result import Result
from benchmarks.server import client, server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column
from benchmarks.spin import awake
from benchmarks.stage import Stage, stage
from benchmarks.stages import COLLECTED, STAGES

BEFORE, AFTER = VERSIONS
#: Beside the stages of the worker's own code.
OTHERS = {
    "collection": "garbage collection, wherever it struck",
    "free": "nobody holds the interpreter: system calls, and waiting for the server",
}
TOTAL = "wall"
SERVER = "server"
LOT = "lot"

#: Jobs of the drain that tells the rate.
TRIAL = 200_000
#: A drain lasts so much longer than it is looked at, which is slow to begin.
_LONGER = 1.8
#: A debugger that stops a process wakes each of its threads: here are no more than are needed.
_OPTIONS = ("-c", "4")


def measure(settings: Settings) -> list[Result]:
    """Profile drains of both in turn; where that cannot be, tell why and bring nothing."""
    given: dict[str, Any] = {
        "folder": str(settings.folder),
        "seconds": 2 if settings.is_quick else 5,
        "jobs": TRIAL // 4 if settings.is_quick else TRIAL,
    }
    try:
        given["py_spy"] = spy.program()
        before = unpacked(FIRST_ON_REDIS, settings.folder / "earlier")
    except (NotInstalled, NotThere) as error:
        print(f"  left out: {error}", flush=True)
        return []
    with server(settings.folder) as url, awake():
        sides = {
            version: Side(
                "benchmarks.redis_profile:side", {**given, "url": url}, variables=variables(code)
            )
            for version, code in ((BEFORE, before), (AFTER, ROOT))
        }
        rounds = alternate_leniently(sides, 1 if settings.is_quick else 3, sides)
    for failure in rounds.failures.values():
        print(f"  left out: {failure.splitlines()[-1]}", flush=True)
    if rounds.failures:
        return []
    return [
        Result(
            measurement=PROFILE,
            figure=f"{name} {version}",
            title=f"Redis: a no-op sync job in one worker: {version}: {title}",
            unit="jobs" if name == LOT else "us",
            samples=column(figures, name),
        )
        for version, figures in rounds.figures.items()
        for name, title in titles().items()
    ]


def titles() -> dict[str, str]:
    """What each figure of a version is called."""
    return {
        TOTAL: "a job, in all",
        **STAGES,
        **OTHERS,
        SERVER: "in the server meanwhile, which is another process: its scripts",
        LOT: "jobs for each script that the server runs, fetch or settle",
    }


def side(url: str, folder: str, seconds: int, jobs: int, py_spy: str) -> Figures:
    """Microseconds of a job by stage: how long it takes is measured alone, the parts in a profile.

    What was collected is taken from the stages that it struck.
    """
    plain = _drain(url, folder, jobs)
    wall = 1e6 / plain["rate"]
    parts = _profile(url, folder, int(plain["rate"] * seconds * _LONGER), seconds, py_spy)
    collected = {name: plain.get(f"collected {name}", 0.0) for name in STAGES}
    return {
        TOTAL: wall,
        # By chance, a stage that takes next to nothing was seen less often than it collected.
        **{name: max(0.0, parts.get(name, 0.0) * wall - collected[name]) for name in STAGES},
        "collection": sum(collected.values()),
        "free": (1 - sum(parts.values())) * wall,
        SERVER: plain["server"],
        LOT: plain["lot"],
    }


def _drain(url: str, folder: str, jobs: int) -> Figures:
    """The rate of a drain, and microseconds a job: of the server and of collections by stage."""
    with stage(Path(folder), jobs, url) as here, client(url) as connection:
        here.fill("noop", jobs)
        connection.config_resetstat()
        with _worker(here) as process:
            here.slots.wait_for(jobs, timeout=300, worker=process)
        scripts: Any = connection.info("commandstats")
        told = scripts["cmdstat_evalsha"]
        # What was collected while the worker began or ended is in no stage of a job's way.
        collected = json.loads(_collected(here).read_text())
        collected.pop("rest", None)
        return {
            "rate": here.slots.drain()["rate"],
            "server": told["usec"] / jobs,
            "lot": jobs / told["calls"],
            **{f"collected {name}": 1e6 * spent / jobs for name, spent in collected.items()},
        }


def _profile(url: str, folder: str, jobs: int, seconds: int, py_spy: str) -> dict[str, float]:
    """The part of the time in which each stage held the interpreter, amid a drain."""
    with stage(Path(folder), jobs, url) as here:
        here.fill("noop", jobs)
        with _worker(here) as process:
            here.slots.wait_for(1, timeout=30, worker=process)
            time.sleep(0.2)
            found = spy.shares(py_spy, process.pid, seconds, here.folder / "profile")
            if here.slots.done(jobs) == jobs:
                raise RuntimeError(f"{jobs} jobs were drained before {seconds} s were looked at")
        return found


def _worker(here: Stage) -> Any:
    return worker(
        {**here.variables, COLLECTED: str(_collected(here))},
        *_OPTIONS,
        log=here.log,
        application="benchmarks.profiled:jobs",
    )


def _collected(here: Stage) -> Path:
    return here.folder / "collected"
