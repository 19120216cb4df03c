"""What time it is, as an argument: core never asks for it."""

from __future__ import annotations

import sys
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings, both in seconds; any thread may ask."""

    def time(self) -> float:
        """Wall time since the epoch: for due times, expiry and what people read. It may jump."""

    def monotonic(self) -> float:
        """Time that never jumps and goes on while the machine sleeps: for leases and deadlines."""


if sys.platform == "linux":

    def _monotonic() -> float:
        # CLOCK_MONOTONIC stands still while Linux is suspended; a lease must not outlive a suspend.
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:
    # On macOS CLOCK_MONOTONIC goes on while the machine is asleep (clock_gettime(3)).
    def _monotonic() -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own clocks."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return _monotonic()

    def __repr__(self) -> str:
        return "SystemClock()"
