"""The application under test: `anyjob worker benchmarks.tasks:jobs`."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path

from anyjob import App
from benchmarks.slots import Slots

#: Which file the tasks stamp, or append their journal to.
SLOTS = "BENCH_SLOTS"
JOURNAL = "BENCH_JOURNAL"

jobs = App()


@functools.cache
def slots() -> Slots:
    return Slots(Path(os.environ[SLOTS]))


@functools.cache
def journal() -> int:
    return os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@jobs.task
def noop(number: int) -> None:
    slots().stamp(number)


@jobs.task
async def async_noop(number: int) -> None:
    slots().stamp(number)


@jobs.task
def lag(number: int, asked: float) -> None:
    """Leave how long ago it was asked for, by the clock that processes share."""
    slots().write(number, time.monotonic() - asked)


@jobs.task
def nap(number: int, seconds: float) -> None:
    """Tell the journal that it begins and that it has ended; one write is one line."""
    os.write(journal(), b"S %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
    time.sleep(seconds)
    os.write(journal(), b"E %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
