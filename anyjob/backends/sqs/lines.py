"""Requests that wait: where a consumer found nothing, one stands by until there is something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from anyjob.backends.sqs.crew import Crew
from anyjob.backends.sqs.facts import PREFETCH
from anyjob.backends.sqs.held import Held
from anyjob.backends.sqs.link import Link
from anyjob.backends.sqs.messages import MOST
from anyjob.backends.sqs.names import BANDS
from anyjob.core.errors import AnyjobError, Misuse

#: Seconds for which what such a request brings waits for the next fetch.
_HELD_BACK = 0.5
#: Between two looks of a fetch that is too short for a request to wait.
_LOOK_AGAIN = 0.2

#: Receives so many jobs of a line, waiting so many seconds for the first.
Ask = Callable[["Line", int, int], list[Held]]


class Line:
    """The SQS queue of one band, as a consumer sees it. Guarded by the lines' condition."""

    def __init__(self, queue: str, band: str) -> None:
        self.queue = queue
        self.band = band
        #: Whether a request waits there.
        self.is_parked = False
        #: What such requests brought and nobody has taken yet.
        self.arrived: list[Held] = []
        #: What became of the last one, if that was no answer.
        self.error: Exception | None = None


class Lines:
    """All lines of one consumer, and the requests that wait there.

    One thread fetches; the crew's threads bring what comes. What comes while nobody fetches waits a
    moment for the next fetch, and is then given back as it was.
    """

    def __init__(
        self,
        queues: Sequence[str],
        link: Link,
        crew: Crew,
        *,
        ask: Ask,
        give_back: Callable[[Sequence[Held]], None],
        lease: float,
    ) -> None:
        self.by_queue = {name: {band: Line(name, band) for band in BANDS} for name in queues}
        self._all = [line for lines in self.by_queue.values() for line in lines.values()]
        self._link = link
        self._crew = crew
        self._ask = ask
        self._give_back = give_back
        self._held_back = min(_HELD_BACK, lease / 4)
        self._condition = threading.Condition(threading.Lock())
        self._parked = 0
        self._fetches = False
        self._woken = False
        self.is_stopped = False

    def begin_fetch(self) -> None:
        with self._condition:
            self._fetches = True
            # What went wrong while nobody fetched may be well again.
            for line in self._all:
                line.error = None

    def end_fetch(self) -> None:
        with self._condition:
            self._fetches = self._woken = False
            self._condition.notify_all()

    def wake(self) -> None:
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self.is_stopped = True
            self._condition.notify_all()

    def interrupt(self) -> None:
        """Let whoever waits look whether the backend is still open."""
        with self._condition:
            self._condition.notify_all()

    def wait(self, deadline: float) -> bool:
        """Wait for what makes a new look worth while; True if the fetch is over instead."""
        with self._condition:
            while not (self._woken or self.is_stopped):
                left = deadline - time.monotonic()
                if left <= 0:
                    return not any(line.arrived for line in self._all)
                if any(line.arrived or line.error for line in self._all):
                    return False
                was_parked = self._parked
                self._condition.wait(min(left, 1.0 if was_parked else _LOOK_AGAIN))
                # A request that has ended is to be followed by another.
                if not self._link.is_open or not was_parked or self._parked < was_parked:
                    return False
            return True

    def take(self, line: Line, count: int) -> list[Held] | None:
        """What has arrived there, [] if a request waits for more; None: somebody has to ask.

        Raises what the last request was answered with, if that was an error.
        """
        with self._condition:
            error, line.error = line.error, None
            now = self._link.clock.monotonic()
            live = [each for each in line.arrived if now < each.deadline]
            taken, line.arrived = live[:count], live[count:]
            self._condition.notify_all()
            if taken or line.is_parked:
                return taken
        if error is not None:
            raise error
        return None

    def is_empty(self, line: Line) -> bool:
        """Whether a request waits there, and has brought nothing."""
        with self._condition:
            return line.is_parked and not line.arrived

    def park(self, line: Line, seconds: int, credit: int) -> None:
        """Let a request wait there, unless one does, or as many jobs might come as may."""
        count = max(1, min(MOST, credit, PREFETCH // len(self._all)))
        with self._condition:
            if line.is_parked or self.is_stopped or (self._parked + 1) * count > PREFETCH:
                return
            line.is_parked = True
            self._parked += 1
        try:
            self._crew.submit(lambda: self._stand_by(line, seconds, count))
        except Misuse:
            self._leave(line, [], None)

    def take_all(self) -> list[Held]:
        """All that has arrived."""
        with self._condition:
            arrived = [each for line in self._all for each in line.arrived]
            for line in self._all:
                line.arrived = []
        return arrived

    def await_parked(self, within: float) -> None:
        """Wait until no request waits any more."""
        with self._condition:
            self._condition.wait_for(lambda: not self._parked, within)

    def _stand_by(self, line: Line, seconds: int, count: int) -> None:
        held: list[Held] = []
        error: Exception | None = None
        try:
            held = self._ask(line, count, seconds)
        except AnyjobError as raised:
            error = raised
        self._leave(line, held, error)
        if held:
            self._hold_back(line, held)

    def _leave(self, line: Line, held: list[Held], error: Exception | None) -> None:
        with self._condition:
            line.is_parked = False
            line.arrived += held
            line.error = error
            self._parked -= 1
            self._condition.notify_all()

    def _hold_back(self, line: Line, held: list[Held]) -> None:
        """Keep it a moment for the next fetch, and give back what nobody takes."""
        end = time.monotonic() + self._held_back
        with self._condition:
            while not self.is_stopped and any(each in line.arrived for each in held):
                left = end - time.monotonic()
                if left <= 0 and not self._fetches:
                    break
                self._condition.wait(max(left, 0.05))
            left_over = [each for each in held if each in line.arrived]
            line.arrived = [each for each in line.arrived if each not in left_over]
        if left_over:
            try:
                self._give_back(left_over)
            except AnyjobError:
                return  # it lapses by itself
