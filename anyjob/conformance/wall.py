"""The wall clock of this process, set forward and back where nobody moves the backend's own."""

from __future__ import annotations

import time
from collections.abc import Callable


class WallClock:
    """Stands before `time.time` from the first jump on, until `restore`."""

    def __init__(self) -> None:
        self._real: Callable[[], float] | None = None
        self._off = 0.0

    def jump(self, seconds: float) -> None:
        """Set the clock forward or back; no time passes."""
        self._off += seconds
        if self._real is None:
            self._real = time.time
            time.time = self._shown

    def restore(self) -> None:
        if self._real is not None:
            time.time, self._real = self._real, None

    def _shown(self) -> float:
        assert self._real is not None
        return self._real() + self._off
