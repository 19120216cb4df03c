"""The house thread: maintenance, progress, and an eye on the wall clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from anyjob.core.attempt import Attempt, Progress
from anyjob.core.backend import Backend
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, UnsupportedCapability
from anyjob.core.store import Put, Store
from anyjob.worker.log import Log
from anyjob.worker.outage import Outage

_BUDGET = 0.05
_BEAT = 1.0
#: After standing still, renewals come before maintenance: how often it looks, and how many times.
_LET_RENEW = 0.02
_LOOKS = 50
#: Progress is shown for so long after it was reported.
PROGRESS_TTL = 24 * 3600.0
_JUMP = 1.0

encode_progress = msgspec.json.Encoder().encode


def progress_key(job_id: str) -> str:
    """Return the store's key under which a job's progress is kept."""
    return f"progress/{job_id}"


class House:
    """Does what has to be done now and then; `run` is the thread's whole life."""

    def __init__(
        self,
        backend: Backend,
        store: Store | None,
        clock: Clock,
        outage: Outage,
        log: Log,
        tell: Callable[..., None],
        *,
        watches_clock: bool = True,
    ) -> None:
        self._watches_clock = watches_clock
        self._backend = backend
        self._store = store
        self._clock = clock
        self._outage = outage
        self._log = log
        self._tell = tell
        self._stopping = threading.Event()
        self._progress: dict[str, Progress] = {}
        self._offset = clock.time() - clock.monotonic()
        self._maintain_at = 0.0
        #: Whether leases held here may have run out unnoticed: maintenance would take them back.
        self.is_behind: Callable[[], bool] = lambda: False
        self._looks = 0

    def run(self) -> None:
        """Keep house until `stop`."""
        while not self._stopping.is_set():
            self._stopping.wait(self._turn())
        self._write_progress()

    def stop(self) -> None:
        self._stopping.set()

    def report(self, attempt: Attempt, progress: Progress) -> None:
        """Note a job's progress; the newest is written within a second. Any thread may call.

        Raises UnsupportedCapability without a store.
        """
        if self._store is None:
            raise UnsupportedCapability(
                "store",
                f"task {attempt.task.name!r} reports progress, which needs a store; add store=...",
            )
        self._progress[attempt.id] = progress

    def _turn(self) -> float:
        if self._watches_clock:
            self._watch_clock()
        self._write_progress()
        if self._lets_renew():
            return _LET_RENEW
        now = self._clock.monotonic()
        if now >= self._maintain_at:
            try:
                self._maintain_at = now + self._backend.maintain(_BUDGET)
            except BackendError as error:
                self._maintain_at = now + self._outage.failed("maintain", error)
            else:
                self._outage.answered("maintain", self._clock.monotonic() - now)
        return min(_BEAT, max(0.001, self._maintain_at - self._clock.monotonic()))

    def _lets_renew(self) -> bool:
        """Whether the leases held here are to be renewed first; not for ever, as renewing may fail
        while the backend is away.
        """
        self._looks = self._looks + 1 if self.is_behind() else 0
        return 0 < self._looks <= _LOOKS

    def _write_progress(self) -> None:
        if not self._progress or self._store is None:
            return
        # Taken one by one, so that what is noted meanwhile is neither lost nor written twice.
        noted = {}
        while self._progress:
            job, progress = self._progress.popitem()
            noted[job] = progress
        puts = [
            Put(progress_key(i), encode_progress(p), ttl=PROGRESS_TTL) for i, p in noted.items()
        ]
        try:
            for start in range(0, len(puts), self._store.capabilities.max_batch):
                self._store.put(puts[start : start + self._store.capabilities.max_batch])
        except BackendError as error:
            for job, progress in noted.items():
                self._progress.setdefault(job, progress)
            self._outage.failed("progress", error)
        else:
            self._outage.ended("progress")

    def _watch_clock(self) -> None:
        offset = self._clock.time() - self._clock.monotonic()
        jumped, self._offset = offset - self._offset, offset
        if abs(jumped) >= _JUMP:
            self._log.trouble(
                "clock.jump",
                "the wall clock jumped by %+.1f s; leases are unmoved, due times follow the clock",
                jumped,
            )
            self._tell("clock.jump", seconds=jumped)
