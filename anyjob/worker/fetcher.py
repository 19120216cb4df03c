"""The fetch thread: credit, fetch, decode, hand-off, a lot at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from random import Random

from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError
from anyjob.core.failpoints import reach
from anyjob.core.outcome import Released
from anyjob.core.settlement import Lease
from anyjob.core.verdict import is_suspect
from anyjob.worker.held import Held
from anyjob.worker.intake import Intake
from anyjob.worker.judgement import Judgement
from anyjob.worker.outage import Outage
from anyjob.worker.pace import Pace
from anyjob.worker.pool import Pool
from anyjob.worker.settings import WorkerSettings

#: The longest wait of one fetch; a wake-up that got lost costs no more than this.
_LONGEST_POLL = 5.0
_BURST_POLL = 0.05
#: A suspect waits so long for its neighbours' release, and looks so often.
_SETTLED_APART = 5.0
_LOOK_AGAIN = 0.002
#: The share of a lease that we count on: the rest is for clocks that run apart and replies that are
#: slow.
SAFE_SHARE = 0.9


class Alone:
    """The suspect beside which nothing may begin, whichever backend it came from."""

    def __init__(self) -> None:
        self._suspect: tuple[Attempt, Held] | None = None
        self._is_placed = False

    def begin(self, suspect: Attempt, held: Held) -> None:
        """Let nothing else begin from now on."""
        self._suspect, self._is_placed = (suspect, held), False

    def placed(self) -> None:
        """Note that the suspect waits for a slot: once it is over, others may begin."""
        self._is_placed = True

    def is_there(self) -> bool:
        """Whether a suspect waits or runs."""
        if self._suspect is None:
            return False
        attempt, held = self._suspect
        is_over = attempt not in held.waiting and attempt not in held.running
        if is_over and self._is_placed:
            self._suspect = None
        return self._suspect is not None


class Fetcher:
    """Fetches as many jobs as there is room for; `run` is the thread's whole life, the rest is for
    other threads.
    """

    def __init__(
        self,
        consumer: Consumer,
        held: Held,
        intake: Intake,
        judgement: Judgement,
        pace: Pace,
        submit: Callable[[list[Attempt]], None],
        settings: WorkerSettings,
        clock: Clock,
        outage: Outage,
        random: Random,
        *,
        pool: Pool,
        alone: Alone,
    ) -> None:
        self._pool = pool
        self._alone = alone
        self._consumer = consumer
        self._held = held
        self._intake = intake
        self._judgement = judgement
        self._pace = pace
        self._submit = submit
        self._settings = settings
        self._clock = clock
        self._outage = outage
        self._random = random
        self._poll = min(_LONGEST_POLL, settings.lease / 6)
        if settings.burst:
            self._poll = min(self._poll, _BURST_POLL)
        self._room = threading.Event()
        self._wants_room = False
        #: Whether the fetch that is under way leaves some queue out until a slot frees.
        self._leaves_out = False
        self._low_water = 0
        #: Whether the buffer was given back since the credit was reckoned.
        self._is_overdrawn = False
        self._stopping = threading.Event()
        self._meeting_suspects = False
        #: How many fetches in a row brought nothing while nothing was held that could make more.
        self.empty_fetches = 0
        #: Told of every attempt that came back after a lost lease.
        self.on_reclaimed: Callable[[Attempt], None] = lambda _: None
        #: Release what waits for a slot on other backends; each returns whether that is settled.
        self.on_suspect: Sequence[Callable[[], Callable[[], bool]]] = ()
        #: Told of every running attempt that took over a new lease of its job.
        self.on_adopted: Callable[[Attempt], None] = lambda _: None

    def run(self) -> None:
        """Fetch until `stop`."""
        while not self._stopping.is_set():
            credit = self._credit()
            if credit > 0:
                self._turn(credit)
        self._pool.leave()

    def stop(self) -> None:
        """Fetch nothing more; a waiting fetch ends at once."""
        self._stopping.set()
        self._consumer.stop()
        self._room.set()

    def on_room(self) -> None:
        """Look again if the fetcher waits for room and there is some. Called at the end of every
        job.
        """
        if self._leaves_out:
            self._leaves_out = False
            self._consumer.wake()
        if self._wants_room and len(self._held.waiting) <= self._low_water:
            self._wants_room = False
            self._room.set()

    def on_given_back(self) -> None:
        """Let the fetch that is under way bring no more than the free slots. Called before the
        buffer goes back, or this worker would be the first to take it again.
        """
        self._is_overdrawn = True
        self._consumer.wake()

    def give_back(self) -> Callable[[], bool]:
        """Release what waits for a slot; what is returned says whether that is settled."""
        attempts = self._held.take_back(list(self._held.waiting))
        self._release(attempts)
        leases = [attempt.lease for attempt in attempts]
        return lambda: self._held.are_settled(leases)

    def on_turn(self) -> None:
        """Look again for room."""
        self._room.set()

    def _credit(self) -> int:
        """Return how many jobs may be fetched now, after waiting up to half a second for room."""
        self._room.clear()
        self._is_overdrawn = False
        self._wants_room = True
        credit = self._room_now()
        if credit <= 0:
            self._room.wait(self._pool.patience)
            credit = self._room_now()
        self._wants_room = False
        return credit

    def _room_now(self) -> int:
        held = self._held
        if self._alone.is_there():
            self._pool.leave()
            return 0
        buffer = self._pace.buffer()
        # Refilled when half empty: a fetch a finished job would make each lot one job long.
        self._low_water = buffer // 2
        if len(held.waiting) > self._low_water:
            self._pool.leave()
            return 0
        room = self._pool.free() + buffer - len(held.waiting)
        return self._pool.take(min(room, 1) if self._meeting_suspects else room, buffer)

    def _turn(self, credit: int) -> None:
        # Taken before the request, because a slow reply must not make our lease look longer than
        # the backend's.
        asked = self._clock.monotonic()
        was_idle = self._held.is_idle and self._held.is_settled
        try:
            self._held.hand_over(self._consumer)
            limits = self._limits()
            leases = self._consumer.fetch(credit, self._poll, limits)
        except BackendError as error:
            self._pool.brought(0)
            self._stopping.wait(self._outage.failed("fetch", error))
            return
        self._pool.brought(len(leases))
        self._outage.ended("fetch")
        self._pace.fetched(len(leases), credit, sum(len(lease.body) for lease in leases))
        # A queue that was left out may hold jobs all the same.
        is_empty = was_idle and not leases and not self._left_out(limits)
        self._leaves_out = False
        self.empty_fetches = self.empty_fetches + 1 if is_empty else 0
        if leases:
            reach("worker.fetch.after")
            self._dispatch(leases, asked + SAFE_SHARE * self._settings.lease)
            self._pool.filled()

    def _limits(self) -> dict[str, int] | None:
        """Hold queues of long jobs to the free slots, so that none of theirs is buffered."""
        slow = [s.queue for s in self._settings.shares if self._pace.is_slow(s.queue)]
        if not slow:
            return None
        # Said before the look, so that a slot that frees in between still wakes the fetch.
        self._leaves_out = True
        free = self._pool.spare()
        if free:
            self._leaves_out = False
        return dict.fromkeys(slow, free)

    def _left_out(self, limits: dict[str, int] | None) -> bool:
        return limits is not None and 0 in limits.values()

    def _dispatch(self, leases: list[Lease], lease_deadline: float) -> None:
        if any(lease.redeliveries for lease in leases):
            leases = self._adopt(leases, lease_deadline)
        attempts = self._intake.take(leases, lease_deadline)
        reclaimed = [attempt for attempt in attempts if attempt.lease.redeliveries]
        for attempt in reclaimed:
            self.on_reclaimed(attempt)
        if self._stopping.is_set() or self._alone.is_there():
            self._release(attempts)
            return
        suspects = [attempt for attempt in reclaimed if is_suspect(attempt.lease)]
        self._meeting_suspects = bool(suspects)
        if suspects:
            attempts = self._set_apart(suspects[0], attempts)
        if self._is_overdrawn:
            free = self._pool.spare()
            self._release(attempts[free:])
            attempts = attempts[:free]
        self._held.waiting.update(attempts)
        if suspects:
            self._alone.placed()
        self._held.lots.append((self._clock.monotonic(), attempts))
        self._submit(attempts)

    def _adopt(self, leases: list[Lease], lease_deadline: float) -> list[Lease]:
        """Give leases of jobs that still run here to those runs, and return the others: a process
        that stood still for longer than a lease would begin its own jobs a second time beside
        themselves.
        """
        others = []
        for lease in leases:
            attempt = self._held.adopt(lease, lease_deadline) if lease.redeliveries else None
            if attempt is None:
                others.append(lease)
            else:
                self.on_adopted(attempt)
        return others

    def _set_apart(self, suspect: Attempt, attempts: list[Attempt]) -> list[Attempt]:
        """Release everything unbegun but the suspect, and wait until that is settled: if it kills
        this process, it takes no neighbour along.
        """
        self._alone.begin(suspect, self._held)
        elsewhere = [give_back() for give_back in self.on_suspect]
        others = [attempt for attempt in attempts if attempt is not suspect]
        others += self._held.take_back(list(self._held.waiting))
        self._release(others)
        leases = [attempt.lease for attempt in others]
        elsewhere.append(lambda: self._held.are_settled(leases))
        deadline = self._clock.monotonic() + _SETTLED_APART
        while not all(settled() for settled in elsewhere) and self._clock.monotonic() < deadline:
            self._stopping.wait(_LOOK_AGAIN)
        return [suspect]

    def _release(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            self._judgement.settle(attempt, Released())
