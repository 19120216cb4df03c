"""A worker's hand on queues: what RabbitMQ pushes is leased, settled and given back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from anyjob.backends.checks import check_shares
from anyjob.backends.declared import check_ends, check_lease
from anyjob.backends.desk import Desk
from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.dealing import Dealer
from anyjob.backends.rabbitmq.errors import passing
from anyjob.backends.rabbitmq.held import Held, Hold
from anyjob.backends.rabbitmq.line import Line
from anyjob.backends.rabbitmq.lines import Lines, shut_all
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.returning import Returning
from anyjob.backends.rabbitmq.settling import Settling
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import AnyjobError, ConfigurationError, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Answer, Lease, Settled, Settlement

if TYPE_CHECKING:
    from anyjob.backends.rabbitmq.backend import RabbitBackend

#: Seconds that giving everything back may take when a consumer is closed.
_CLOSING = 5.0


class RabbitConsumer(Consumer):
    """Deliveries come in the loop, and are handed out by the fetching thread; the lines' lock
    guards their buffers and epochs, what is held, and the flags. Nothing foreign is called under
    it.
    """

    def __init__(
        self, backend: RabbitBackend, shares: Sequence[QueueShare], *, lease: float
    ) -> None:
        check_shares(shares)
        check_lease(lease, backend.capabilities)
        self._backend = backend
        self.loop = backend.loop
        self.link: Link = backend.consuming
        self.publisher = backend.publisher
        self.names = backend.names
        self.sender = backend.sender
        self._queues = [share.queue for share in shares]
        self._held = Held(lease)
        self._lines = Lines(self.loop, self.link, self.names, self._queues, lose=self._held.lose)
        self._lock = self._lines.lock
        self._dealer = Dealer(shares, self._lines.by_queue, self.names)
        self._desk = Desk()
        self._returning = Returning(self._lines, self._held, self._start)
        self._follower = backend.follow(self._rouse)
        self._is_fetching = False
        self._woken = False
        self._roused = False
        self._stopped = False
        self._closed = False
        try:
            self._mend(time.monotonic() + COMMAND)
        except BaseException:
            self.end()
            raise

    def __repr__(self) -> str:
        return f"<RabbitConsumer on {', '.join(self._queues)}>"

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._require()
        check_count(credit, "credit", sys.maxsize)
        deadline = time.monotonic() + timeout
        with self._lock:
            self._is_fetching = True
        try:
            self._send()
            leases = self._fetched(credit, deadline, limits or {})
            return leases or self._last(credit, limits or {})
        finally:
            self._is_fetching = False

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        check_ends(settlements, self._backend.capabilities, now=time.time())
        for each in settlements:
            reason = getattr(each, "reason", None)
            if reason is not None:
                messages.check_reason(reason)
        self._desk.add(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._require()
        end = time.monotonic() + deadline
        self._send()
        return self._desk.collect(end)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._require()
        check_lease(lease, self._backend.capabilities)
        with self._lock:
            return [each for each in leases if not self._held.has(each)]

    def wake(self) -> None:
        self._require()
        with self._lock:
            self._woken = True
            self._lock.notify_all()

    def stop(self) -> None:
        self._require()
        with self._lock:
            self._stopped = True
            self._lock.notify_all()
        if self._lines.are_begun:
            self.loop.call(self._returning.give_unseen)

    def close(self, *, release: bool) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = self._stopped = True
            self._lock.notify_all()
        if self.loop.is_forked() or self._backend.is_closed:
            return
        if release and self.link.is_up:
            self._give_back(time.monotonic() + _CLOSING)
        self.end()

    def end(self) -> None:
        """Let the channels go; what they hold is ready again."""
        with self._lock:
            self._closed = self._stopped = True
            self._lock.notify_all()

        def shut() -> None:
            self._follower.end()
            self._lines.end()

        self.loop.call(shut)
        self._backend.consumers.discard(self)

    def hold_again(self, hold: Hold) -> None:
        """A settlement did nothing; in the loop."""
        with self._lock:
            self._held.keep(hold)

    # Fetching

    def _fetched(self, credit: int, deadline: float, limits: Mapping[str, int]) -> list[Lease]:
        while not self._stopped:
            if not self._has_enough(credit):
                self._look(credit, limits)
            with self._lock:
                leases = self._take(credit, limits)
                if not leases and not self._is_called():
                    self._wait(deadline)
                    leases = self._take(credit, limits)
                if leases or self._woken or time.monotonic() >= deadline:
                    self._woken = False
                    return leases
            self._require()
        return []

    def _last(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        """Shut the lines, as who asks no more takes nothing away from others; returns what came
        until the broker had done so.
        """
        with self._lock:
            shut = self._lines.shut(self._lines.every)
        if not shut or self._stopped:
            return []
        self._lines.answered([(line, 0) for line in shut], time.monotonic() + COMMAND)
        with self._lock:
            return [] if self._is_called() else self._take(credit, limits)

    def _is_called(self) -> bool:
        """Whether a fetch is to return."""
        return self._stopped or self._woken

    def _has_enough(self, credit: int) -> bool:
        """Whether there is nothing that a look could find to be handed out first."""
        lines = self._lines.by_queue
        return len(lines) == 1 and len(lines[0][0].buffer) >= credit

    def _look(self, credit: int, limits: Mapping[str, int]) -> None:
        """Open the lines as wide as this credit wants, and return once all that was ready has come.

        Raises BackendUnavailable, also for what stands in the way of a queue.
        """
        deadline = time.monotonic() + COMMAND
        try:
            while not self._looked(credit, limits, deadline):
                if self._is_called():
                    return
        except Misuse:
            raise
        except ConfigurationError as error:
            raise passing(error) from error

    def _looked(self, credit: int, limits: Mapping[str, int], deadline: float) -> bool:
        """Whether all lines answered; False if one was lost, and it may be tried again."""
        self.link.wait(max(0.0, deadline - time.monotonic()))
        self._mend(deadline)
        # Who has enough of the high bands takes nothing from the low ones, but for their share.
        depth = self._lines.depth if self._dealer.wants_low(credit) else 1
        asked = False
        while True:
            with self._lock:
                widths = self._lines.widths(credit, limits, depth, self._follower.paused)
            if widths or not asked:
                if not self._lines.answered(widths, deadline):
                    return False
                asked = True
            with self._lock:
                paused = self._follower.paused
                self._lines.await_promised(deadline, paused)
                if depth == self._lines.depth or self._lines.ready(paused) >= credit:
                    return True
            depth += 1

    def _mend(self, deadline: float) -> None:
        """Wait for lines that are not open, and declare what is gone."""
        if not self._lines.begin() and self._lines.are_open:
            return
        with self._lock:
            gone = [line for line in self._lines.every if line.is_missing]
            missing = sorted({line.queue for line in gone})
        if missing:
            # Deleted under our hands, or never declared.
            self._backend.mend(missing, sorted({line.queue for line in gone if line.was_there}))
            with self._lock:
                for line in self._lines.every:
                    if line.queue in missing:
                        line.is_missing = False
        self._lines.open()
        self._lines.await_open(deadline, until=self._is_called)

    def _wait(self, deadline: float) -> None:
        """With the lock held: until something came, or somebody calls, or a line is lost."""
        self._roused = False
        while not (self._is_called() or self._roused or self._lines.ready(self._follower.paused)):
            left = deadline - time.monotonic()
            if left <= 0 or not self._lines.are_open:
                return
            self._lines.wait(left)

    def _take(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        """With the lock held: hand out what has come."""
        now = time.time()
        dealt = self._dealer.deal(credit, limits, self._follower.paused)
        return [self._held.leased(line, delivery, now) for line, delivery in dealt]

    # Settling

    def _send(self) -> None:
        """Begin with what is buffered; the desk is told the answers."""
        lot = self._desk.take()
        if not lot:
            return
        with self._lock:
            holds = [self._held.take(settlement.lease) for settlement in lot]
            # Or what is settled makes room for jobs that nobody asks for.
            settled = [] if self._is_fetching else [hold.line for hold in holds if hold is not None]
            shut = self._lines.shut(settled)
            self._start(lot, holds, lambda answers: self._desk.answer(lot, answers), shut)

    def _start(
        self,
        lot: Sequence[Settlement],
        holds: Sequence[Hold | None],
        done: Callable[[list[Answer]], None],
        shut: Sequence[Line] = (),
    ) -> None:
        """Settle, in the loop, once these lines are shut there."""
        settling = Settling(self, lot, holds, done)

        def begin() -> None:
            shut_all(shut)
            settling.begin()

        self.loop.call(begin)

    def _give_back(self, deadline: float) -> None:
        """Send what is buffered, and give back what is held and what nobody was given."""
        with suppress(AnyjobError, TimeoutError):
            self._send()
            self._returning.give_all(deadline)
            self._desk.collect(deadline)

    # Steps

    def _rouse(self) -> None:
        """A queue was paused or resumed."""
        with self._lock:
            self._roused = True
            self._lock.notify_all()

    def _require(self) -> None:
        self._backend.check_open()
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
