"""The keep thread: settle, flush, extend, and the deadlines of attempts and leases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, BackendUnavailable, Misuse
from anyjob.core.failpoints import reach
from anyjob.core.outcome import Failed, Released
from anyjob.core.settlement import Answer, Lease
from anyjob.worker.after import After
from anyjob.worker.fetcher import SAFE_SHARE
from anyjob.worker.held import LEASE_LOST, TIME_LIMIT, Held
from anyjob.worker.judgement import Judgement
from anyjob.worker.log import Log
from anyjob.worker.outage import Outage
from anyjob.worker.pace import Pace
from anyjob.worker.run import time_limit
from anyjob.worker.settings import WorkerSettings

#: While jobs are on their way, settlements wait so long for company or for the next fetch.
_LINGER = 0.005
_FLUSH_DEADLINE = 5.0
#: A buffered job that waited so long goes back, if that costs it neither place nor count.
_LONGEST_BUFFERED = 0.5
_IDLE_BEAT = 1.0
_BUSY_BEAT = 0.1
#: A job that waits though a slot sleeps is helped to it this soon.
_WAITING_BEAT = 0.02
#: How long a running job whose lease is gone may wait for a new one before it is told to stop: its
#: worker may be the one that leases it again, as after standing still.
_ADOPTION = 0.5
#: An extension that failed is tried again so soon.
_EXTEND_AGAIN = 1.0


class Keeper:
    """Keeps what is leased and settles what has ended; `run` is the thread's whole life."""

    def __init__(
        self,
        consumer: Consumer,
        held: Held,
        judgement: Judgement,
        after: After,
        pace: Pace,
        settings: WorkerSettings,
        clock: Clock,
        outage: Outage,
        log: Log,
        *,
        may_release: bool,
    ) -> None:
        self._consumer = consumer
        self._held = held
        self._judgement = judgement
        self._after = after
        self._pace = pace
        self._settings = settings
        self._clock = clock
        self._outage = outage
        self._log = log
        self._may_release = may_release
        self._awake = threading.Event()
        self._asleep = False
        self._ending = False
        self._given_up = False
        self._hurry = False
        self._extend_at = clock.monotonic() + settings.lease / 3
        self._flush_at = 0.0
        #: Until when the leases that were renewed last are surely ours.
        self._safe_until = clock.monotonic() + SAFE_SHARE * settings.lease
        #: What runs under a lease that is gone, that lease, and when it is told to stop.
        self._missing: dict[Attempt, tuple[Lease, float]] = {}
        #: Cancels a coroutine; set by the worker once it has a loop.
        self.on_cancel: Callable[[Attempt, str], None] = lambda *_: None
        #: Called now and then while something waits: a slot may sleep that could run it.
        self.on_busy: Callable[[], None] = lambda: None
        #: Called before buffered jobs go back.
        self.on_give_back: Callable[[], None] = lambda: None
        #: Told of each attempt that keeps its slot though it was judged.
        self.on_stray: Callable[[Attempt], None] = lambda _: None

    def run(self) -> None:
        """Beat until `stop` and everything finished is answered."""
        try:
            while not (self._ending and (self._held.is_settled or self._given_up)):
                self._sleep()
                self._beat()
        except Misuse:
            # The consumer was closed under a flush that did not come back in time.
            if not self._given_up:
                raise

    def stop(self) -> None:
        """End after the next flush."""
        self._ending = True
        self.nudge()

    def give_up(self) -> None:
        """End although outcomes have no answer."""
        self._given_up = True
        self.nudge()

    def hurry(self) -> None:
        """Settle without waiting for company from now on."""
        self._hurry = True
        self.nudge()

    @property
    def is_behind(self) -> bool:
        """Whether the leases held here may have run out unnoticed, as after standing still."""
        return self._clock.monotonic() > self._safe_until

    def nudge(self) -> None:
        """Beat soon."""
        self._awake.set()

    def stir(self) -> None:
        """Beat soon if asleep. Called at the end of every job."""
        if self._asleep:
            self._asleep = False
            self._awake.set()

    def _sleep(self) -> None:
        self._asleep = True
        if self._held.is_settled or self._clock.monotonic() < self._flush_at:
            self._awake.wait(self._longest_sleep())
        self._asleep = False
        self._awake.clear()
        if not self._held.is_idle and not self._hurry:
            time.sleep(_LINGER)

    def _longest_sleep(self) -> float:
        """Return how long nothing will need a beat unless somebody calls."""
        now = self._clock.monotonic()
        if self._held.waiting:
            return _WAITING_BEAT
        if any(a.deadline is not None for a in list(self._held.running)):
            return _BUSY_BEAT
        if self._missing:
            return _BUSY_BEAT
        if not self._held.is_settled:
            return max(0.0, self._flush_at - now)
        return min(_IDLE_BEAT, max(0.0, self._extend_at - now))

    def _beat(self) -> None:
        self._settle()
        now = self._clock.monotonic()
        self._pace.measure(now)
        if now >= self._extend_at:
            self._extend(now)
        if self._missing:
            self._miss(now)
        self._limit(now)
        self._give_back(now)
        self._log.write_dropped()
        self.on_busy()

    def _settle(self) -> None:
        if self._held.is_settled:
            # What failed to leave with a flush may have left with a fetch.
            self._outage.ended("settle")
            return
        if self._clock.monotonic() < self._flush_at:
            return
        try:
            self._held.hand_over(self._consumer)
            reach("worker.settle.before")
            settled = self._consumer.flush(_FLUSH_DEADLINE)
        except BackendError as error:
            self._flush_at = self._clock.monotonic() + self._outage.failed("settle", error)
            return
        reach("worker.settle.after")
        if not settled:
            # What left with a fetch that is still under way has no answer yet.
            self._flush_at = self._clock.monotonic() + _LINGER
        unknown = [one.settlement for one in settled if one.answer is Answer.UNKNOWN]
        answers = self._held.answered(s for s in settled if s.answer is not Answer.UNKNOWN)
        if unknown:
            # The same settlement again: its token keeps it from acting twice.
            silence = BackendUnavailable(f"{len(unknown)} settlements got no answer")
            self._flush_at = self._clock.monotonic() + self._outage.failed("settle", silence)
            self._held.hand_over_again(self._consumer, unknown)
        else:
            self._outage.ended("settle")
        self._measure(answers)
        self._after.told(answers)

    def _measure(self, answers: list[Any]) -> None:
        runs: dict[str, tuple[int, float]] = {}
        for finished, _ in answers:
            count, seconds = runs.get(finished.lease.queue, (0, 0.0))
            runs[finished.lease.queue] = (count + 1, seconds + finished.seconds)
        for queue, (count, seconds) in runs.items():
            self._pace.ended(queue, count, seconds)

    def _extend(self, now: float) -> None:
        """Renew everything held in one batch; `now` was read before the request."""
        self._extend_at = now + self._settings.lease / 3
        # Each with the lease that was asked for: it may take over another one meanwhile.
        asked = [(attempt, attempt.lease) for attempt in self._held.unfinished]
        leases = self._held.leases()
        if not leases:
            self._safe_until = now + SAFE_SHARE * self._settings.lease
            self._outage.ended("extend")
            return
        try:
            lost = {
                (lease.id, lease.token)
                for lease in self._consumer.extend(leases, self._settings.lease)
            }
        except BackendError as error:
            self._outage.failed("extend", error)
            self._extend_at = now + _EXTEND_AGAIN
            return
        self._outage.answered("extend", self._clock.monotonic() - now)
        self._safe_until = deadline = now + SAFE_SHARE * self._settings.lease
        for attempt, lease in asked:
            if attempt.ending == LEASE_LOST or attempt.lease is not lease:
                continue
            if (lease.id, lease.token) not in lost:
                attempt.lease_deadline = deadline
            elif attempt in self._held.waiting:
                self._lose(attempt, lease)
            else:
                self._missing.setdefault(attempt, (lease, now + _ADOPTION))

    def _miss(self, now: float) -> None:
        """Give up what runs under a lease that is gone, once its time for another one is over."""
        for attempt, (lease, until) in list(self._missing.items()):
            if attempt.lease is not lease or attempt not in self._held.running:
                del self._missing[attempt]
            elif now >= until:
                del self._missing[attempt]
                self._lose(attempt, lease)

    def _lose(self, attempt: Attempt, lease: Lease) -> None:
        """Stop what has no lease any more; its outcome will be dropped."""
        if not self._held.lose(attempt, lease):
            return
        self._after.tell("lease.lost", attempt)
        if self._held.take_back([attempt]):
            self._log.dropped(attempt, Released())
        elif attempt.task.is_async:
            self.on_cancel(attempt, LEASE_LOST)

    def _limit(self, now: float) -> None:
        """Ask attempts over their time to end, and judge those that did not."""
        for attempt in list(self._held.running):
            if attempt.deadline is None or now < attempt.deadline:
                continue
            if now >= attempt.deadline + self._settings.cancel_grace:
                self._judge_without(attempt)
            elif not attempt.ending and not attempt.task.is_async:
                attempt.ending = TIME_LIMIT

    def _judge_without(self, attempt: Attempt) -> None:
        # A stray before its end is taken, so that the slot that ends just now finds and removes it.
        self._held.strays.add(attempt)
        attempt.ending = attempt.ending or TIME_LIMIT
        if not self._held.end(attempt):
            self._held.strays.discard(attempt)
            return
        if attempt.ending == LEASE_LOST:
            self._held.drop(attempt)
        else:
            self._judgement.settle(attempt, Failed(time_limit(attempt)))
        self._after.tell("worker.slot_lost", attempt)
        self.on_stray(attempt)

    def _give_back(self, now: float) -> None:
        """Release what has waited long in the buffer: another worker may be idle."""
        lots = self._held.lots
        while lots:
            since, attempts = lots[0]
            if not self._held.waiting.isdisjoint(attempts):
                if not self._may_release or now - since < _LONGEST_BUFFERED:
                    return
                self._pace.empty()
                self.on_give_back()
                for attempt in self._held.take_back(attempts):
                    self._judgement.settle(attempt, Released())
            lots.popleft()
