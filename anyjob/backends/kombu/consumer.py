"""A worker's hand on queues that are asked again and again."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from anyjob.backends.checks import check_shares
from anyjob.backends.declared import check_ends, check_lease
from anyjob.backends.desk import Desk
from anyjob.backends.kombu import messages
from anyjob.backends.kombu.errors import NoQueue
from anyjob.backends.kombu.facts import POLL
from anyjob.backends.kombu.held import SAFE, Hands, Held
from anyjob.backends.kombu.link import COMMAND, Link
from anyjob.backends.kombu.settling import Settling
from anyjob.backends.kombu.way import Taken
from anyjob.backends.shares import LowEnd, Turns
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import AnyjobError, BackendError, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Answer, Lease, Release, Settled, Settlement, Verdict

if TYPE_CHECKING:
    from anyjob.backends.kombu.backend import KombuBackend

#: Jobs that are taken by one call of the thread that has the connection.
_MOST = 500


class KombuConsumer(Consumer):
    """Takes what it is asked for and no more, so nothing lies here that another could run.

    Its connection is its own: where leases hang on one, they are this consumer's alone.
    """

    def __init__(
        self, backend: KombuBackend, shares: Sequence[QueueShare], *, lease: float
    ) -> None:
        check_shares(shares)
        check_lease(lease, backend.capabilities)
        self._backend = backend
        self._seconds = lease
        self._queues = [share.queue for share in shares]
        self._turns = Turns(shares)
        self._low_ends = {share.queue: LowEnd() for share in shares}
        self._link: Link = backend.new_link()
        self._hands = Hands()
        self._settling = Settling(self._link, backend.publishing, self._hands, lease=lease)
        self._desk = Desk()
        #: What the last fetch met behind what it returned.
        self._trouble: BackendError | None = None
        self._woken = threading.Event()
        #: Whether the queues were seen.
        self._was_there = False
        self._stopped = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<KombuConsumer on {', '.join(self._queues)}>"

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._require()
        check_count(credit, "credit", sys.maxsize)
        deadline = time.monotonic() + timeout
        self._send(time.monotonic() + COMMAND)
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        while not self._stopped:
            self._require()
            leases = self._look(credit, limits or {})
            if self._closed and leases:
                # Closed meanwhile, with all that was held before these.
                return []
            left = deadline - time.monotonic()
            if leases or left <= 0 or self._woken.wait(min(left, POLL)):
                self._woken.clear()
                return leases
        return []

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        check_ends(settlements, self._backend.capabilities, now=self._link.way.clock.time())
        for each in settlements:
            reason = getattr(each, "reason", None)
            if reason is not None:
                messages.check_reason(reason)
        self._desk.add(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._require()
        end = time.monotonic() + deadline
        self._send(end)
        return self._desk.collect(end)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._require()
        check_lease(lease, self._backend.capabilities)
        # Taken before the request, because a slow reply must not make our lease look longer.
        now = self._link.way.clock.monotonic()
        held = [self._hands.look(each, now) for each in leases]
        mine = [each for each in held if each is not None]
        told = self._renewed(mine, lease)
        ours = {id(each) for each, is_ours in zip(mine, told, strict=True) if is_ours}
        if self._link.way.holds == "timed":
            for each in mine:
                each.deadline = now + SAFE * lease
        lost = [
            each
            for each, own in zip(leases, held, strict=True)
            if own is None or id(own) not in ours
        ]
        for gone in lost:
            self._hands.drop(gone)
        return lost

    def wake(self) -> None:
        self._require()
        self._woken.set()

    def stop(self) -> None:
        self._require()
        self._stopped = True
        self._woken.set()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._closed = self._stopped = True
        self._woken.set()
        if self._backend.is_usable and release:
            self._give_back()
        self.end()

    def end(self) -> None:
        """Let the connection go."""
        self._closed = self._stopped = True
        self._woken.set()
        self._link.close()
        self._backend.consumers.discard(self)

    def cut(self) -> None:
        """Cut the connection off, as a network does."""
        self._link.cut()

    # Steps

    def _require(self) -> None:
        self._backend.check_open()
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")

    def _look(self, credit: int, limits: Mapping[str, int]) -> list[Lease]:
        leases: list[Lease] = []

        def take(queue: str, part: int) -> int:
            taken = self._distinct(self._take(queue, part), leases)
            leases.extend(each.lease for each in taken)
            return len(taken)

        try:
            self._turns.serve(credit, limits, take)
            self._was_there = True
        except NoQueue:
            # Deleted under our hands, or never declared.
            self._backend.mend(self._queues, was_there=self._was_there)
        except BackendError as error:
            if not leases:
                raise
            # They are ours already; the next fetch meets the error.
            self._trouble = error
        return leases

    def _take(self, queue: str, part: int) -> list[Held]:
        """So many jobs of a queue at most, a sixteenth from the low end, else the highest first."""
        names = self._link.way.names
        low_end = self._low_ends[queue]
        low = low_end.part(part)
        bands = names.bands(queue)
        taken: list[Held] = []
        if low and len(bands) > 1:
            start = bands.index(names.ready(queue, low_end.start()))
            # The first that has something at or above it.
            taken += self._taken(queue, bands[start::-1], min(low, _MOST))
        while len(taken) < part:
            # A call ends in time, however much is asked for.
            asked = min(_MOST, part - len(taken))
            found = self._taken(queue, bands, asked)
            taken += found
            if len(found) < asked:
                break
        # What was chosen from the low end is handed out in its turn.
        taken.sort(key=lambda each: bands.index(names.ready(queue, each.lease.priority)))
        return taken

    def _taken(self, queue: str, bands: Sequence[str], count: int) -> list[Held]:
        tokens = self._hands.tokens(count)
        way = self._link.way

        def work(channel: object) -> tuple[list[Taken], int, float]:
            way.tend_now_and_then(channel)
            # Behind the connecting, and before the request: a slow reply makes no lease longer.
            began = way.clock.monotonic()
            return way.take(channel, bands, tokens, self._seconds), self._link.epoch, began

        found, epoch, began = self._link.call(work)
        deadline = began + SAFE * self._seconds if way.holds == "timed" else math.inf
        held = [
            self._held(queue, token, each, epoch, deadline)
            for token, each in zip(tokens, found, strict=False)
        ]
        self._hands.add(held)
        return held

    def _held(self, queue: str, token: int, taken: Taken, epoch: int, deadline: float) -> Held:
        record = taken.record
        lease = Lease(
            id=record.id,
            queue=queue,
            token=token,
            body=record.body,
            priority=record.priority,
            attempt=record.attempts + 1,
            redeliveries=record.redeliveries,
            note=record.note,
            now=taken.now,
            until=taken.now + self._seconds,
            verdict=Verdict.RUN if record.is_ours else Verdict.UNDECODABLE,
        )
        return Held(lease, record, taken.tag, epoch, deadline)

    def _distinct(self, taken: list[Held], others: Sequence[Lease]) -> list[Held]:
        """Those of these that no other lease of this fetch has a copy of; a second copy of a job
        waits for another one.
        """
        found = {(lease.queue, lease.id) for lease in others}
        kept, again = list[Held](), list[Held]()
        for each in taken:
            key = each.lease.queue, each.lease.id
            (again if key in found else kept).append(each)
            found.add(key)
        if again:
            self._release(again)
        return kept

    def _renewed(self, held: Sequence[Held], lease: float) -> list[bool]:
        """Whether each is ours still."""
        way = self._link.way
        if held and way.holds == "timed":
            tags = [each.tag for each in held]
            return self._link.call(lambda channel: way.renew(channel, tags, lease))
        # With a connection they are lost when it is, and nothing has to be asked.
        return [way.holds == "none" or each.epoch == self._link.epoch for each in held]

    def _send(self, deadline: float) -> None:
        """Send what is buffered; what becomes of it is told by the next flush."""
        lot = self._desk.take()
        if not lot:
            return
        answers = [Answer.UNKNOWN] * len(lot)
        try:
            answers = self._settling.settle(lot, deadline)
        finally:
            self._desk.answer(lot, answers)

    def _release(self, held: Sequence[Held]) -> None:
        """Anew and as they were, each in its own band."""
        lot = [Release(lease=each.lease) for each in held]
        self._settling.settle(lot, time.monotonic() + COMMAND)

    def _give_back(self) -> None:
        try:
            self._send(time.monotonic() + COMMAND)
            held = self._hands.take_all(self._link.way.clock.monotonic())
            self._hands.add(held)
            self._release(held)
        except AnyjobError:
            return  # what is out of reach now lapses by itself
