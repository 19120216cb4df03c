"""A backend that does not answer, or slowly: how long to wait, and who is told."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from random import Random

from anyjob.core.errors import BackendError
from anyjob.worker.log import Log

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
#: A request that waits for nothing is slow from so many seconds on.
SLOW = 0.5
#: It is told once in so many seconds.
_TOLD_AGAIN = 60.0


class Outage:
    """Shared by the broker threads; each names what it was doing.

    Threads that fail at once are one outage: the lock guards who failed, and nobody is told under
    it.
    """

    def __init__(self, log: Log, tell: Callable[..., None], random: Random) -> None:
        self._log = log
        self._tell = tell
        self._random = random
        self._lock = threading.Lock()
        self._waits: dict[str, float] = {}
        self._told_slow = -math.inf

    def failed(self, doing: str, error: BackendError) -> float:
        """Note a failure; return the seconds to wait before trying again, growing, with jitter."""
        with self._lock:
            is_first = not self._waits
            wait = min(_LONGEST_WAIT, self._waits.get(doing, _FIRST_WAIT / 2) * 2)
            self._waits[doing] = wait
        if is_first:
            self._tell("backend.down", error=str(error))
        self._log.trouble("backend.down", "%s failed and is tried again: %s", doing, error)
        return self._random.uniform(wait / 2, wait)

    def ended(self, doing: str) -> None:
        """Note that the backend answered."""
        if not self._waits:
            return
        with self._lock:
            is_last = self._waits.pop(doing, None) is not None and not self._waits
        if is_last:
            self._log.trouble("backend.up", "the backend answers again")
            self._tell("backend.up")

    def answered(self, doing: str, seconds: float) -> None:
        """Note that the backend answered, after so many seconds, what it had not to wait for."""
        self.ended(doing)
        if seconds < SLOW:
            return
        self._log.trouble(
            "backend.slow",
            "%s took %.1f s: the backend, the way to it or this machine is slow; leases run out"
            " where renewing takes longer than they last",
            doing,
            seconds,
        )
        now = time.monotonic()
        with self._lock:
            is_told = now - self._told_slow < _TOLD_AGAIN
            if not is_told:
                self._told_slow = now
        if not is_told:
            self._tell("backend.slow", doing=doing, seconds=seconds)
