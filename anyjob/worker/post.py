"""A worker's post at one backend: what fetches, keeps and settles there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import msgspec

from anyjob.core.attempt import Attempt
from anyjob.core.backend import Backend
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError
from anyjob.core.events import Subscribers
from anyjob.core.middleware import Middleware
from anyjob.core.note import short
from anyjob.core.outcome import Released
from anyjob.core.store import Store
from anyjob.core.task import Registry
from anyjob.worker.after import After
from anyjob.worker.fetcher import Alone, Fetcher
from anyjob.worker.held import Held
from anyjob.worker.house import House
from anyjob.worker.intake import Intake
from anyjob.worker.judgement import Judgement
from anyjob.worker.keeper import Keeper
from anyjob.worker.log import Log
from anyjob.worker.outage import Outage
from anyjob.worker.pace import Pace
from anyjob.worker.pool import Pool
from anyjob.worker.settings import WorkerSettings


class Ground(msgspec.Struct, frozen=True, eq=False):
    """An opened backend, and what a worker is to do there."""

    #: The name of the one of several; empty where there is one.
    name: str
    backend: Backend
    store: Store | None
    #: Those of the worker, with the queues that it serves here.
    settings: WorkerSettings


class Shared(msgspec.Struct, frozen=True, eq=False):
    """What every post of a worker works with."""

    registry: Registry
    middleware: Sequence[Middleware]
    subscribers: Subscribers
    clock: Clock
    random: Random
    alone: Alone
    #: Takes the attempts of a post to their slots.
    submit: Callable[[Post, list[Attempt]], None]


class Voice:
    """Who tells of one backend: its log, its events, and whether it answers."""

    def __init__(self, name: str, shared: Shared) -> None:
        self.log = Log(shared.clock.monotonic, name)
        self.after = After(shared.subscribers, shared.clock, self.log, name)
        self.outage = Outage(self.log, self.after.tell, shared.random)


class Post:
    """One backend's leases and the threads that care for them: *fetch* and *keep* talk to the
    consumer, *house* to backend and store.
    """

    def __init__(
        self,
        ground: Ground,
        shared: Shared,
        held: Held,
        pool: Pool,
        voice: Voice,
        *,
        is_first: bool,
    ) -> None:
        """`is_first`: whether it is the one that watches the clock."""
        settings, clock, backend = ground.settings, shared.clock, ground.backend
        self.ground = ground
        self.held = held
        self.pool = pool
        self.log, after, outage = voice.log, voice.after, voice.outage
        log = self.log
        self.pace = pace = Pace(clock.monotonic())
        self.judgement = judgement = Judgement(
            held,
            settings,
            clock,
            shared.random,
            log,
            keeps_results=not backend.capabilities.lacks("results"),
        )
        self.house = house = House(
            backend, ground.store, clock, outage, log, after.tell, watches_clock=is_first
        )
        intake = Intake(
            shared.registry, shared.middleware, settings, clock, judgement, house.report, log
        )
        self._consumer = consumer = backend.consume(
            settings.shares, lease=settings.lease, worker=settings.name
        )
        self.fetcher = fetcher = Fetcher(
            consumer,
            held,
            intake,
            judgement,
            pace,
            partial(shared.submit, self),
            settings,
            clock,
            outage,
            shared.random,
            pool=pool,
            alone=shared.alone,
        )
        self.keeper = keeper = Keeper(
            consumer,
            held,
            judgement,
            after,
            pace,
            settings,
            clock,
            outage,
            log,
            may_release=backend.capabilities.release == "place",
        )
        held.on_finished = keeper.stir
        held.on_room = fetcher.on_room
        fetcher.on_reclaimed = after.reclaimed
        fetcher.on_adopted = after.adopted
        house.is_behind = lambda: keeper.is_behind
        keeper.on_give_back = fetcher.on_given_back
        self._threads: list[threading.Thread] = []

    def start(self, thread_for: Callable[[str, Callable[[], None]], threading.Thread]) -> None:
        """Begin to work; `thread_for` makes a thread of a name and a life."""
        suffix = f"-{self.ground.name}" if self.ground.name else ""
        self._threads = [
            thread_for(f"fetch{suffix}", self.fetcher.run),
            thread_for(f"keep{suffix}", self.keeper.run),
            thread_for(f"house{suffix}", self.house.run),
        ]
        for thread in self._threads:
            thread.start()

    def stop_fetching(self) -> None:
        """Fetch nothing more; `has_fetched` waits for it."""
        self.fetcher.stop()

    def has_fetched(self, patience: float) -> bool:
        """Wait for the end of the fetch that is under way; whether it has ended."""
        self._join(0, patience)
        return not (self._threads and self._threads[0].is_alive())

    def release_waiting(self) -> None:
        """Release what waits for a slot."""
        for attempt in self.held.take_back(list(self.held.waiting)):
            self.judgement.settle(attempt, Released())
        self.keeper.hurry()

    def join_keep(self, patience: float) -> None:
        """Wait until everything is settled."""
        self._join(1, patience)

    def join_house(self, patience: float) -> None:
        """Wait for the end of the housekeeping."""
        self._join(2, patience)

    def close(self) -> bool:
        """Close the consumer; False if that failed by a surprise."""
        try:
            self._consumer.close(release=True)
        except Exception as error:  # a foreign backend's surprise, too, must not hold the end
            self.log.trouble("close.failed", "leases that are left run out: %s", short(error))
            return isinstance(error, BackendError)
        return True

    def _join(self, number: int, patience: float) -> None:
        if self._threads:
            self._threads[number].join(max(0.0, patience))
