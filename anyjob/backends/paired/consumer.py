"""A worker's hand on the queues of a pair."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from anyjob.backends.declared import check_ends, check_lease
from anyjob.backends.desk import Desk
from anyjob.backends.paired.agenda import LOOK, Agenda
from anyjob.backends.paired.courier import PATIENCE, Courier
from anyjob.backends.paired.ending import Ending
from anyjob.backends.paired.held import Held
from anyjob.backends.paired.holders import Holders
from anyjob.backends.paired.intake import Intake
from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.session import Session, Told
from anyjob.backends.paired.words import Words
from anyjob.core.backend import Consumer
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendError, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Complete, Lease, Release, Settled, Settlement

#: Settlements that may wait to be carried out while jobs are fetched on.
_MOST_WAITING = 2000


class PairedConsumer(Consumer):
    """Fetches from the backend, and lets the store decide.

    `_sending` is held while settlements are carried out, and never while anybody waits for jobs.
    A thread of its own carries settlements out: a flush ends in time
    whatever the store does, and jobs are fetched and run meanwhile.
    """

    def __init__(
        self,
        inner: Consumer,
        queues: Sequence[str],
        *,
        lease: float,
        ledger: Ledger,
        words: Words,
        agenda: Agenda,
        session: Session,
        holders: Holders,
        enqueue: Callable[[Sequence[Envelope]], list[Receipt]],
        capabilities: Capabilities,
        clock: Clock,
        native_pause: bool,
    ) -> None:
        self.queues = list(queues)
        self._inner = inner
        self._words = words
        self._agenda = agenda
        self._session = session
        self._levels = capabilities
        self._clock = clock
        self._native_pause = native_pause
        self._held = Held()
        self._desk = Desk()
        self._sending = threading.RLock()
        self._intake = Intake(self._held, ledger, words, agenda)
        self._ending = Ending(
            inner,
            self._held,
            self._intake,
            ledger,
            words,
            agenda,
            holders,
            enqueue,
            capabilities,
            clock,
            lease,
        )
        self._courier = Courier(self._desk, self._carry_out)
        #: Whether something was settled that the next fetch may bring again.
        self._returns = False
        self._pid = os.getpid()
        self._woken = False
        self._stopped = False
        self._closed = False
        self._has_joined = False
        # Else the first fetch does: nobody is handed a job before it can be seen who has it.
        with suppress(BackendError):
            self._join()

    # Consumer

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._require()
        check_count(credit, "credit", sys.maxsize)
        deadline = time.monotonic() + timeout
        self._join()
        while True:
            self._send_off()
            if self._stopped or self._woken:
                self._woken = False
                return []
            left = max(0.0, deadline - time.monotonic())
            allowed = self._allowed(limits or {})
            came, leases = self._take(credit, left, allowed)
            # What came and was removed may stand before a job.
            if leases or (left <= 0 and not came):
                self._woken = False
                if timeout <= 0:
                    # Whoever looks once has settled when he has looked.
                    self._courier.wait(PATIENCE)
                return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        check_ends(settlements, self._levels, now=self._clock.time())
        self._desk.add(settlements)
        if not all(type(each) is Complete and not each.then for each in settlements):
            self._returns = True

    def flush(self, deadline: float) -> list[Settled]:
        self._require()
        self._courier.send_now(deadline)
        return self._desk.collect(time.monotonic() + deadline)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._require()
        check_lease(lease, self._levels)
        holds = [(each, self._held.find(each)) for each in leases]
        known = [hold for _, hold in holds if hold is not None]
        asked = self._clock.monotonic()
        lost = {id(each) for each in self._inner.extend([hold.inner for hold in known], lease)}
        for hold in known:
            if id(hold.inner) not in lost:
                hold.until, hold.ends = self._clock.time() + lease, asked + lease
        self._held.drop(hold for hold in known if id(hold.inner) in lost)
        return [each for each, hold in holds if hold is None or id(hold.inner) in lost]

    def wake(self) -> None:
        self._require()
        self._woken = True
        self._inner.wake()

    def stop(self) -> None:
        self._require()
        self._stopped = True
        self._inner.stop()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._closed = self._stopped = True
        if self._pid != os.getpid():
            return
        if release:
            self._courier.send_now(PATIENCE)
        self._courier.stop(2 * PATIENCE)
        # A lease that hangs on a connection is over with it.
        runs_on = self._levels.lease == "timed" and not release
        self._session.leave(self, self._held.left() if runs_on else [])
        with suppress(BackendError, Misuse):
            self._inner.close(release=release)

    def abandon(self) -> None:
        """The backend is closed: end what waits here, and let leases run out."""
        self.close(release=False)

    # Holder

    def told(self) -> list[Told]:
        return self._held.told(self._clock.monotonic())

    def on_word(self) -> None:
        if not self._closed:
            with suppress(BackendError, Misuse):
                self._inner.wake()

    # Steps

    def _require(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        if self._pid != os.getpid():
            raise Misuse("this consumer belongs to the process that opened it; open another")

    def _join(self) -> None:
        """Be seen by the others; raises BackendError."""
        if not self._has_joined:
            self._session.join(self)
            self._has_joined = True

    def _send_off(self) -> None:
        """Let what is settled leave: beside what is fetched, unless that may be the same jobs, or
        the store is too slow for what is run.
        """
        if not self._desk:
            return
        if self._returns or len(self._desk) > _MOST_WAITING:
            self._returns = False
            self._courier.send_now(PATIENCE)
            self._courier.wait(2 * PATIENCE)
        else:
            self._courier.send()

    def _allowed(self, limits: Mapping[str, int]) -> dict[str, int]:
        """The limits, and none of a paused queue; raises BackendError where nobody knows."""
        words = self._words.recent(self.queues)
        for name, word in words.items():
            if word.has_agenda:
                self._agenda.look(name)
        allowed = dict(limits)
        if not self._native_pause:
            allowed |= {name: 0 for name, word in words.items() if word.is_paused}
        return allowed

    def _take(self, credit: int, timeout: float, limits: dict[str, int]) -> tuple[int, list[Lease]]:
        """How many messages came, and those of them that are jobs to be run."""
        if any(self._words.last(name).has_agenda for name in self.queues):
            timeout = min(timeout, LOOK)
        leases = self._inner.fetch(credit, timeout, limits)
        if not leases:
            return 0, []
        try:
            words = self._words.recent(self.queues)
            paused = {
                name for name, word in words.items() if word.is_paused and not self._native_pause
            }
            wanted = [lease for lease in leases if lease.queue not in paused]
            back = [lease for lease in leases if lease.queue in paused]
            # Beside what is being carried out: nobody has these leases yet.
            shown, ends = self._intake.take(wanted, self._clock.monotonic())
        except BackendError:
            self._give_back(leases)
            raise
        self._end_inner([*ends, *(Release(lease=lease) for lease in back)])
        return len(leases) - len(back), shown

    def _give_back(self, leases: Sequence[Lease]) -> None:
        """Nobody may run what nobody can look up."""
        self._end_inner([Release(lease=lease) for lease in leases])

    def _end_inner(self, ends: Sequence[Settlement]) -> None:
        """End leases that nobody sees; those that cannot be ended run out."""
        if ends:
            with self._sending, suppress(BackendError):
                self._inner.settle(ends)
                self._inner.flush(PATIENCE)

    def _carry_out(self, lot: list[Settlement], deadline: float) -> None:
        try:
            with self._sending:
                answers = self._ending.end(lot, deadline)
        except BaseException:
            self._desk.give_up(lot)
            raise
        self._desk.answer(lot, answers)
