"""The clock of the emulator, ahead of the machine's by as much as tests say: one file for all who
tell the time.
"""

from __future__ import annotations

import mmap
import struct
import time
from functools import cache
from pathlib import Path

_AHEAD = struct.Struct("<d")


class MovedClock:
    """Reads, and moves forward, the clock of a server that keeps its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def advance(self, seconds: float) -> None:
        _AHEAD.pack_into(_mapped(self._folder), 0, self.ahead + seconds)

    @property
    def ahead(self) -> float:
        """Seconds."""
        ahead: float = _AHEAD.unpack_from(_mapped(self._folder))[0]
        return ahead


@cache
def _mapped(folder: Path) -> mmap.mmap:
    # Beside the data, which tests remove.
    path = folder.with_name("clock")
    with path.open("a+b") as file:
        if not file.tell():
            file.write(bytes(_AHEAD.size))
            file.flush()
        return mmap.mmap(file.fileno(), _AHEAD.size)
