"""The parts of a history while they run: processes, or threads where a backend lives in one."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from anyjob.conformance.harness import Harness
from anyjob.conformance.history.part import Killed, Order, Signals
from anyjob.conformance.history.roles import play

#: So long a part may take to end once it was told to.
PATIENCE = 30.0


class Crew(ABC):
    """Starts parts, and does to them what a nemesis wants; used in a `with` block."""

    #: Whether a kill is one by SIGKILL.
    kills_processes: bool

    def __init__(self) -> None:
        #: How each part that ended did so: done, killed or failed.
        self.ended: dict[str, str] = {}
        self._running: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, order: Order) -> None:
        self._running.add(order.name)
        self._start(order)

    def running(self) -> set[str]:
        """The parts that have not ended."""
        self.ended.update(self._look())
        self._running -= self.ended.keys()
        return set(self._running)

    def stop(self, *names: str) -> list[str]:
        """Tell parts to finish, and wait for it; returns those that were killed, being too slow."""
        for name in self.running().intersection(names):
            self.tell(name, "stop")
        deadline = time.monotonic() + PATIENCE
        while left := self.running().intersection(names):
            if time.monotonic() > deadline:
                for name in left:
                    self.kill(name)
                return sorted(left)
            time.sleep(0.005)
        return []

    @abstractmethod
    def _start(self, order: Order) -> None: ...

    @abstractmethod
    def _look(self) -> dict[str, str]:
        """The parts that ended, and how."""

    @abstractmethod
    def tell(self, name: str, word: str) -> None:
        """Tell a part "go" or "stop"."""

    @abstractmethod
    def kill(self, name: str) -> None: ...

    @abstractmethod
    def freeze(self, name: str) -> None: ...

    @abstractmethod
    def thaw(self, name: str) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """End every part, whatever it is doing."""


class ThreadCrew(Crew):
    """Parts as threads of this process.

    One that is killed stops at its next step, and is never heard of again.
    """

    kills_processes = False

    def __init__(self, harness: Harness) -> None:
        super().__init__()
        self._harness = harness
        self._hands: dict[str, ThreadHand] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._states: dict[str, str] = {}

    def _start(self, order: Order) -> None:
        hand = self._hands[order.name] = ThreadHand()

        def life() -> None:
            self._states[order.name] = play(order, self._harness, hand)

        thread = threading.Thread(target=life, name=order.name, daemon=True)
        self._threads[order.name] = thread
        thread.start()

    def _look(self) -> dict[str, str]:
        return dict(self._states)

    def tell(self, name: str, word: str) -> None:
        self._hands[name].tell(word)

    def kill(self, name: str) -> None:
        self._hands[name].kill()

    def freeze(self, name: str) -> None:
        self._hands[name].freeze()

    def thaw(self, name: str) -> None:
        self._hands[name].thaw()

    def close(self) -> None:
        for hand in self._hands.values():
            hand.kill()
        for thread in self._threads.values():
            thread.join(PATIENCE)


class ThreadHand(Signals):
    """Stops, freezes and kills a thread at its next step."""

    def __init__(self) -> None:
        super().__init__()
        self._is_killed = False
        self._warm = threading.Event()
        self._warm.set()

    def point(self) -> None:
        self._warm.wait()
        if self._is_killed:
            raise Killed

    def die(self) -> NoReturn:
        self._is_killed = True
        raise Killed

    def kill(self) -> None:
        self._is_killed = True
        self._warm.set()
        self.tell("stop")

    def freeze(self) -> None:
        self._warm.clear()

    def thaw(self) -> None:
        self._warm.set()


def failure_of(history: Path, name: str) -> str:
    """What a failed part left behind."""
    path = history / f"{name}.error"
    return path.read_text("utf-8") if path.exists() else "it left no trace"
