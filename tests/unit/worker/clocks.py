"""The machine's clock, with time added at will."""

from anyjob.core.clock import SystemClock


class ShiftedClock:
    """A clock that goes on by itself and leaps forward when told; any thread may ask."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead = 0.0
        self._wall_ahead = 0.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._system.time() + self._ahead + self._wall_ahead

    def monotonic(self) -> float:
        """Seconds that never jump by themselves."""
        return self._system.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so much time have passed: both readings move."""
        self._ahead += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; no time passes."""
        self._wall_ahead += seconds
