"""What the tasks under test do, the same for every side; the standard library is all it needs."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from pathlib import Path

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


async def async_lag(number: int, asked: float) -> None:
    slots().write(number, time.monotonic() - asked)


def pause(number: int, seconds: float) -> None:
    time.sleep(seconds)
    slots().stamp(number)


async def async_pause(number: int, seconds: float) -> None:
    await asyncio.sleep(seconds)
    slots().stamp(number)


def nap(number: int, seconds: float) -> None:
    """Tell the journal that it begins and that it has ended; one write is one line."""
    os.write(journal(), b"S %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
    time.sleep(seconds)
    os.write(journal(), b"E %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))


async def async_nap(number: int, seconds: float) -> None:
    os.write(journal(), b"S %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
    await asyncio.sleep(seconds)
    os.write(journal(), b"E %d %d %.6f\n" % (number, os.getpid(), time.monotonic()))
