"""Slots for sync tasks: threads, started and woken as needed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue

from anyjob.core.attempt import Attempt
from anyjob.core.outcome import Released
from anyjob.worker.gate import Gate
from anyjob.worker.home import Holder, Judge, Pacer
from anyjob.worker.run import Run

_WORK = "work"
_END = "end"


class ThreadSlots:
    """Up to `limit` daemon threads that take attempts from one line.

    One thread is woken for a lot, and each wakes the next before it begins a job that is worth the
    waking: where jobs end sooner than a thread wakes, one thread runs them all, because more would
    only contend for the interpreter. `help_out` wakes one more where that guess was wrong.

    A thread whose attempt was judged without it is replaced at once; it ends by itself when its
    task does. Any thread may call.
    """

    def __init__(
        self, limit: int, held: Holder, run: Run, judgement: Judge, gate: Gate, pace: Pacer
    ) -> None:
        self._limit = limit
        self._held = held
        self._run = run
        self._judgement = judgement
        self._gate = gate
        self._pace = pace
        self._line: deque[Attempt] = deque()
        #: A token wakes one thread.
        self._tokens: SimpleQueue[str] = SimpleQueue()
        self._sleeping: set[threading.Thread] = set()
        self._starting = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._lost = 0
        self._context: Context = copy_context()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Line up attempts, in order; each is begun by the next free thread."""
        self._line.extend(attempts)
        self._wake_one()

    def help_out(self) -> None:
        """Wake one more thread if anything still waits in line."""
        if self._line:
            self._wake_one()

    def replace(self) -> None:
        """Give the place of a thread that cannot be ended, and its permit, to a new one."""
        self._gate.release()
        with self._starting:
            self._lost += 1
        self._start()

    def stop(self) -> None:
        """Let every thread end after what it is running."""
        for _ in range(len(self._threads)):
            self._tokens.put(_END)

    def join(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for each of the threads that sleep or are about to."""
        for thread in list(self._sleeping):
            thread.join(timeout)

    def _wake_one(self) -> None:
        if self._sleeping:
            self._tokens.put(_WORK)
        elif len(self._threads) < self._limit + self._lost:
            self._start()

    def _start(self) -> None:
        with self._starting:
            name = f"anyjob-slot-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._live, name=name, daemon=True)
            self._threads.add(thread)
        thread.start()

    def _live(self) -> None:
        me = threading.current_thread()
        try:
            while self._work_off_the_line():
                self._sleeping.add(me)
                # Looked at again after lying down: what came in between woke nobody.
                token = _WORK if self._line else self._tokens.get()
                self._sleeping.discard(me)
                if token is _END:
                    return
        finally:
            self._threads.discard(me)

    def _work_off_the_line(self) -> bool:
        """Run what waits; False if this thread's place was given to another meanwhile."""
        line = self._line
        while line:
            try:
                attempt = line.popleft()
            except IndexError:
                return True
            if line and not self._pace.is_quick(attempt.lease.queue):
                self._wake_one()
            if not self._work_on(attempt):
                with self._starting:
                    self._lost -= 1
                return False
        return True

    def _work_on(self, attempt: Attempt) -> bool:
        """Run one attempt; False if it was judged without us, and another has our place."""
        self._gate.acquire(blocking=True)
        has_place = True
        try:
            if not self._held.begin(attempt):
                return True
            lease = attempt.lease
            attempt.started = now = attempt.clock.monotonic()
            if now > attempt.lease_deadline and self._held.lose(attempt, lease):
                return self._judgement.conclude(attempt, Released())
            # A copy, so that no job sees another's variables.
            outcome = self._context.copy().run(self._run.sync, attempt)
            has_place = self._judgement.conclude(attempt, outcome)
            return has_place
        finally:
            if has_place:
                self._gate.release()
