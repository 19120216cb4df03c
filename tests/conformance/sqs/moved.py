"""The clock of the emulator: it runs, ahead of the machine's by as much as tests say, or stands
where a test lets it stand. One file for all who tell the time.
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from functools import cache
from pathlib import Path

_DOUBLE = struct.Struct("<d")
#: Where in the file it says how far ahead the clock runs, and where it stands; NaN if it runs.
_AHEAD, _STANDS = 0, _DOUBLE.size


class MovedClock:
    """Reads and sets the clock of a server that keeps its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def time(self) -> float:
        stands = self._read(_STANDS)
        return time.time() + self.ahead if math.isnan(stands) else stands

    def monotonic(self) -> float:
        """Runs on where the clock stands."""
        return time.monotonic() + self.ahead

    def advance(self, seconds: float) -> None:
        self._write(_AHEAD, self.ahead + seconds)

    def stand(self, instant: float) -> None:
        """Stand there until told otherwise."""
        self._write(_STANDS, instant)

    def run(self) -> None:
        """Show the machine's time, and go on."""
        self._write(_STANDS, math.nan)
        self._write(_AHEAD, 0.0)

    @property
    def ahead(self) -> float:
        """Seconds."""
        return self._read(_AHEAD)

    def _read(self, at: int) -> float:
        found: float = _DOUBLE.unpack_from(_mapped(self._folder), at)[0]
        return found

    def _write(self, at: int, value: float) -> None:
        _DOUBLE.pack_into(_mapped(self._folder), at, value)


@cache
def _mapped(folder: Path) -> mmap.mmap:
    # Beside the data, which tests remove.
    path = folder.with_name("clock")
    with path.open("a+b") as file:
        if not file.tell():
            file.write(_DOUBLE.pack(0.0) + _DOUBLE.pack(math.nan))
            file.flush()
        return mmap.mmap(file.fileno(), 2 * _DOUBLE.size)
