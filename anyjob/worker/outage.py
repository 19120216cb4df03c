"""A backend that does not answer: how long to wait, and one report when it goes and comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

from anyjob.core.errors import BackendError
from anyjob.worker.log import Log

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0


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
