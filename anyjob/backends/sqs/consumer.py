"""A worker's hand on queues in SQS."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence

import msgspec

from anyjob.backends.checks import check_shares
from anyjob.backends.declared import check_ends, check_jobs, check_lease
from anyjob.backends.desk import Desk
from anyjob.backends.shares import LowEnd
from anyjob.backends.sqs.crew import ABREAST, Crew
from anyjob.backends.sqs.held import Hands, Held
from anyjob.backends.sqs.lines import Line, Lines
from anyjob.backends.sqs.link import COMMAND, Link
from anyjob.backends.sqs.messages import MOST
from anyjob.backends.sqs.names import BANDS, band_of
from anyjob.backends.sqs.pauses import Pauses
from anyjob.backends.sqs.queues import Queues
from anyjob.backends.sqs.receiving import Receiving
from anyjob.backends.sqs.sending import Batches, Fate
from anyjob.backends.sqs.settling import Settling
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.capabilities import Capabilities
from anyjob.core.errors import AnyjobError, BackendError, BackendUnavailable, Misuse
from anyjob.core.seam import check_count
from anyjob.core.settlement import Answer, Lease, Settled, Settlement

#: Seconds that SQS lets a request wait at most (AWS, ReceiveMessage).
_LONGEST_WAIT = 20
#: A fetch that waits so long is a worker's, and comes again: its requests may outlast it.
_COMES_AGAIN = 0.4
#: Seconds in which requests have ended, once they are cut.
_CUT = 2.0


class SQSConsumer(Consumer):
    """Asks the highest band first, and lets requests wait where there was nothing: a band whose
    request waits is known to be empty.
    """

    def __init__(
        self,
        link: Link,
        queues: Queues,
        crew: Crew,
        capabilities: Capabilities,
        shares: Sequence[QueueShare],
        *,
        lease: float,
    ) -> None:
        link.check_open()
        check_shares(shares)
        check_lease(lease, capabilities)
        self._link = link
        self._queues = queues
        self._crew = crew
        self._capabilities = capabilities
        self._seconds = lease
        self._weights = {share.queue: share.weight for share in shares}
        self._low_ends = {name: LowEnd() for name in self._weights}
        #: How much each queue has had, by its weight; and how much the one that is served now.
        self._passes = dict.fromkeys(self._weights, 0.0)
        self._pass = 0.0
        self._pauses = Pauses(link, queues)
        self._hands = Hands()
        self._batches = Batches(link, crew)
        self._settling = Settling(link, queues, self._batches, self._hands)
        self._receiving = Receiving(
            link, queues, self._batches, self._settling, self._hands, lease=lease, group=self
        )
        self._desk = Desk()
        self._lines = Lines(
            list(self._weights),
            link,
            crew,
            ask=self._receiving.ask,
            give_back=self._receiving.give_back,
            lease=lease,
        )
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._require()
        check_count(credit, "credit", sys.maxsize)
        deadline = time.monotonic() + timeout
        if self._desk:
            self._send(time.monotonic() + COMMAND)
        self._pauses.begin_fetch()
        self._lines.begin_fetch()
        try:
            leases = self._fetch(
                credit, deadline, limits or {}, comes_again=timeout >= _COMES_AGAIN
            )
        finally:
            self._lines.end_fetch()
        if self._closed and leases:
            # Closed meanwhile, with all that was held before these.
            self._give_back_all()
            return []
        return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._require()
        self._check_ends(settlements)
        self._desk.add(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._require()
        end = time.monotonic() + deadline
        self._send(end)
        return self._desk.collect(end)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._require()
        check_lease(lease, self._capabilities)
        # Taken before the request, because a slow reply must not make our lease look longer.
        now = self._link.clock.monotonic()
        held = {index: self._hands.look(each, now) for index, each in enumerate(leases)}
        mine = {
            index: (each, seconds)
            for index, each in held.items()
            if each is not None and (seconds := each.longest(lease, now)) > 0
        }
        told = self._batches.postpone(
            [(each.url, each.receipt) for each, _ in mine.values()],
            [seconds for _, seconds in mine.values()],
            time.monotonic() + COMMAND,
        )
        lost = set(held) - set(mine)
        errors: list[AnyjobError] = []
        for (index, (each, seconds)), fate in zip(mine.items(), told, strict=True):
            if fate is Fate.DONE:
                each.extended(min(lease, seconds), now)
            elif fate is Fate.STALE:
                lost.add(index)
            else:
                errors.append(fate)
        for index in lost:
            self._hands.drop(leases[index])
        if errors:
            raise BackendUnavailable(str(errors[0])) from errors[0]
        return [leases[index] for index in sorted(lost)]

    def wake(self) -> None:
        self._require()
        self._lines.wake()

    def stop(self) -> None:
        self._require()
        self._lines.stop()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._lines.stop()
        if not self._link.is_open:
            return
        if release:
            self._give_back_all()
            # SQS answers a request that is cut as well, and what it gives then has to lapse
            # (kombu#1835); so those that wait are let end.
            self._lines.await_parked(_LONGEST_WAIT + 1.0)
        self._link.cut(self)
        self._lines.await_parked(_CUT)

    def interrupt(self) -> None:
        """The backend is closed: whoever waits here ends."""
        self._lines.interrupt()

    # Steps

    def _check_ends(self, settlements: Sequence[Settlement]) -> None:
        now = self._link.service.time()
        if not self._link.location.fifo:
            check_ends(settlements, self._capabilities, now=now)
            return
        # Jobs that run may be put off, since whoever gets them first hides them; new ones may not.
        check_ends(
            settlements, msgspec.structs.replace(self._capabilities, delay="emulated"), now=now
        )
        for each in settlements:
            check_jobs(each.then, self._capabilities, now=now)

    # Steps of a fetch

    def _require(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        self._link.check_open()

    def _fetch(
        self, credit: int, deadline: float, limits: Mapping[str, int], *, comes_again: bool
    ) -> list[Lease]:
        while not self._lines.is_stopped:
            self._link.check_open()
            left = deadline - time.monotonic()
            leases = self._look(credit, limits, _LONGEST_WAIT if comes_again else 0)
            if leases or left <= 0 or self._lines.wait(deadline):
                return leases
        return []

    def _look(self, credit: int, limits: Mapping[str, int], wait: int) -> list[Lease]:
        """Divide the credit among the queues by weight; a queue that is empty leaves its part."""
        room = {name: min(credit, limits.get(name, credit)) for name in self._weights}
        active = [
            name
            for name in self._weights
            if room[name] > 0 and not self._pauses.is_still_paused(name)
        ]
        leases: list[Lease] = []
        while active and len(leases) < credit:
            name = min(active, key=lambda each: max(self._passes[each], self._pass))
            # What an empty queue did not use is not saved up for a burst.
            self._pass = max(self._passes[name], self._pass)
            weight = self._weights[name]
            part = math.ceil((credit - len(leases)) * weight / sum(map(self._weights.get, active)))  # type: ignore[arg-type]
            part = min(part, room[name])
            try:
                taken = self._take(name, part, wait)
            except BackendError:
                if leases:
                    return leases  # they are ours already; the next fetch meets the error
                raise
            taken = self._distinct(taken, leases)
            self._passes[name] = self._pass + len(taken) / weight
            room[name] -= len(taken)
            leases += [each.lease for each in taken]
            if len(taken) < part or not room[name]:
                active.remove(name)
        return leases

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
        for each in again:
            self._hands.drop(each.lease)
        if again:
            self._receiving.give_back(again)
        return kept

    def _take(self, name: str, part: int, wait: int) -> list[Held]:
        """So many jobs of a queue at most, a sixteenth from the low end, else the highest first."""
        lines = self._lines.by_queue[name]
        low_end = self._low_ends[name]
        taken: list[Held] = []
        low = low_end.part(part)
        if low:
            # The highest band that may have something is asked all the same.
            known = [band for band in BANDS if not self._lines.is_empty(lines[band])]
            first = BANDS.index(known[0]) if known else 0
            start = BANDS.index(band_of(low_end.start()))
            for band in BANDS[start:first:-1]:
                taken += self._take_from(lines[band], low - len(taken), wait)
        for band in BANDS:
            taken += self._take_from(lines[band], part - len(taken), wait)
        return taken

    def _take_from(self, line: Line, count: int, wait: int) -> list[Held]:
        if count <= 0:
            return []
        found = self._lines.take(line, count)
        if found is None:
            found = self._receive(line, count)
            if len(found) < count and wait >= 1:
                self._lines.park(line, wait, count)
        return self._handed(line, found)

    def _receive(self, line: Line, count: int) -> list[Held]:
        """Ask at once; what there is behind the first ten by as many requests as it takes."""
        # A request costs the same whatever it brings, so none is made for the odd rest.
        count = count if count < MOST else count - count % MOST
        found = self._receiving.ask(line, min(count, MOST), 0)
        is_more = len(found) == MOST
        while is_more and len(found) < count:
            rest = min(count - len(found), ABREAST * MOST)
            parts = [min(MOST, rest - at) for at in range(0, rest, MOST)]
            works = [lambda part=part: self._receiving.ask(line, part, 0) for part in parts]
            for part, result in zip(parts, self._crew.together(works), strict=True):
                # What came is ours, whatever became of the rest: the next fetch asks again.
                come = [] if isinstance(result, Exception) else result
                found += come
                is_more = is_more and len(come) == part
        return found

    def _handed(self, line: Line, held: list[Held]) -> list[Held]:
        """Those of these that may be handed out; a queue that is paused gets its own back."""
        if held and self._pauses.is_paused(line.queue):
            self._receiving.give_back(held)
            return []
        self._hands.add(held)
        return held

    # What is left at the end

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

    def _give_back_all(self) -> None:
        arrived = self._lines.take_all()
        try:
            self._send(time.monotonic() + COMMAND)
            held = self._hands.take_all(self._link.clock.monotonic())
            self._receiving.give_back([*arrived, *held])
        except AnyjobError:
            return  # what is out of reach now lapses by itself
