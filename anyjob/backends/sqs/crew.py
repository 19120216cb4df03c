"""Threads that make calls side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from anyjob.core.errors import Misuse

T = TypeVar("T")

#: Calls that are made at the same time for one that needs many.
ABREAST = 8


class Crew:
    """Threads that make calls beside the one that asks for them; daemons, ended by `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._condition = threading.Condition(threading.Lock())
        self._waiting: list[Callable[[], object]] = []
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], object]) -> None:
        """Let somebody do it, at once."""
        with self._condition:
            if self._closed:
                raise Misuse("this consumer or backend is closed")
            self._waiting.append(work)
            if self._idle >= len(self._waiting):
                self._condition.notify()
                return
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._threads.add(thread)
            # Within, or close() might find one that has not begun.
            thread.start()

    def together(self, works: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Do them all at the same time; what each returned or raised, in order."""
        results: list[T | Exception] = [Misuse("not done")] * len(works)
        left = iter(range(len(works)))
        ended = threading.Semaphore(0)

        def take_turns() -> None:
            # A step of this iterator is one step of the interpreter, so no two get the same.
            for index in left:
                try:
                    results[index] = works[index]()
                except Exception as error:  # of whatever kind: handed to whoever asked
                    results[index] = error
            ended.release()

        helpers = min(len(works), ABREAST) - 1
        for _ in range(helpers):
            self.submit(take_turns)
        take_turns()
        for _ in range(helpers + 1):
            ended.acquire()
        return results

    def close(self, within: float) -> None:
        """Take nothing more, and wait for those that work, so many seconds at most."""
        deadline = time.monotonic() + within
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while True:
            with self._condition:
                self._idle += 1
                while not self._waiting and not self._closed:
                    self._condition.wait()
                self._idle -= 1
                if not self._waiting:
                    self._threads.discard(threading.current_thread())
                    return
                work = self._waiting.pop(0)
            work()
