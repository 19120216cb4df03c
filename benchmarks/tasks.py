"""The tasks under test, and the application that has them."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

from anyjob import App
from anyjob.core.task import Task
from benchmarks.slots import Slots

#: Variables that name the file the tasks stamp, and the one they append their journal to.
SLOTS = "BENCH_SLOTS"
JOURNAL = "BENCH_JOURNAL"


@functools.cache
def slots() -> Slots:
    return Slots(Path(os.environ[SLOTS]))


@functools.cache
def journal() -> int:
    return os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def noop(number: int) -> None:
    slots().stamp(number)


async def async_noop(number: int) -> None:
    slots().stamp(number)


def lag(number: int, asked: float) -> None:
    """Leave how long ago it was asked for, by the clock that processes share."""
    slots().write(number, time.monotonic() - asked)


def nap(number: int, seconds: float) -> None:
    """Tell the journal that it begins and that it has ended; one write is one line."""
    os.write(journal(), b"S %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
    time.sleep(seconds)
    os.write(journal(), b"E %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))


def application(url: str | None = None) -> App:
    """An application with every task of this module; without `url`, of ANYJOB_BACKEND."""
    app = App(url)
    app.task(noop)
    app.task(async_noop)
    app.task(lag)
    app.task(nap)
    return app


def task(app: App, name: str) -> Task[..., Any]:
    """One of the application's tasks."""
    found = app.tasks.find(name)
    if found is None:
        raise LookupError(name)
    return found
