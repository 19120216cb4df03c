"""Slots for sync tasks: threads, started as needed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue

from anyjob.core.attempt import Attempt
from anyjob.core.outcome import Released
from anyjob.worker.gate import Gate
from anyjob.worker.held import LEASE_LOST, Held
from anyjob.worker.judgement import Judgement
from anyjob.worker.run import Run, run_in


class ThreadSlots:
    """Up to `limit` daemon threads that take attempts from one queue.

    `submit`, `replace` and `stop` are called by the worker's own threads. A thread whose attempt
    was judged without it is replaced at once; it ends by itself when its task does.
    """

    def __init__(self, limit: int, held: Held, run: Run, judgement: Judgement, gate: Gate) -> None:
        self._limit = limit
        self._held = held
        self._run = run
        self._judgement = judgement
        self._gate = gate
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._threads: set[threading.Thread] = set()
        #: What each busy thread runs.
        self._busy: set[Attempt] = set()
        self._context: Context = copy_context()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts, in order; each is begun by the next free thread."""
        for attempt in attempts:
            self._queue.put(attempt)
        self._grow()

    def replace(self) -> None:
        """Start a thread in place of one that cannot be ended."""
        self._start()

    def stop(self) -> None:
        """Let every thread end after what it is running."""
        for _ in range(len(self._threads)):
            self._queue.put(None)

    def join(self, timeout: float) -> None:
        """Wait up to `timeout` seconds in all for the threads to end."""
        for thread in list(self._threads):
            if timeout > 0:
                thread.join(min(timeout, 0.5))

    def _grow(self) -> None:
        wanted = self._queue.qsize() + len(self._busy)
        while len(self._threads) < min(self._limit, wanted):
            self._start()

    def _start(self) -> None:
        with self._starting:
            thread = threading.Thread(
                target=self._work, name=f"anyjob-slot-{len(self._threads) + 1}", daemon=True
            )
            self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        try:
            while (attempt := self._queue.get()) is not None:
                if not self._work_on(attempt):
                    break
        finally:
            self._threads.discard(threading.current_thread())

    def _work_on(self, attempt: Attempt) -> bool:
        """Run one attempt; False if this thread's place was given to another meanwhile."""
        self._gate.acquire(blocking=True)
        self._busy.add(attempt)
        try:
            if not self._held.begin(attempt):
                return True
            if attempt.clock.monotonic() > attempt.lease_deadline:
                attempt.ending = LEASE_LOST
                return self._judgement.conclude(attempt, Released())
            return self._judgement.conclude(attempt, run_in(self._context, self._run, attempt))
        finally:
            self._busy.discard(attempt)
            self._gate.release()
