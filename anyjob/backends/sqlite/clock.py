"""The two times of a database file, in whole microseconds.

*Wall* time is for due times and what people read; it may jump. *Steady* time is for leases and for
how long something is kept: it grows with the machine's boot clock, sleep included, and no setting
of the wall clock moves it. It was equal to the wall time when the first process of this boot opened
the file; the difference is stored there, beside the id of the boot, so that all processes agree.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

from anyjob.core.clock import Clock
from anyjob.core.errors import ConfigurationError

SECOND = 1_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def microseconds(seconds: float) -> int:
    return round(seconds * SECOND)


def seconds(microseconds: int) -> float:
    return microseconds / SECOND


class FileClock:
    """Tells both times; any thread may ask. `offset` is fixed when the file is opened."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self.offset = 0
        #: Leases of another boot are void, because its clock began anew.
        self.boot = boot_id() if clock is None else "clock"

    def wall(self) -> int:
        if self._clock is None:
            return time.time_ns() // 1000
        return microseconds(self._clock.time())

    def steady(self) -> int:
        return self.raw() + self.offset

    def raw(self) -> int:
        """The boot clock itself."""
        if self._clock is None:
            return time.clock_gettime_ns(_STEADY) // 1000
        return microseconds(self._clock.monotonic())


def boot_id() -> str:
    """What tells this boot of the machine from every other one."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    return _sysctl("kern.bootsessionuuid")


# On macOS CLOCK_MONOTONIC goes on while the machine is asleep (clock_gettime(3)).
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _sysctl(name: str) -> str:
    # kern.boottime, the usual choice, is moved when somebody sets the wall clock; this is not.
    value = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(value))
    if ctypes.CDLL(None).sysctlbyname(name.encode(), value, ctypes.byref(size), None, 0) != 0:
        raise ConfigurationError(
            f"{name!r} does not tell one boot of this machine from another, which leases need;"
            " sqlite:// runs on Linux and macOS"
        )
    return value.value.decode()
