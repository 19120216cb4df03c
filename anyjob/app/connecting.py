"""Opening several backends at once, so that none waits for one that does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

#: How long the others are waited for, once one backend is there.
_COMPANY = 1.0


class Connection(Generic[T]):
    """One attempt to open a backend, in a thread of its own; later ones are made by the caller."""

    def __init__(self, connect: Callable[[], T], came: threading.Condition) -> None:
        self._connect = connect
        self._came = came
        #: Guarded by the condition.
        self._answer: list[T] = []
        self._failure: Exception | None = None
        self._is_spent = False
        threading.Thread(target=self._work, name="anyjob-open", daemon=True).start()

    @property
    def has_come(self) -> bool:
        """Whether the attempt is over."""
        return bool(self._answer) or self._failure is not None

    @property
    def is_good(self) -> bool:
        """Whether the backend is there."""
        return bool(self._answer)

    def __call__(self) -> T:
        """Wait for the attempt, the first time, and make another one each time after; raises what
        it raises.
        """
        if self._is_spent:
            return self._connect()
        with self._came:
            self._came.wait_for(lambda: self.has_come)
        self._is_spent = True
        if self._failure is not None:
            raise self._failure
        return self._answer[0]

    def _work(self) -> None:
        answers: list[T] = []
        failure: Exception | None = None
        try:
            answers.append(self._connect())
        except Exception as error:  # whatever it is, it is raised where the attempt is waited for
            failure = error
        with self._came:
            self._answer, self._failure = answers, failure
            self._came.notify_all()


def connected(connects: Sequence[Callable[[], T]]) -> list[Connection[T]]:
    """Begin to open all; returns when each has come, or one is there and the others had their time
    to be too.
    """
    came = threading.Condition()
    connections = [Connection(connect, came) for connect in connects]
    with came:
        came.wait_for(lambda: _is_enough(connections))
        deadline = time.monotonic() + _COMPANY
        came.wait_for(lambda: all(one.has_come for one in connections), deadline - time.monotonic())
    return connections


def _is_enough(connections: Sequence[Connection[T]]) -> bool:
    return any(one.is_good for one in connections) or all(one.has_come for one in connections)
