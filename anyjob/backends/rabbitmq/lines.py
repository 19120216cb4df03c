"""All lines of one consumer: opened as wide as a fetch wants, waited for, and closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future

from anyjob.backends.rabbitmq.errors import unreachable
from anyjob.backends.rabbitmq.line import MOST_AHEAD, Line
from anyjob.backends.rabbitmq.link import Link
from anyjob.backends.rabbitmq.loop import Loop, settle
from anyjob.backends.rabbitmq.names import Names
from anyjob.core.errors import ConfigurationError

#: Seconds for which what was ready is waited for, as somebody else may have got it: where there is
#: nothing else, and where there is.
_PROMISE, _SOON = 1.0, 0.2


class Lines:
    """Of the fetching thread, but for what is said to be in the loop; `lock` guards the lines'
    buffers and epochs, what is held of them, and the consumer's flags.
    """

    def __init__(
        self,
        loop: Loop,
        link: Link,
        names: Names,
        queues: Sequence[str],
        *,
        lose: Callable[[Line], None],
    ) -> None:
        """`lose` is called in the loop, with the lock held, when the leases of a line are over."""
        self.loop = loop
        self.link = link
        self.lose = lose
        self.lock = threading.Condition(threading.Lock())
        #: Whether a fetch waits for a delivery.
        self.is_waiting = False
        self._queues = queues
        self._begun = False
        #: Of each queue its bands, highest first.
        self.by_queue = [
            [Line(self, queue, floor, names.band(queue, floor)) for floor in names.floors]
            for queue in queues
        ]

    @property
    def every(self) -> list[Line]:
        return [line for lines in self.by_queue for line in lines]

    @property
    def are_open(self) -> bool:
        return all(line.is_open for line in self.every)

    @property
    def depth(self) -> int:
        """How many bands a queue has."""
        return len(self.by_queue[0])

    # Opening and ending

    def begin(self) -> bool:
        """Have every line open, now and whenever the connection comes back; False if that was
        asked before.
        """
        if self._begun:
            return False
        self._begun = True

        def begin() -> None:
            self.link.on_up.append(self._open)
            self.link.on_down.append(self._on_down)
            self._open()

        self.loop.call(begin)
        return True

    @property
    def are_begun(self) -> bool:
        return self._begun

    def open(self) -> None:
        """Open those that are not, now that their queues are there."""
        self.loop.call(self._open)

    def end(self) -> None:
        """Let the channels go; what they hold is ready again. In the loop."""
        for line in self.every:
            line.end()
        if self._open in self.link.on_up:
            self.link.on_up.remove(self._open)
            self.link.on_down.remove(self._on_down)

    def await_open(self, deadline: float, *, until: Callable[[], bool]) -> None:
        """Until every line is open, or known to be missing, or `until` says to stop; raises what
        stands in the way of one if that is so at the deadline.
        """
        with self.lock:
            while not all(line.is_open or line.is_missing for line in self.every):
                left = deadline - time.monotonic()
                if until() or not self.link.is_up:
                    return
                trouble = next((line.trouble for line in self.every if line.trouble), None)
                if left <= 0 or isinstance(trouble, ConfigurationError):
                    told = trouble or self.link.why()
                    raise type(told)(str(told)) from ConnectionError("no channel")
                self.lock.wait(min(left, 0.5))

    # Widths

    def widths(
        self, credit: int, limits: Mapping[str, int], depth: int, paused: Collection[str]
    ) -> list[tuple[Line, int]]:
        """With the lock held: which lines to open anew, and how wide, of so many bands."""
        # Together no more than one queue's may have.
        most = max(1, MOST_AHEAD // len(self.by_queue))
        widths = []
        for queue, lines in zip(self._queues, self.by_queue, strict=True):
            wanted = 0 if queue in paused else min(credit, limits.get(queue, credit))
            for at, line in enumerate(lines):
                if at >= depth and not line.window:
                    break
                window = line.window_for(wanted, credit, most)
                if window is not None:
                    widths.append((line, window))
        return widths

    def answered(self, widths: Sequence[tuple[Line, int]], deadline: float) -> bool:
        """Open lines so wide, and return once all that was ready has come, or is promised; False if
        a line was lost.

        Raises BackendUnavailable for a broker that does not answer.
        """
        try:
            return self.loop.ask(
                lambda future: self.ask(widths, future), max(0.0, deadline - time.monotonic())
            )
        except TimeoutError as error:
            self.loop.call(lambda: self.link.abort("a fetch was not answered in time"))
            raise unreachable(self.link.location, "did not answer in time") from error

    def ask(self, widths: Sequence[tuple[Line, int]], future: Future[bool]) -> None:
        """Open lines so wide; the future tells whether all lines answered. In the loop."""
        for line, window in widths:
            line.open_to(window)
        lines = self.every
        answers: list[bool] = []

        def answered(alive: bool) -> None:  # noqa: FBT001 - what a barrier tells
            answers.append(alive)
            if len(answers) == len(lines):
                settle(future, all(answers))

        for line in lines:
            line.barrier(answered)

    def shut(self, lines: Sequence[Line]) -> list[Line]:
        """With the lock held: count these as shut; returns those that the loop has to
        `shut_all`, a step that is to be posted under the same lock.

        A fetch that begins before the loop has come to it has them opened anew, behind that.
        """
        open_ones = [line for line in dict.fromkeys(lines) if line.window]
        for line in open_ones:
            line.window = 0
        return open_ones

    # Waiting, with the lock held

    def ready(self, paused: Collection[str]) -> int:
        """How many jobs can be handed out."""
        return sum(len(line.buffer) for line in self.every if line.queue not in paused)

    def wait(self, seconds: float) -> None:
        """Until something came, or somebody calls, for so long at most."""
        self.is_waiting = True
        self.lock.wait(seconds)
        self.is_waiting = False

    def await_promised(self, deadline: float, paused: Collection[str]) -> None:
        """Until of each line that had jobs some have come."""
        until = min(deadline, time.monotonic() + (_PROMISE if not self.ready(paused) else _SOON))
        while any(line.is_promised for line in self.every):
            left = until - time.monotonic()
            if left <= 0:
                # Somebody else was faster.
                for line in self.every:
                    line.promised = 0
                return
            self.wait(left)

    # In the loop

    def _open(self) -> None:
        for line in self.every:
            line.open()

    def _on_down(self, error: BaseException) -> None:
        for line in self.every:
            line.on_down(error)


def shut_all(lines: Sequence[Line]) -> None:
    """Have nothing more delivered to these; in the loop."""
    for line in lines:
        line.open_to(0)
