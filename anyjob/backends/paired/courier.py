"""Who carries settlements out while jobs are fetched and run: a thread, one lot at a time.

What is settled while a lot is under way leaves with the next one, so that lots grow as the store is
slower, and a job costs the less.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from anyjob.backends.desk import Desk
from anyjob.core.settlement import Settlement

#: How long the backend has for what leaves without anybody waiting for it.
PATIENCE = 5.0


class Courier:
    """Empties a desk, in order; any thread. Its own thread begins with the first lot."""

    def __init__(self, desk: Desk, carry_out: Callable[[list[Settlement], float], None]) -> None:
        """`carry_out` is given a lot, and how many seconds the backend has for it."""
        self._desk = desk
        self._carry_out = carry_out
        self._condition = threading.Condition(threading.Lock())
        self._lots: deque[tuple[list[Settlement], float]] = deque()
        self._is_wanted = False
        self._is_busy = False
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def send(self) -> None:
        """Let what is on the desk leave as soon as the lot is done that is under way."""
        with self._condition:
            self._is_wanted = True
            self._begin()
            self._condition.notify_all()

    def send_now(self, seconds: float) -> None:
        """Let it leave as a lot of its own, for which the backend has so many seconds."""
        lot = self._desk.take()
        if lot:
            with self._condition:
                self._lots.append((lot, seconds))
                self._begin()
                self._condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is under way, so long at most."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while self._is_at_work and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(left)

    def stop(self, seconds: float) -> None:
        """End once what was sent is carried out; waits so long at most."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    @property
    def _is_at_work(self) -> bool:
        return bool(self._is_busy or self._is_wanted or self._lots)

    def _begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._is_busy = False
            self._thread = threading.Thread(
                target=self._run, name="anyjob-pair-settle", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._is_busy = False
                self._condition.notify_all()
                while not (self._is_at_work or self._is_stopping):
                    self._condition.wait()
                if not self._is_at_work:
                    return
                self._is_busy = True
                if self._lots:
                    lot, seconds = self._lots.popleft()
                else:
                    self._is_wanted = False
                    lot, seconds = self._desk.take(), PATIENCE
            if lot:
                self._carry_out(lot, seconds)
