"""Settlements between the worker that made them and the transaction that answers them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from anyjob.core.settlement import Answer, Settled, Settlement


class Desk:
    """Settlements that are buffered, under way, or answered and not yet told; any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self._buffered: list[Settlement] = []
        self._under_way: list[list[Settlement]] = []
        self._answered: list[Settled] = []

    def __len__(self) -> int:
        """How many are buffered."""
        return len(self._buffered)

    def add(self, settlements: Sequence[Settlement]) -> None:
        with self._condition:
            self._buffered += settlements

    def take(self) -> list[Settlement]:
        """All that is buffered; it is under way until `answer`, `put_back` or `give_up`."""
        with self._condition:
            lot, self._buffered = self._buffered, []
            if lot:
                self._under_way.append(lot)
            return lot

    def answer(self, lot: list[Settlement], answers: Sequence[Answer]) -> None:
        with self._condition:
            # A flush whose deadline passed has told these as unknown already.
            if self._end(lot):
                self._answered += map(Settled, lot, answers)

    def put_back(self, lot: list[Settlement]) -> None:
        """Nothing was done: they leave with the next transaction, before what came later."""
        with self._condition:
            if self._end(lot):
                self._buffered[:0] = lot

    def give_up(self, lot: list[Settlement]) -> None:
        """Nobody can know what became of them."""
        self.answer(lot, [Answer.UNKNOWN] * len(lot))

    def collect(self, deadline: float) -> list[Settled]:
        """Every answer since the last time; what is under way at `deadline` is unknown."""
        with self._condition:
            while self._under_way and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(left)
            late = [settlement for lot in self._under_way for settlement in lot]
            self._under_way.clear()
            told, self._answered = self._answered, []
        return told + [Settled(settlement, Answer.UNKNOWN) for settlement in late]

    def _end(self, lot: list[Settlement]) -> bool:
        for index, other in enumerate(self._under_way):
            if other is lot:
                del self._under_way[index]
                self._condition.notify_all()
                return True
        return False
