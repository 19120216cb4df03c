"""What time it is, as an argument: core never asks for it."""

from __future__ import annotations

import time as time_module
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Two readings, both in seconds; any thread may ask."""

    def time(self) -> float:
        """Wall time since the epoch: for due times, expiry and what people read. It may jump."""

    def monotonic(self) -> float:
        """Time that never jumps and goes on while the machine sleeps: for leases and deadlines."""


# On Linux CLOCK_MONOTONIC stands still while the machine is suspended, and a lease must not outlive
# a suspend. On macOS, which has no CLOCK_BOOTTIME, it goes on (clock_gettime(3)).
_UNBROKEN: int = getattr(time_module, "CLOCK_BOOTTIME", time_module.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own clocks."""

    # Plain functions of the time module, because a worker reads the clock several times a job.
    time = staticmethod(time_module.time)
    monotonic = staticmethod(partial(time_module.clock_gettime, _UNBROKEN))

    def __repr__(self) -> str:
        return "SystemClock()"
