"""One pool of slots: how many jobs a fetcher may bring; several share it by an account."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from anyjob.worker.held import Held

#: A fetch that lasts longer than its backend takes to bring something waits for jobs, and its
#: credit is nobody's loss any more: twice what the last one took, within these bounds.
_QUICKEST, _SLOWEST = 0.02, 1.0
#: A backend that brought nothing before the pool filled up is asked again so much later at first,
#: and at the latest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
#: Without room, a fetcher looks again so often, whatever it was told.
_LOOK_AGAIN = 0.5


class Pool:
    """The slots of a worker with one backend. For its fetch thread alone."""

    def __init__(self, held: Held, concurrency: int) -> None:
        self._held = held
        self._concurrency = concurrency

    def free(self) -> int:
        """Return how many slots run nothing."""
        return self._concurrency - taken(self._held)

    def spare(self) -> int:
        """Return how many jobs could begin at once, beside those that wait already."""
        return max(0, self._concurrency - len(self._held))

    def take(self, credit: int, buffer: int) -> int:
        """Return how many jobs to ask for, up to `credit`: 0 if it is not our turn. `buffer` is how
        many may be held ahead.
        """
        return credit

    def brought(self, count: int) -> None:
        """Note that the fetch is over, and what it brought."""

    def filled(self) -> None:
        """Note that what it brought is held now."""

    def leave(self) -> None:
        """Note that nothing is wanted for now."""

    @property
    def patience(self) -> float:
        """How long to wait for room at most."""
        return _LOOK_AGAIN


class Account:
    """Who of several fetchers has asked for how many jobs.

    The lock guards the members' credit and the line of those that were refused.
    """

    def __init__(self, concurrency: int, monotonic: Callable[[], float]) -> None:
        self.concurrency = concurrency
        self.monotonic = monotonic
        self.lock = threading.Lock()
        self.members: list[Member] = []
        self.line: deque[Member] = deque()

    def member(self, held: Held) -> Member:
        """Return a further fetcher's view."""
        made = Member(self, held)
        with self.lock:
            self.members.append(made)
        return made


class Member(Pool):
    """One backend's part in a pool that several share.

    A backend asks for as many jobs as the last fetch brought, twice over; so one that has none
    takes one slot out of nobody's hand. While a fetch is expected to bring something, its credit is
    its own; one that waits for jobs has no claim, and is called back when the slots are full.
    """

    def __init__(self, account: Account, held: Held) -> None:
        super().__init__(held, account.concurrency)
        self._account = account
        self._credit = 0
        self._since = 0.0
        #: How many jobs the last fetch brought, and in how many seconds.
        self._last, self._took = 0, 0.0
        self._buffer = 0
        self._is_recalled = False
        self._pause, self._not_before = 0.0, 0.0
        #: Ends the fetch that is under way: the slots are full. Set by the fetcher.
        self.on_recall: Callable[[], None] = lambda: None
        #: Lets the fetcher look for room again. Set by the fetcher.
        self.on_turn: Callable[[], None] = lambda: None

    def free(self) -> int:
        others = [other for other in self._account.members if other is not self]
        claimed = taken(self._held) + sum(other.claim() for other in others)
        return self._concurrency - claimed

    def spare(self) -> int:
        return max(0, self.free() - len(self._held.waiting))

    def claim(self) -> int:
        """Return how many slots are this backend's: what runs, what waits for one and is no mere
        buffer, and what a fetch will surely bring.
        """
        ahead = max(0, len(self._held.waiting) - self._buffer)
        return taken(self._held) + ahead + (self._credit if self.is_bringing() else 0)

    def take(self, credit: int, buffer: int) -> int:
        account = self._account
        with account.lock:
            self._buffer = buffer
            now = account.monotonic()
            # Reckoned again under the lock: others may have taken what was free a moment ago.
            credit = min(credit, self.free() + buffer - len(self._held.waiting))
            if now < self._not_before:
                self._drop_out()
                return 0
            is_turn = not account.line or account.line[0] is self
            if credit <= 0 or not is_turn:
                if self not in account.line:
                    account.line.append(self)
                return 0
            self._drop_out()
            self._credit = credit = min(credit, max(1, 2 * self._last))
            self._since, self._is_recalled = now, False
        self._next()
        return credit

    def brought(self, count: int) -> None:
        account = self._account
        with account.lock:
            now = account.monotonic()
            if count:
                self._took = now - self._since
                self._pause = 0.0
            elif self._is_recalled:
                # Not at once again: the slots would be taken from those that have jobs.
                self._pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2 * self._pause))
                self._not_before = now + self._pause
            # What was brought is held a moment later, and claimed till then.
            self._last = self._credit = count
            self._since = now
        if not count:
            self._next()

    def filled(self) -> None:
        account = self._account
        with account.lock:
            self._credit = 0
            recalled = [] if self.spare() else [o for o in account.members if o.is_waiting()]
        for other in recalled:
            other.recall()
        self._next()

    def leave(self) -> None:
        with self._account.lock:
            self._drop_out()

    @property
    def patience(self) -> float:
        account = self._account
        with account.lock:
            now = account.monotonic()
            if now < self._not_before:
                return self._not_before - now
            others = [other for other in account.members if other is not self]
            return _QUICKEST if any(other.is_bringing() for other in others) else _LOOK_AGAIN

    def recall(self) -> None:
        """End the fetch that is under way, which would bring more than can begin."""
        self._is_recalled = True
        self.on_recall()

    def is_waiting(self) -> bool:
        """Whether a fetch is under way that waits for jobs."""
        return self._credit > 0 and not self.is_bringing()

    def is_bringing(self) -> bool:
        """Whether a fetch is under way that may be expected to bring something."""
        lasts = self._account.monotonic() - self._since
        return self._credit > 0 and lasts < min(_SLOWEST, max(_QUICKEST, 2 * self._took))

    def _drop_out(self) -> None:
        if self in self._account.line:
            self._account.line.remove(self)

    def _next(self) -> None:
        """Let the first in line look for room."""
        with self._account.lock:
            first = self._account.line[0] if self._account.line else None
        if first is not None and first is not self:
            first.on_turn()


def taken(held: Held) -> int:
    """Return how many slots run something, abandoned coroutines included."""
    return len(held.running) + sum(1 for stray in list(held.strays) if stray.task.is_async)
