"""A worker's hand on queues: what RabbitMQ pushes is handed out by priority and weight."""

from __future__ import annotations

import itertools
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from anyjob.backends.checks import check_shares
from anyjob.backends.declared import check_ends, check_lease
from anyjob.backends.desk import Desk
from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.errors import unreachable
from anyjob.backends.rabbitmq.line import MOST_AHEAD, Delivery, Line
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import settle
from anyjob.backends.rabbitmq.settling import Hold, Settling
from anyjob.backends.shares import LowEnd, Ring
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import AnyjobError, ConfigurationError, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Answer, Lease, Release, Settled, Settlement, Verdict

if TYPE_CHECKING:
    from anyjob.backends.rabbitmq.backend import RabbitBackend

#: Seconds for which what was ready is waited for, as somebody else may have got it: where there is
#: nothing else, and where there is.
_PROMISE, _SOON = 1.0, 0.2
#: Seconds that giving everything back may take when a consumer is closed.
_CLOSING = 5.0


class RabbitConsumer(Consumer):
    """Deliveries come in the loop, and are handed out by the fetching thread; `lock` guards the
    lines' buffers and epochs, what is held, and the flags. Nothing foreign is called under it.
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
        self.to_publish = backend.to_publish
        self.to_enqueue = backend.to_enqueue
        self.now = time.time
        self.lock = threading.Condition(threading.Lock())
        #: Whether a fetch waits for a delivery.
        self.is_waiting = False
        self._seconds = lease
        self._queues = [share.queue for share in shares]
        self._lines = [
            [Line(self, queue, floor, self.names.band(queue, floor)) for floor in self.names.floors]
            for queue in self._queues
        ]
        self._weights = [share.weight for share in shares]
        self._ring = Ring(shares)
        self._low = [LowEnd() for _ in shares]
        self._held: dict[int, Hold] = {}
        self._desk = Desk()
        self._session = random.getrandbits(31)
        self._numbers = itertools.count(1)
        self._follower = backend.follow(self._rouse)
        self._begun = False
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
        self._is_fetching = True
        try:
            self._send()
            leases = self._fetched(credit, deadline, limits or {})
        finally:
            self._is_fetching = False
        if not leases:
            # Who asks no more takes nothing away from others.
            self._close_lines(self._every_line())
        return leases

    def _fetched(self, credit: int, deadline: float, limits: Mapping[str, int]) -> list[Lease]:
        while not self._stopped:
            if not self._has_enough(credit):
                self._look(credit, limits)
            with self.lock:
                leases = self._take(credit, limits)
                if not leases and not self._woken and not self._stopped:
                    self._wait(deadline)
                    leases = self._take(credit, limits)
                if leases or self._woken or time.monotonic() >= deadline:
                    self._woken = False
                    return leases
            self._require()
        return []

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
        with self.lock:
            return [each for each in leases if not self._is_held(each)]

    def wake(self) -> None:
        self._require()
        with self.lock:
            self._woken = True
            self.lock.notify_all()

    def stop(self) -> None:
        self._require()
        with self.lock:
            self._stopped = True
            self.lock.notify_all()
        if self._begun:
            self.loop.call(self._stop_lines)

    def close(self, *, release: bool) -> None:
        with self.lock:
            if self._closed:
                return
            self._closed = self._stopped = True
            self.lock.notify_all()
        if self.loop.is_forked() or self._backend.is_closed:
            return
        if release and self.link.is_up:
            self._give_back(time.monotonic() + _CLOSING)
        self.end()

    def end(self) -> None:
        """Let the channels go; what they hold is ready again."""
        with self.lock:
            self._closed = self._stopped = True
            self.lock.notify_all()

        def shut() -> None:
            self._follower.end()
            for line in self._every_line():
                line.end()
            if self._open_lines in self.link.on_up:
                self.link.on_up.remove(self._open_lines)
                self.link.on_down.remove(self._on_down)

        self.loop.call(shut)
        self._backend.consumers.discard(self)

    # Asked by the lines and by settlements, in the loop

    def lose(self, line: Line) -> None:
        """With the lock held: the leases of this line are over."""
        for token in [token for token, hold in self._held.items() if hold.line is line]:
            del self._held[token]

    def hold_again(self, hold: Hold) -> None:
        """A settlement did nothing."""
        with self.lock:
            if hold.is_live:
                self._held[hold.token] = hold

    # Fetching

    def _has_enough(self, credit: int) -> bool:
        """Whether there is nothing that a look could find to be handed out first."""
        return len(self._lines) == 1 and len(self._lines[0][0].buffer) >= credit

    def _look(self, credit: int, limits: Mapping[str, int]) -> None:
        """Open the lines as wide as this credit wants, and return once all that was ready has come.

        Raises BackendUnavailable, and what stands in the way of a queue.
        """
        deadline = time.monotonic() + COMMAND
        while not self._looked(credit, limits, deadline):
            if self._stopped or self._woken:
                return

    def _looked(self, credit: int, limits: Mapping[str, int], deadline: float) -> bool:
        """Whether all lines answered; False if one was lost, and it may be tried again."""
        self.link.wait(max(0.0, deadline - time.monotonic()))
        self._mend(deadline)
        bands = len(self.names.floors)
        # Who has enough of the high bands takes nothing from the low ones, but for their share.
        depth = bands if any(low.is_due(credit) for low in self._low) else 1
        asked = False
        while True:
            with self.lock:
                widths = self._widths(credit, limits, depth)
            if widths or not asked:
                if not self._answered(widths, deadline):
                    return False
                asked = True
            with self.lock:
                self._wait_for_promised(deadline)
                if depth == bands or self._ready() >= credit:
                    return True
            depth += 1

    def _wait_for_promised(self, deadline: float) -> None:
        """With the lock held: until of each line that had jobs some have come."""
        until = min(deadline, time.monotonic() + (_PROMISE if not self._ready() else _SOON))
        while any(line.is_promised for line in self._every_line()):
            left = until - time.monotonic()
            if left <= 0:
                # Somebody else was faster.
                for line in self._every_line():
                    line.promised = 0
                return
            self.is_waiting = True
            self.lock.wait(left)
            self.is_waiting = False

    def _widths(self, credit: int, limits: Mapping[str, int], depth: int) -> list[tuple[Line, int]]:
        """With the lock held: which lines to open anew, and how wide, of so many bands."""
        paused = self._follower.paused
        # Together no more than one queue's may have.
        most = max(1, MOST_AHEAD // len(self._lines))
        widths = []
        for queue, lines in zip(self._queues, self._lines, strict=True):
            wanted = 0 if queue in paused else min(credit, limits.get(queue, credit))
            for at, line in enumerate(lines):
                if at >= depth and not line.window:
                    break
                window = line.window_for(wanted, credit, most)
                if window is not None:
                    widths.append((line, window))
        return widths

    def _answered(self, widths: Sequence[tuple[Line, int]], deadline: float) -> bool:
        try:
            return self.loop.ask(
                lambda future: self._open_and_ask(widths, future),
                max(0.0, deadline - time.monotonic()),
            )
        except TimeoutError as error:
            self.loop.call(lambda: self.link.abort("a fetch was not answered in time"))
            raise unreachable(self.link.location, "did not answer in time") from error

    def _open_and_ask(self, widths: Sequence[tuple[Line, int]], future: Future[bool]) -> None:
        for line, window in widths:
            line.open_to(window)
        lines = self._every_line()
        answers: list[bool] = []

        def answered(alive: bool) -> None:  # noqa: FBT001 - what a barrier tells
            answers.append(alive)
            if len(answers) == len(lines):
                settle(future, all(answers))

        for line in lines:
            line.barrier(answered)

    def _close_lines(self, lines: Sequence[Line]) -> None:
        """Have nothing more delivered until the next fetch."""
        open_ones = [line for line in lines if line.window]
        if open_ones:
            self.loop.call(partial(_close, open_ones))

    def _mend(self, deadline: float) -> None:
        """Wait for lines that are not open, and declare what is gone."""
        if not self._begun:
            self._begun = True
            self.loop.call(self._begin)
        elif all(line.is_open for line in self._every_line()):
            return
        with self.lock:
            gone = [line for line in self._every_line() if line.is_missing]
            missing = sorted({line.queue for line in gone})
        if missing:
            # Deleted under our hands, or never declared.
            self._backend.mend(missing, sorted({line.queue for line in gone if line.was_there}))
            with self.lock:
                for line in self._every_line():
                    if line.queue in missing:
                        line.is_missing = False
        self.loop.call(self._open_lines)
        self._await_lines(deadline)

    def _begin(self) -> None:
        self.link.on_up.append(self._open_lines)
        self.link.on_down.append(self._on_down)
        self._open_lines()

    def _await_lines(self, deadline: float) -> None:
        """Until every line is open, or known to be missing; raises what stands in the way of one
        if that is so at the deadline.
        """
        with self.lock:
            while not all(line.is_open or line.is_missing for line in self._every_line()):
                left = deadline - time.monotonic()
                if self._stopped or self._woken or not self.link.is_up:
                    return
                trouble = next((line.trouble for line in self._every_line() if line.trouble), None)
                if left <= 0 or isinstance(trouble, ConfigurationError):
                    told = trouble or self.link.why()
                    raise type(told)(str(told)) from ConnectionError("no channel")
                self.lock.wait(min(left, 0.5))

    def _wait(self, deadline: float) -> None:
        """With the lock held: until something came, or somebody calls, or a line is lost."""
        self._roused = False
        while not (self._woken or self._stopped or self._roused or self._ready()):
            left = deadline - time.monotonic()
            if left <= 0 or not all(line.is_open for line in self._every_line()):
                return
            self.is_waiting = True
            self.lock.wait(left)
            self.is_waiting = False

    def _ready(self) -> int:
        """With the lock held: how many jobs can be handed out."""
        paused = self._follower.paused
        return sum(len(line.buffer) for line in self._every_line() if line.queue not in paused)

    def _take(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        """With the lock held: hand out what has come."""
        paused = self._follower.paused
        available = [
            0
            if queue in paused
            else min(sum(len(line.buffer) for line in lines), limits.get(queue, credit))
            for queue, lines in zip(self._queues, self._lines, strict=True)
        ]
        if not any(available):
            return []
        leases: list[Lease] = []
        now = time.time()
        for at, part in enumerate(self._parts(credit, available)):
            leases += self._take_of(at, part, now)
        return leases

    def _parts(self, credit: int, available: Sequence[int]) -> list[int]:
        """How many jobs of each queue to hand out, of those that came."""
        # A queue of which more may come is not empty, or the weights would count for nothing where
        # jobs are fetched one by one.
        likely = [
            max(jobs, weight) if jobs and any(line.may_have_more for line in lines) else jobs
            for jobs, weight, lines in zip(available, self._weights, self._lines, strict=True)
        ]
        parts = list(map(min, self._ring.allot(credit, likely), available))
        if (left := credit - sum(parts)) and sum(available) > sum(parts):
            rest = [jobs - part for jobs, part in zip(available, parts, strict=True)]
            parts = list(map(sum, zip(parts, self._ring.allot(left, rest), strict=True)))
        return parts

    def _take_of(self, at: int, part: int, now: float) -> list[Lease]:
        lines, low = self._lines[at], self._low[at]
        from_below = [low.start() for _ in range(low.part(part))]
        leases = []
        for number in range(part):
            line = next(line for line in lines if line.buffer)
            if number < len(from_below):
                # A line serves all priorities from its floor up to the next one's.
                above = [
                    each for each in lines if each.buffer and self._serves(each, from_below[number])
                ]
                line = above[-1] if above else line
            leases.append(self._leased(line, line.buffer.popleft(), now))
        leases.sort(key=lambda lease: -self.names.floor(lease.priority))
        return leases

    def _serves(self, line: Line, start: int) -> bool:
        """Whether it may hold a job of this priority or a higher one."""
        return line.floor >= self.names.floor(start)

    def _leased(self, line: Line, delivery: Delivery, now: float) -> Lease:
        job = messages.received(delivery.properties, delivery.body)
        token = self._session << 32 | next(self._numbers)
        self._held[token] = Hold(
            job.id, line, line.epoch, delivery.tag, job.record, delivery.body, token, job.is_job
        )
        return Lease(
            id=job.id,
            queue=line.queue,
            token=token,
            body=delivery.body,
            priority=job.record.priority,
            attempt=job.record.attempts + 1,
            redeliveries=job.record.redeliveries,
            note=job.record.note,
            now=now,
            until=now + self._seconds,
            verdict=Verdict.RUN if job.is_job else Verdict.UNDECODABLE,
        )

    # Settling

    def _send(self) -> None:
        """Begin with what is buffered; the desk is told the answers."""
        lot = self._desk.take()
        if not lot:
            return
        with self.lock:
            holds = [self._taken(settlement.lease) for settlement in lot]
        if not self._is_fetching:
            # Or what is settled makes room for jobs that nobody asks for.
            self._close_lines([hold.line for hold in holds if hold is not None])
        self._start(lot, holds, lambda answers: self._desk.answer(lot, answers))

    def _start(
        self,
        lot: Sequence[Settlement],
        holds: Sequence[Hold | None],
        done: Callable[[list[Answer]], None],
    ) -> None:
        settling = Settling(self, lot, holds, done)
        self.loop.call(settling.begin)

    def _taken(self, lease: Lease) -> Hold | None:
        """The hold of a lease, which nobody has any more; None if it is lost."""
        return self._held.pop(lease.token) if self._is_held(lease) else None

    def _is_held(self, lease: Lease) -> bool:
        hold = self._held.get(lease.token)
        return (
            hold is not None
            and hold.id == lease.id
            and hold.line.queue == lease.queue
            and hold.is_live
        )

    def _give_back(self, deadline: float) -> None:
        """Send what is buffered, and give back what is held, with its counts, and what nobody was
        given.
        """
        with suppress(AnyjobError, TimeoutError):
            self._send()
            # Or it would be given what it gives back.
            closed = [(line, 0) for line in self._every_line()]
            self.loop.ask(
                lambda future: self._open_and_ask(closed, future),
                max(0.0, deadline - time.monotonic()),
            )
            held = self._unseen()
            with self.lock:
                # In the order in which they were handed out, before what was not.
                held = [*self._held.values(), *held]
                self._held = {}
            if held:
                future: Future[None] = Future()
                releases = [Release(lease=_lease_of(hold)) for hold in held]
                self._start(releases, held, lambda _: settle(future, None))
                future.result(max(0.0, deadline - time.monotonic()))
            self._desk.collect(deadline)

    def _stop_lines(self) -> None:
        """Close the lines, and then give back what nobody was given; in the loop."""
        told: Future[bool] = Future()
        told.add_done_callback(lambda _: self._give_unseen())
        self._open_and_ask([(line, 0) for line in self._every_line()], told)

    def _give_unseen(self) -> None:
        held = self._unseen()
        if held:
            releases = [Release(lease=_lease_of(hold)) for hold in held]
            self._start(releases, held, lambda _: None)

    def _unseen(self) -> list[Hold]:
        """What was not handed out, to be released. What has no lost lease yet goes back at once and
        keeps its place: the broker counts one, and one makes nobody suspect.
        """
        held = []
        with self.lock:
            for line in self._every_line():
                plain = []
                while line.buffer:
                    lease = self._leased(line, line.buffer.popleft(), 0.0)
                    hold = self._held.pop(lease.token)
                    if lease.redeliveries:
                        held.append(hold)
                    else:
                        plain.append(hold.tag)
                if plain:
                    self.loop.call(partial(line.give_back, plain))
        return held

    # Steps

    def _every_line(self) -> list[Line]:
        return [line for lines in self._lines for line in lines]

    def _open_lines(self) -> None:
        for line in self._every_line():
            line.open()

    def _on_down(self, error: BaseException) -> None:
        for line in self._every_line():
            line.on_down(error)

    def _rouse(self) -> None:
        """A queue was paused or resumed."""
        with self.lock:
            self._roused = True
            self.lock.notify_all()

    def _require(self) -> None:
        self._backend.check_open()
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")


def _close(lines: Sequence[Line]) -> None:
    for line in lines:
        line.open_to(0)


def _lease_of(hold: Hold) -> Lease:
    return Lease(
        id=hold.id,
        queue=hold.line.queue,
        token=hold.token,
        body=hold.body,
        priority=hold.record.priority,
        attempt=hold.record.attempts + 1,
        redeliveries=hold.record.redeliveries,
        note=hold.record.note,
        now=0.0,
        until=0.0,
    )
