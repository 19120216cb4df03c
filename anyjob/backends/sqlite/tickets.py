"""Who wants to write, and what became of it."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

Work = Callable[[sqlite3.Connection], Any]


class Turn(Enum):
    """What a waiting ticket is told."""

    #: Commit for all who wait; nobody else does.
    LEAD = auto()
    #: Somebody else committed it, or failed to.
    ANSWERED = auto()
    #: The deadline came first.
    LATE = auto()


class Ticket:
    """One caller's piece of a transaction: a function of the connection, committed at most once.

    It may be run again after a rollback, so it changes nothing but the database.
    """

    __slots__ = (
        "_told",
        "_turn",
        "answered",
        "error",
        "essential",
        "leads",
        "result",
        "taken",
        "work",
    )

    def __init__(self, work: Work | None, *, essential: bool) -> None:
        #: None for who wants to be alone, and is taken along by nobody.
        self.work = work
        #: Whether it may use the room that is kept back for a full disk.
        self.essential = essential
        self.result: Any = None
        self.error: BaseException | None = None
        #: Whether a transaction holds it; until then it can be withdrawn without a trace.
        self.taken = False
        #: Whether it is the one that leads, or was chosen to; it has to hand that on.
        self.leads = False
        self.answered = False
        self._turn = Turn.LATE
        self._told = threading.Lock()
        self._told.acquire()

    def succeed(self, result: Any) -> None:
        self.result = result
        self.answered = True

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.answered = True

    def tell(self, turn: Turn) -> None:
        self._turn = turn
        self._told.release()

    def wait(self, deadline: float) -> Turn:
        """Block until it is told something, or `deadline` on `time.monotonic`."""
        left = -1 if deadline == math.inf else max(0.0, deadline - time.monotonic())
        return self._turn if self._told.acquire(timeout=left) else Turn.LATE
