"""A test that does not end is ended: the stacks are written down, and the run goes on."""

from __future__ import annotations

import faulthandler
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from anyjob.conformance.effort import Tier
from anyjob.core.errors import ConfigurationError

LIMIT = "CONFORMANCE_LIMIT"
_LIMITS: dict[Tier, float] = {"quick": 90.0, "full": 900.0, "soak": 7200.0}
#: Nothing of ours or of an honest backend's uses it, and it interrupts a blocking call.
_SIGNAL = signal.SIGVTALRM
#: How often a test is interrupted before it is given up.
_TRIES = 3
#: However often it happened, a test gets so many seconds.
_LEAST = 5.0


class Overtime(BaseException):
    """Raised inside a test that does not end. Past `except Exception`, as an interrupt is."""


def limit_of(tier: Tier) -> float:
    """Seconds that one test may take, of the tier or of CONFORMANCE_LIMIT.

    Raises ConfigurationError for a limit that is none.
    """
    asked = os.environ.get(LIMIT)
    if asked is None:
        return _LIMITS[tier]
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"expected {LIMIT} to be seconds above 0, got {asked!r}")
    return seconds


class Watchdog:
    """Watches the thread it is started in, from one of its own.

    After the limit the watched thread gets `Overtime`, and again after a while if it goes on; what
    cannot be interrupted is told to `on_stuck`, which is called in the watching thread and is to
    end the process. A test that was interrupted leaves less patience for the next ones.
    """

    def __init__(self, limit: float, on_stuck: Callable[[str], None]) -> None:
        self.limit = limit
        #: What every thread was doing when the last test was interrupted; empties it who took it.
        self.stacks = ""
        self._on_stuck = on_stuck
        self._changed = threading.Condition()
        #: Guarded by _changed.
        self._deadline: float | None = None
        self._interrupted = 0
        #: The limit that the last interrupted test was over.
        self._spent = limit
        self._ended = False
        #: Whether an interrupt is meant for what runs. Set in the watched thread alone.
        self._armed = False
        self._watched = threading.get_ident()
        self._thread = threading.Thread(
            target=self._watch, name="conformance-watchdog", daemon=True
        )
        self._before: object = None

    @property
    def grace(self) -> float:
        """Seconds between one interrupt and the next."""
        return max(0.5, min(10.0, self.limit / 4))

    @property
    def message(self) -> str:
        """What is said of a test that was interrupted."""
        return f"UNKNOWN: a call had not returned after {self._spent:g} s"

    def start(self) -> None:
        """Begin; in the main thread, since no other gets signals."""
        self._before = signal.signal(_SIGNAL, self._interrupt)
        self._thread.start()

    def stop(self) -> None:
        """End, and give the signal back."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        signal.signal(_SIGNAL, self._before)  # type: ignore[arg-type]  # as it was handed to us

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Interrupt the block if it takes too long."""
        self._set(time.monotonic() + self.limit)
        self._armed = True
        try:
            yield
        finally:
            # First, so that one that comes late does not cut what follows.
            self._armed = False
            self._set(None)

    def _set(self, deadline: float | None) -> None:
        with self._changed:
            if self._interrupted:
                self.limit = max(min(_LEAST, self.limit), self.limit / 2)
            self._deadline, self._interrupted = deadline, 0
            self._changed.notify()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise Overtime(self.message)

    def _watch(self) -> None:
        with self._changed:
            while not self._ended:
                if self._deadline is None:
                    self._changed.wait()
                elif (left := self._deadline - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._overdue()

    def _overdue(self) -> None:
        self.stacks, self._spent = _all_stacks(), self.limit
        self._interrupted += 1
        if self._interrupted > _TRIES:
            self._on_stuck(self.stacks)
        self._deadline = time.monotonic() + self.grace
        signal.pthread_kill(self._watched, _SIGNAL)


def _all_stacks() -> str:
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read()
