"""The running worker: its threads, and the order in which they start and stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from random import Random
from types import TracebackType

from anyjob.core.attempt import Attempt
from anyjob.core.clock import Clock
from anyjob.core.errors import Misuse
from anyjob.core.events import Subscribers
from anyjob.core.middleware import Middleware
from anyjob.core.outcome import Released
from anyjob.core.task import Registry
from anyjob.worker.absent import Absent
from anyjob.worker.after import After
from anyjob.worker.fetcher import Alone
from anyjob.worker.gate import Gate, SharedGate
from anyjob.worker.held import STOPPING
from anyjob.worker.log import LOGGER, Log
from anyjob.worker.loop import LoopSlots
from anyjob.worker.post import Ground, Post, Shared
from anyjob.worker.posts import Posts, Routes
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

    Threads: *fetch*, *keep* and *house* of each backend; *slots* and *loop* run the tasks of all.
    `run` blocks and is called once; `start` and `stop`, or `with`, run it in a thread of the
    caller's process. `drain` and `cut` may be called from any thread and from a signal handler. The
    backends are opened and closed by their owner.
    """

    def __init__(
        self,
        grounds: Sequence[Ground],
        *,
        registry: Registry,
        middleware: Sequence[Middleware],
        subscribers: Subscribers,
        settings: WorkerSettings,
        clock: Clock,
        random: Random,
        absent: Mapping[str, Callable[[], Ground]] | None = None,
        routes: Routes | None = None,
    ) -> None:
        """`grounds` are the backends to work on, one at least. `absent` are further ones by name,
        which do not answer yet; each call raises BackendUnavailable until it does. `routes` say
        where children go; without, every queue is on the one backend.
        """
        self.settings = settings
        self._clock = clock
        self._after = After(subscribers, clock, Log(clock.monotonic))
        # SimpleQueue.put is safe in a signal handler, Event.set is not.
        self._inbox: SimpleQueue[str] = SimpleQueue()
        self._ended = threading.Event()
        self._begun = False
        self._thread: threading.Thread | None = None
        self._has_failed = False
        shared = Shared(
            registry=registry,
            middleware=middleware,
            subscribers=subscribers,
            clock=clock,
            random=random,
            alone=Alone(),
            submit=self._submit,
        )
        self._posts = Posts(shared, settings.concurrency, routes)
        self._absent = Absent(absent or {}, self._posts.voice_of, self._posts.add, self._fail)
        for ground in grounds:
            self._posts.add(ground)
        run, slots = Run(middleware), settings.concurrency
        gate = _gate(registry, slots, self._gate_opened)
        holder, judge, pacer = self._posts.for_slots()
        self._threads = ThreadSlots(slots, holder, run, judge, gate, pacer)
        self._loop = LoopSlots(slots, holder, run, judge, gate)

    def _begin(self, post: Post) -> None:
        post.keeper.on_cancel = self._loop.cancel
        post.keeper.on_busy = self._threads.help_out
        post.keeper.on_stray = self._replace
        post.start(self._thread_for)

    def run(self) -> int:
        """Work until drained, cut, or done with a burst; returns the exit code: 0 all finished, 1
        not.

        Blocks. Raises Misuse on a second call.
        """
        if self._begun:
            raise Misuse(_ONCE)
        self._begun = True
        self._after.tell("worker.started", worker=self.settings.name)
        self._posts.start(self._begin)
        self._absent.start()
        try:
            self._work()
        finally:
            try:
                self._stop()
            finally:
                self._ended.set()
        return self.exit_code

    @property
    def grounds(self) -> list[Ground]:
        """The backends that are worked on by now, each with its queues."""
        return [post.ground for post in self._posts]

    @property
    def exit_code(self) -> int:
        """0 if every job that was begun has finished, 1 if some were cut or the worker failed."""
        has_cut = any(post.judgement.has_cut for post in self._posts)
        return 1 if has_cut or self._has_failed else 0

    @property
    def has_strays(self) -> bool:
        """Whether user code that was judged already still runs in this process."""
        return any(post.held.strays for post in self._posts)

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
        return all(
            post.fetcher.empty_fetches >= 2 and post.held.is_idle and post.held.is_settled
            for post in self._posts
        )

    @property
    def _is_idle(self) -> bool:
        return all(post.held.is_idle for post in self._posts)

    @property
    def _running(self) -> list[tuple[Post, Attempt]]:
        return [(post, attempt) for post in self._posts for attempt in list(post.held.running)]

    def _stop(self) -> None:
        """Stop fetch, release the buffer, wait for slots, flush, close: in this order."""
        running = len(self._running)
        LOGGER.info(
            "stopping: %d jobs run on, for %g s at most",
            running,
            self.settings.grace,
            extra={"facts": {"event": "worker.stopping", "running": running}},
        )
        self._absent.stop()
        self._posts.stop()
        self._release_waiting()
        if not self._all_end_within(_RETIRE_PATIENCE if self._has_failed else self.settings.grace):
            self._cut_running()
        self._threads.stop()
        self._loop.stop()
        posts = list(self._posts)
        for post in posts:
            post.keeper.stop()
        self._join_all([post.join_keep for post in posts], _FLUSH_PATIENCE)
        self._posts.stop_children()
        self._count_unrecorded()
        for post in posts:
            post.keeper.give_up()
        self._join_all([post.join_keep for post in posts], _CUT_PATIENCE)
        for post in posts:
            post.house.stop()
        self._join_all([post.join_house for post in posts], _FLUSH_PATIENCE)
        self._close()

    def _release_waiting(self) -> None:
        """Fetch nothing more, and release what waits: of each backend once its last fetch is over,
        so that none waits for one that does not answer.
        """
        left = list(self._posts)
        for post in left:
            post.stop_fetching()
        deadline = self._clock.monotonic() + _FLUSH_PATIENCE
        while left:
            is_late = self._clock.monotonic() >= deadline
            patience = deadline - self._clock.monotonic() if len(left) == 1 else _TICK / len(left)
            over = [post for post in left if post.has_fetched(patience) or is_late]
            for post in over:
                post.release_waiting()
            left = [post for post in left if post not in over]

    def _join_all(self, joins: Sequence[Callable[[float], None]], patience: float) -> None:
        deadline = self._clock.monotonic() + patience
        for join in joins:
            join(deadline - self._clock.monotonic())

    def _count_unrecorded(self) -> None:
        """Say what could not be settled in time: those jobs run again once their leases run out."""
        pending = sum(post.held.pending for post in self._posts)
        if pending:
            self._has_failed = True
            LOGGER.error(
                "%d outcomes could not be recorded; their jobs run again after their leases",
                pending,
                extra={"facts": {"event": "worker.failed", "unrecorded": pending}},
            )

    def _close(self) -> None:
        # First where all is settled: the others may take as long as a backend that is away does.
        for post in sorted(self._posts, key=lambda post: post.held.pending):
            self._has_failed |= not post.close()
        self._threads.join(_CUT_PATIENCE)
        self._loop.join(_CUT_PATIENCE)
        for post in self._posts:
            post.log.write_dropped(at_once=True)
        self._after.tell("worker.stopped", worker=self.settings.name, exit_code=self.exit_code)

    def _all_end_within(self, grace: float) -> bool:
        """Wait for the running jobs; False once the grace period is over or a cut was asked for."""
        now = self._clock.monotonic()
        deadline, tell_at = now + grace, now + _TELL_EVERY
        while not self._is_idle:
            word = self._heard(_TICK)
            now = self._clock.monotonic()
            if word == "drain":
                deadline = min(deadline, now + self.settings.grace)
            if word == "cut" or now >= deadline:
                return self._is_idle
            if now >= tell_at:
                self._tell_draining(deadline - now)
                tell_at = now + _TELL_EVERY
        return True

    def _tell_draining(self, left: float) -> None:
        running = len(self._running)
        facts = {"event": "worker.draining", "running": running, "left_s": round(left, 3)}
        LOGGER.info(
            "draining: %d jobs still run, for %.0f s at most", running, left, extra={"facts": facts}
        )

    def _cut_running(self) -> None:
        """Cancel coroutines, flag threads, and release whatever does not end at once."""
        for _, attempt in self._running:
            attempt.ending = attempt.ending or STOPPING
            if attempt.task.is_async:
                self._loop.cancel(attempt, STOPPING)
        deadline = self._clock.monotonic() + _CUT_PATIENCE
        while self._running and self._clock.monotonic() < deadline:
            self._heard(_TICK)
        for post, attempt in self._running:
            post.held.strays.add(attempt)
            post.judgement.conclude(attempt, Released())
        for post in self._posts:
            post.keeper.nudge()

    def _gate_opened(self) -> None:
        self._loop.pump_soon()

    def _submit(self, post: Post, attempts: list[Attempt]) -> None:
        """Hand a lot to its slots, by colour."""
        coroutines = [attempt for attempt in attempts if attempt.task.is_async]
        if coroutines:
            self._loop.submit(coroutines)
        if len(coroutines) < len(attempts):
            self._threads.submit([a for a in attempts if not a.task.is_async])
        if any(attempt.timeout is not None for attempt in attempts):
            post.keeper.nudge()
        elif len(attempts) > 1 or len(post.held) > self.settings.concurrency:
            # Something may wait in the buffer, and nothing that ends soon would tell the keeper.
            post.keeper.stir()

    def _replace(self, attempt: Attempt) -> None:
        """Give a lost thread's slot to a new one; with too many lost, end."""
        if not attempt.task.is_async:
            self._threads.replace()
        lost = sum(len(post.held.strays) for post in self._posts)
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
