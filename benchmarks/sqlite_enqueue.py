"""How many jobs a second `enqueue_many` stores durably, beside a bare loop of its statements."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anyjob.core.draft import Draft
from benchmarks.machine import fsync_costs
from benchmarks.replay import commits, recording, replay
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate, column, ratios
from benchmarks.tasks import application, task

#: An fsync that costs more makes the absolute target mean nothing.
FSYNC_LIMIT_MS = 3.0


def measure(settings: Settings) -> list[Result]:
    """Enqueue by the product and by the bare loop in turn."""
    arguments = {"folder": str(settings.folder), "seconds": settings.seconds}
    rounds = alternate(
        {
            "anyjob": Side("benchmarks.sqlite_enqueue:side", arguments),
            "bare": Side("benchmarks.sqlite_enqueue:bare", arguments),
        },
        settings.rounds,
    )
    return compared("sqlite_enqueue", "`enqueue_many`", 15_000, rounds["anyjob"], rounds["bare"])


def side(folder: str, seconds: float) -> Figures:
    """Enqueue for so long."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return {"rate": _enqueue(_url(name), seconds)[0], **_fsync(name)}


def bare(folder: str, seconds: float) -> Figures:
    """Record as much as `side` enqueues, and replay it."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        database, fresh = Path(name) / "jobs.db", Path(name) / "bare.db"
        with application(_url(name)):
            pass  # what is opened once is made: the recording begins on a database that is there
        shutil.copy(database, fresh)
        with recording() as calls:
            jobs = _enqueue(_url(name), seconds)[1]
        spent = replay(calls, fresh)
        return {"rate": jobs / spent, "jobs_per_commit": jobs / commits(calls), **_fsync(name)}


def compared(
    measurement: str,
    title: str,
    target: float,
    ours: Sequence[Figures],
    bare: Sequence[Figures],
) -> list[Result]:
    """The product's rate, and what part of the bare loop's rate it is."""
    fsync_ms = [1000 * cost for cost in column([*ours, *bare], "fsync")]
    slow = sorted(fsync_ms)[len(fsync_ms) // 2] > FSYNC_LIMIT_MS
    return [
        Result(
            measurement=measurement,
            figure="ratio",
            title=f"SQLite FULL: {title}, part of a bare sqlite3 loop's rate",
            unit="x",
            samples=ratios(column(ours, "rate"), column(bare, "rate")),
            target=Target("least", 0.4),
            seen={
                "bare_jobs_per_second": column(bare, "rate"),
                "jobs_per_commit": column(bare, "jobs_per_commit"),
                "fsync_ms": fsync_ms,
            },
        ),
        Result(
            measurement=measurement,
            figure="rate",
            title=f"SQLite FULL: {title}",
            unit="jobs/s",
            samples=column(ours, "rate"),
            target=Target("least", target, waived="an fsync takes over 3 ms here" if slow else ""),
        ),
    ]


def _enqueue(url: str, seconds: float) -> tuple[float, int]:
    """Enqueue for so many seconds; returns the rate and the number of jobs."""
    with application(url) as app:
        noop = task(app, "noop")
        noop.enqueue(0)
        began = time.perf_counter()

        def drafts() -> Iterator[Draft[Any]]:
            while time.perf_counter() - began < seconds:
                yield noop.job(0)

        stored = len(app.enqueue_many(drafts()))
        return stored / (time.perf_counter() - began), stored


def _url(folder: str) -> str:
    return f"sqlite:///{Path(folder).resolve() / 'jobs.db'}"


def _fsync(folder: str) -> Figures:
    return {"fsync": sorted(fsync_costs(Path(folder)))[50]}
