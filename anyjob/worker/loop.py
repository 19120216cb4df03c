"""Slots for async tasks: one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context

from anyjob.core.attempt import Attempt
from anyjob.core.outcome import Released
from anyjob.worker.gate import Gate
from anyjob.worker.held import TIME_LIMIT
from anyjob.worker.home import Holder, Judge
from anyjob.worker.run import Run


class LoopSlots:
    """Up to `limit` coroutines at once on one loop, which starts with the first lot.

    `submit`, `cancel`, `pump_soon`, `stop` and `join` may be called from any thread; the rest runs
    on the loop.
    """

    def __init__(self, limit: int, held: Holder, run: Run, judgement: Judge, gate: Gate) -> None:
        self._limit = limit
        self._held = held
        self._run = run
        self._judgement = judgement
        self._gate = gate
        self._pending: deque[Attempt] = deque()
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}
        self._context = copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopping = False

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Hand a lot to the loop in one crossing."""
        self._started().call_soon_threadsafe(self._accept, attempts)

    def cancel(self, attempt: Attempt, reason: str) -> None:
        """Cancel a running coroutine; its attempt says why in `ending`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, attempt, reason)

    def pump_soon(self) -> None:
        """Look for room again, if anything waits for it."""
        if self._pending and self._loop is not None:
            self._loop.call_soon_threadsafe(self._pump)

    def stop(self) -> None:
        """Let the loop end; what still runs on it is cancelled."""
        self._stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def join(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for the loop's thread to end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name="anyjob-loop", daemon=True
                )
                self._thread.start()
        return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._stopping:
                # A task that a job started may leave with SystemExit, which asyncio lets through.
                with suppress(SystemExit, KeyboardInterrupt):
                    loop.run_forever()
            with suppress(SystemExit, KeyboardInterrupt):
                _wind_up(loop)
        finally:
            loop.close()

    def _accept(self, attempts: Sequence[Attempt]) -> None:
        self._pending.extend(attempts)
        self._pump()

    def _pump(self) -> None:
        while self._pending and len(self._tasks) < self._limit:
            if not self._gate.acquire(blocking=False):
                return
            attempt = self._pending.popleft()
            if self._held.begin(attempt):
                self._begin(attempt)
            else:
                self._gate.release()

    def _begin(self, attempt: Attempt) -> None:
        loop = asyncio.get_running_loop()
        self._tasks[attempt] = loop.create_task(
            self._attempt(attempt), context=self._context.copy()
        )

    async def _attempt(self, attempt: Attempt) -> None:
        timeout = attempt.timeout
        timer = None
        if timeout is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(timeout, self._cancel, attempt, TIME_LIMIT)
        try:
            lease = attempt.lease
            attempt.started = now = attempt.clock.monotonic()
            if now > attempt.lease_deadline and self._held.lose(attempt, lease):
                self._judgement.conclude(attempt, Released())
            else:
                self._judgement.conclude(attempt, await self._run.coroutine(attempt))
        finally:
            if timer is not None:
                timer.cancel()
            self._leave(attempt)

    def _leave(self, attempt: Attempt) -> None:
        """Give the slot of an attempt to the next."""
        del self._tasks[attempt]
        self._gate.release()
        if self._pending:
            self._pump()

    def _cancel(self, attempt: Attempt, reason: str) -> None:
        task = self._tasks.get(attempt)
        if task is None:
            return
        attempt.ending = attempt.ending or reason
        task.cancel()
        if not attempt.started:
            # Cancelled before its first step, so not one line of it will ever run.
            self._judgement.conclude(attempt, Released())
            self._leave(attempt)


def _wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left on a loop that has stopped, and wait for it a little."""
    leftover = asyncio.all_tasks(loop)
    for task in leftover:
        task.cancel()
    if leftover:
        loop.run_until_complete(asyncio.wait(leftover, timeout=1.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
