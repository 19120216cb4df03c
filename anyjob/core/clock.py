"""What time it is, as an argument: core never asks for it."""

from __future__ import annotations

import sys
import time as time_module
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Two readings, both in seconds; any thread may ask."""

    def time(self) -> float:
        """Wall time since the epoch: for due times, expiry and what people read. It may jump."""

    def monotonic(self) -> float:
        """Time that never jumps and goes on while the machine sleeps: for leases and deadlines."""


if sys.platform == "linux":
    # CLOCK_MONOTONIC stands still while Linux is suspended; a lease must not outlive a suspend.
    _UNBROKEN = time_module.CLOCK_BOOTTIME
else:
    # On macOS CLOCK_MONOTONIC goes on while the machine is asleep (clock_gettime(3)).
    _UNBROKEN = time_module.CLOCK_MONOTONIC


class SystemClock:
    """The machine's own clocks."""

    # Plain functions of the time module, because a worker reads the clock several times a job.
    time = staticmethod(time_module.time)
    monotonic = staticmethod(partial(time_module.clock_gettime, _UNBROKEN))

    def __repr__(self) -> str:
        return "SystemClock()"
