"""What time it is at the service, read off the Date of its replies."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from email.utils import parsedate_to_datetime

from anyjob.core.clock import Clock

#: Seconds of a reply's word: so long it counts, since two clocks drift apart.
_COUNTS = 600.0
#: Seconds for which the best word is kept apart from later ones.
_SLOT = 60.0


class ServiceClock:
    """Knows the service's time between two bounds; any thread may tell and ask.

    A Date has whole seconds. It was true when the reply left, so the service's clock shows at least
    that when it comes, and showed less than a second more when the request was written.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: By minute of ours: how far its clock is ahead of our monotonic one, at least and at most.
        self._leads: deque[tuple[float, float, float]] = deque()

    def heard(self, date: str | None, asked: float) -> None:
        """A reply with this Date has just come to what was asked then, on the monotonic clock."""
        now = self._clock.monotonic()
        sent = _seconds(date)
        if sent is not None:
            self._learn(sent - now, sent + 1.0 - asked, now)

    def showed(self, instant: float, asked: float) -> None:
        """It was this time there at some moment between then and now."""
        now = self._clock.monotonic()
        self._learn(instant - now, instant - asked, now)

    def _learn(self, least: float, most: float, now: float) -> None:
        with self._lock:
            if self._leads and now - self._leads[-1][0] < _SLOT:
                since, lower, upper = self._leads[-1]
                self._leads[-1] = since, max(lower, least), min(upper, most)
            else:
                self._leads.append((now, least, most))
            while now - self._leads[0][0] > _COUNTS:
                self._leads.popleft()

    def time(self) -> float:
        """Seconds since the epoch, never ahead of the service's own clock and about a second behind
        it at most, or a reply's way where messages came lately; by this machine before any reply.
        """
        with self._lock:
            if not self._leads:
                return self._clock.time()
            return self._clock.monotonic() + max(least for _, least, _ in self._leads)

    def left_after(self, date: str | None, asked: float) -> float:
        """When a reply with this Date, to what was asked then, left at the earliest; both on our
        monotonic clock.
        """
        sent = _seconds(date)
        with self._lock:
            if sent is None or not self._leads:
                return asked
            return max(asked, sent - min(most for _, _, most in self._leads))


def _seconds(date: str | None) -> float | None:
    if date is None:
        return None
    with suppress(ValueError):
        return parsedate_to_datetime(date).timestamp()
    return None
