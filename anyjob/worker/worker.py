"""The running worker: its threads, and the order in which they start and stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from random import Random
from types import TracebackType

from anyjob.core.attempt import Attempt, Progress
from anyjob.core.backend import Backend
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, Misuse
from anyjob.core.events import Subscribers
from anyjob.core.middleware import Middleware
from anyjob.core.note import short
from anyjob.core.outcome import Released
from anyjob.core.store import Store
from anyjob.core.task import Registry
from anyjob.worker.after import After
from anyjob.worker.fetcher import Fetcher
from anyjob.worker.gate import Gate, SharedGate
from anyjob.worker.held import STOPPING, Held
from anyjob.worker.house import House
from anyjob.worker.intake import Intake
from anyjob.worker.judgement import Judgement
from anyjob.worker.keeper import Keeper
from anyjob.worker.log import LOGGER, Log
from anyjob.worker.loop import LoopSlots
from anyjob.worker.outage import Outage
from anyjob.worker.pace import Pace
from anyjob.worker.run import Run
from anyjob.worker.settings import WorkerSettings
from anyjob.worker.threads import ThreadSlots

_ONCE = "a worker runs once; make another with app.worker()"
_TICK = 0.05
#: How long cancelled coroutines have to end before their jobs are released without them.
_CUT_PATIENCE = 0.5
_FLUSH_PATIENCE = 5.0
#: How far a drain is, is told so often.
_TELL_EVERY = 5.0
#: With this share of the slots lost to attempts that cannot be ended, the worker makes room for
#: another.
_LOST_SHARE = 0.1
_RETIRE_PATIENCE = 600.0


class Worker:
    """Fetches, runs and settles jobs until it is told to stop.

    Threads: *fetch* and *keep* talk to the consumer, *house* to backend and store, *slots* and
    *loop* run tasks. `run` blocks and is called once; `start` and `stop`, or `with`, run it in a
    thread of the caller's process. `drain` and `cut` may be called from any thread and from a
    signal handler. The backend is opened and closed by its owner.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        store: Store | None,
        registry: Registry,
        middleware: Sequence[Middleware],
        subscribers: Subscribers,
        settings: WorkerSettings,
        clock: Clock,
        random: Random,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._log = log = Log(clock.monotonic)
        self._held = held = Held()
        self._after = after = After(subscribers, clock, log)
        # SimpleQueue.put is safe in a signal handler, Event.set is not.
        self._inbox: SimpleQueue[str] = SimpleQueue()
        self._ended = threading.Event()
        self._begun = False
        self._thread: threading.Thread | None = None
        self._has_failed = False
        outage = Outage(log, after.tell, random)
        pace = Pace(clock.monotonic())
        judgement = self._judgement = Judgement(
            held,
            settings,
            clock,
            random,
            log,
            keeps_results=not backend.capabilities.lacks("results"),
        )
        self._house = House(backend, store, clock, outage, log, after.tell)
        report: Callable[[Attempt, Progress], None] = self._house.report
        intake = Intake(registry, middleware, settings, clock, judgement, report, log)
        run = Run(middleware)
        gate = _gate(registry, settings.concurrency, self._gate_opened)
        self._threads = ThreadSlots(settings.concurrency, held, run, judgement, gate, pace)
        self._loop = LoopSlots(settings.concurrency, held, run, judgement, gate)
        self._consumer = consumer = backend.consume(
            settings.shares, lease=settings.lease, worker=settings.name
        )
        self._fetcher = Fetcher(
            consumer, held, intake, judgement, pace, self._submit, settings, clock, outage, random
        )
        self._keeper = Keeper(
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
        held.on_finished = self._keeper.stir
        held.on_room = self._fetcher.on_room
        self._fetcher.on_reclaimed = after.reclaimed
        self._fetcher.on_adopted = after.adopted
        self._house.is_behind = lambda: self._keeper.is_behind
        self._keeper.on_cancel = self._loop.cancel
        self._keeper.on_stray = self._replace
        self._keeper.on_give_back = self._fetcher.on_given_back
        self._keeper.on_busy = self._threads.help_out

    def run(self) -> int:
        """Work until drained, cut, or done with a burst; returns the exit code: 0 all finished, 1
        not.

        Blocks. Raises Misuse on a second call.
        """
        if self._begun:
            raise Misuse(_ONCE)
        self._begun = True
        threads = [
            self._thread_for("fetch", self._fetcher.run),
            self._thread_for("keep", self._keeper.run),
            self._thread_for("house", self._house.run),
        ]
        self._after.tell("worker.started", worker=self.settings.name)
        for thread in threads:
            thread.start()
        try:
            self._work()
        finally:
            try:
                self._stop(threads)
            finally:
                self._ended.set()
        return self.exit_code

    @property
    def exit_code(self) -> int:
        """0 if every job that was begun has finished, 1 if some were cut or the worker failed."""
        return 1 if self._judgement.has_cut or self._has_failed else 0

    @property
    def has_strays(self) -> bool:
        """Whether user code that was judged already still runs in this process."""
        return bool(self._held.strays)

    def drain(self) -> None:
        """Fetch no more, finish what runs within the grace period, then end."""
        self._inbox.put("drain")

    def cut(self) -> None:
        """End within 2 seconds; what is unfinished is released, no attempt used."""
        self._inbox.put("cut")

    def start(self) -> None:
        """Run in a thread of this process; raises Misuse on a second call."""
        if self._begun or self._thread is not None:
            raise Misuse(_ONCE)
        self._thread = threading.Thread(target=self.run, name="anyjob-worker", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Drain and wait for the end; returns the exit code."""
        if not self._begun and self._thread is None:
            return 0
        self.drain()
        self._ended.wait()
        return self.exit_code

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _work(self) -> None:
        """Wait for a reason to end: a call, a burst that is done, lost slots, a dead thread."""
        while True:
            word = self._heard(_TICK if self.settings.burst else 1.0)
            if word == "cut":
                self._inbox.put("cut")
            if word is not None or (self.settings.burst and self._is_burst_done()):
                return

    def _heard(self, timeout: float) -> str | None:
        try:
            return self._inbox.get(timeout=timeout)
        except Empty:
            return None

    def _is_burst_done(self) -> bool:
        held = self._held
        return self._fetcher.empty_fetches >= 2 and held.is_idle and held.is_settled

    def _stop(self, threads: list[threading.Thread]) -> None:
        """Stop fetch, release the buffer, wait for slots, flush, close: in this order."""
        fetch, keep, house = threads
        LOGGER.info(
            "stopping: %d jobs run on, for %g s at most",
            len(self._held.running),
            self.settings.grace,
            extra={"facts": {"event": "worker.stopping", "running": len(self._held.running)}},
        )
        self._fetcher.stop()
        fetch.join(_FLUSH_PATIENCE)
        self._release(self._held.take_back(list(self._held.waiting)))
        self._keeper.hurry()
        if not self._all_end_within(_RETIRE_PATIENCE if self._has_failed else self.settings.grace):
            self._cut_running()
        self._threads.stop()
        self._loop.stop()
        self._keeper.stop()
        keep.join(_FLUSH_PATIENCE)
        self._count_unrecorded()
        self._keeper.give_up()
        keep.join(_CUT_PATIENCE)
        self._house.stop()
        house.join(_FLUSH_PATIENCE)
        self._close()

    def _count_unrecorded(self) -> None:
        """Say what could not be settled in time: those jobs run again once their leases run out."""
        pending = self._held.pending
        if pending:
            self._has_failed = True
            LOGGER.error(
                "%d outcomes could not be recorded; their jobs run again after their leases",
                pending,
                extra={"facts": {"event": "worker.failed", "unrecorded": pending}},
            )

    def _close(self) -> None:
        try:
            self._consumer.close(release=True)
        except Exception as error:  # a foreign backend's surprise, too, must not hold the end
            self._has_failed |= not isinstance(error, BackendError)
            self._log.trouble("close.failed", "leases that are left run out: %s", short(error))
        self._threads.join(_CUT_PATIENCE)
        self._loop.join(_CUT_PATIENCE)
        self._log.write_dropped(at_once=True)
        self._after.tell("worker.stopped", worker=self.settings.name, exit_code=self.exit_code)

    def _all_end_within(self, grace: float) -> bool:
        """Wait for the running jobs; False once the grace period is over or a cut was asked for."""
        now = self._clock.monotonic()
        deadline, tell_at = now + grace, now + _TELL_EVERY
        while not self._held.is_idle:
            word = self._heard(_TICK)
            now = self._clock.monotonic()
            if word == "drain":
                deadline = min(deadline, now + self.settings.grace)
            if word == "cut" or now >= deadline:
                return self._held.is_idle
            if now >= tell_at:
                self._tell_draining(deadline - now)
                tell_at = now + _TELL_EVERY
        return True

    def _tell_draining(self, left: float) -> None:
        running = len(self._held.running)
        facts = {"event": "worker.draining", "running": running, "left_s": round(left, 3)}
        LOGGER.info(
            "draining: %d jobs still run, for %.0f s at most", running, left, extra={"facts": facts}
        )

    def _cut_running(self) -> None:
        """Cancel coroutines, flag threads, and release whatever does not end at once."""
        for attempt in list(self._held.running):
            attempt.ending = attempt.ending or STOPPING
            if attempt.task.is_async:
                self._loop.cancel(attempt, STOPPING)
        deadline = self._clock.monotonic() + _CUT_PATIENCE
        while self._held.running and self._clock.monotonic() < deadline:
            self._heard(_TICK)
        for attempt in list(self._held.running):
            self._held.strays.add(attempt)
            self._judgement.conclude(attempt, Released())
        self._keeper.nudge()

    def _release(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._judgement.settle(attempt, Released())

    def _gate_opened(self) -> None:
        self._loop.pump_soon()

    def _submit(self, attempts: list[Attempt]) -> None:
        """Hand a lot to its slots, by colour."""
        coroutines = [attempt for attempt in attempts if attempt.task.is_async]
        if coroutines:
            self._loop.submit(coroutines)
        if len(coroutines) < len(attempts):
            self._threads.submit([a for a in attempts if not a.task.is_async])
        if any(attempt.timeout is not None for attempt in attempts):
            self._keeper.nudge()
        elif len(attempts) > 1 or len(self._held) > self.settings.concurrency:
            # Something may wait in the buffer, and nothing that ends soon would tell the keeper.
            self._keeper.stir()

    def _replace(self, attempt: Attempt) -> None:
        """Give a lost thread's slot to a new one; with too many lost, end."""
        if not attempt.task.is_async:
            self._threads.replace()
        lost = len(self._held.strays)
        LOGGER.error(
            "%s %s did not end at its time limit and keeps its slot (%d of %d lost)",
            attempt.task.name,
            attempt.id,
            lost,
            self.settings.concurrency,
            extra={"facts": {"event": "worker.slot_lost", "job": attempt.id, "lost": lost}},
        )
        if lost >= self.settings.concurrency * _LOST_SHARE:
            self._fail("too many slots are lost to tasks that cannot be ended; draining")

    def _fail(self, why: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            LOGGER.error("%s", why, extra={"facts": {"event": "worker.failed"}})
            self._inbox.put("drain")

    def _thread_for(self, name: str, life: Callable[[], None]) -> threading.Thread:
        def live() -> None:
            try:
                life()
            except BaseException:  # a broker thread must not die unnoticed: the worker ends with it
                LOGGER.log(logging.CRITICAL, "the %s thread died", name, exc_info=True)
                self._fail(f"the {name} thread died; draining")

        return threading.Thread(target=live, name=f"anyjob-{name}", daemon=True)


def _gate(registry: Registry, concurrency: int, on_open: Callable[[], None]) -> Gate:
    colours = {task.is_async for task in registry}
    return SharedGate(concurrency, on_open) if len(colours) > 1 else Gate()
