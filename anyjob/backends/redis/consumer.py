"""A worker's hand on the queues of one server."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.desk import Desk
from anyjob.backends.redis import records
from anyjob.backends.redis.encode import milliseconds, owner, settled
from anyjob.backends.redis.errors import PASSING, Lost
from anyjob.backends.redis.link import COMMAND_SECONDS, Link
from anyjob.backends.redis.resp import ReplyError, Word
from anyjob.backends.redis.scripts import EXTEND, FETCH, RELEASE, RING, SETTLE, Call, Command, Plain
from anyjob.backends.redis.wire import Wire
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import AnyjobError, BackendError, Misuse
from anyjob.core.seam import check_count, check_seconds, check_settlements
from anyjob.core.settlement import Answer, Lease, Release, Settled, Settlement

#: A fetch that waits looks again at least so often, whether a marker woke it or not: a server may
#: lose the marker, and others may have taken it for nothing.
_LOOK_SECONDS = 5.0
#: The bell of a consumer that did not answer it goes away after so many seconds.
BELL_SECONDS = 60
#: Settlements that one script takes.
_MOST_SETTLED = 500
_MOST_CREDIT = 100_000


class Share(msgspec.Struct):
    """A queue of the consumer's: its weight, and what fetches carry from one to the next."""

    queue: str
    weight: int
    deficit: int = 0
    account: int = 0
    start: int = 0


class RedisConsumer(Consumer):
    """Leases jobs of one namespace."""

    def __init__(
        self,
        link: Link,
        shares: Sequence[QueueShare],
        *,
        lease: float,
        max_batch: int,
        max_payload: int,
    ) -> None:
        self._link = link
        self._shares = [Share(share.queue, share.weight) for share in shares]
        self._names = [share.queue for share in shares]
        self._turn = 0
        self._lease = lease
        self._limits = {"max_batch": max_batch, "max_payload": max_payload}
        # A random number and no counter of the server's: a failover that loses writes would hand
        # out a number twice.
        self._session = secrets.randbits(31)
        self._fetches = 0
        self._desk = Desk()
        self._bell = link.keys.bell(self._names[0], self._session)
        #: Held by the fetch that is under way.
        self._fetching = threading.Lock()
        self._alarm, self._ring = os.pipe()
        os.set_blocking(self._alarm, False)
        os.set_blocking(self._ring, False)
        self._woken = False
        #: A fetch that came back empty tells the next one how long to wait before it looks.
        self._quiet_until = 0.0
        #: What the server refused, where no answer could tell it.
        self._refusal: ReplyError | None = None
        self._stopped = False
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._check_open()
        check_count(credit, "credit", 1 << 62)
        deadline = time.monotonic() + timeout
        with self._fetching:
            try:
                with self._link.going_on("fetch", *self._names):
                    return self._fetch(min(credit, _MOST_CREDIT), deadline, limits)
            except Misuse:
                if self._ended:  # closed while it waited
                    return []
                raise

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._check_open()
        check_settlements(settlements, **self._limits)
        self._desk.add(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._check_open()
        until = time.monotonic() + deadline
        lot = self._desk.take()
        if lot:
            self._send(lot, deadline)
        return self._desk.collect(until)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._check_open()
        check_seconds(lease, "a lease", zero=False)
        lots = [
            (queue, own[first : first + _MOST_SETTLED])
            for queue, own in _by_queue(leases)
            for first in range(0, len(own), _MOST_SETTLED)
        ]
        if not lots:
            return []
        calls: list[Command] = []
        for queue, lot in lots:
            words: list[Word] = [milliseconds(lease)]
            for each in lot:
                words += (each.id, owner(each))
            calls.append(self._link.call(EXTEND, [queue], words))
        # All at once: where one node of several is away, the leases on the others are extended.
        with self._link.going_on("fetch", *self._names):
            replies = self._link.ask(calls, reads=True)
        return [
            each
            for (_, lot), answers in zip(lots, replies, strict=True)
            for each, one in zip(lot, answers, strict=True)
            if one == _LOST_DIGIT
        ]

    def wake(self) -> None:
        self._check_open()
        self._woken = True
        self._sound()

    def stop(self) -> None:
        self._check_open()
        self._stopped = True
        self._sound()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._closed = self._stopped = True
        if self._link.is_forked:
            # A fetch of the parent's, whose thread is not here, may hold the lock for ever.
            self._hang_up()
            return
        ends = time.monotonic() + COMMAND_SECONDS
        self._sound()
        # What waits sees that it is closed, and ends by its own deadline at the latest.
        with self._fetching:
            try:
                if release and self._link.is_open:
                    # What is out of reach runs out.
                    with suppress(BackendError, Misuse):
                        self._give_back(ends)
            finally:
                self._hang_up()

    @property
    def _ended(self) -> bool:
        return self._stopped or self._closed or not self._link.is_open

    def _check_open(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        self._link.check_open()

    def _sound(self) -> None:
        # A pipe that is full rings already; one that is gone belonged to a consumer that is closed.
        with suppress(BlockingIOError, OSError):
            os.write(self._ring, b"!")

    # Fetching

    def _fetch(self, credit: int, deadline: float, limits: Mapping[str, int] | None) -> list[Lease]:
        quiet_until, self._quiet_until = self._quiet_until, 0.0
        while not self._ended:
            self._check_refusal()
            wait = 0.0 if self._woken else min(deadline, quiet_until) - time.monotonic()
            leases, following = self._cycle(credit, limits or {}, max(0.0, wait))
            now = time.monotonic()
            # Until then nothing comes by itself, and what others bring leaves a marker.
            quiet_until = now + min(_LOOK_SECONDS, self._lease / 6 + 0.001, following)
            if leases or self._woken or now >= deadline:
                if not leases and self._link.is_timed_by_server:
                    self._quiet_until = quiet_until
                self._woken = False
                return leases
        if self._desk and self._link.is_open:
            self._send(self._desk.take(), COMMAND_SECONDS)
        return []

    def _check_refusal(self) -> None:
        """Raise what was refused since, and would be again until somebody acts."""
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise self._link.refusal(refusal)

    def _cycle(
        self, credit: int, limits: Mapping[str, int], wait: float
    ) -> tuple[list[Lease], float]:
        """Settle what is buffered, wait for a marker for so many seconds, and fetch, in one trip.

        Returns the leases, and the seconds until something may have changed by itself.
        """
        lot = self._desk.take()
        try:
            sent = self._settlements(lot)
            deadline = time.monotonic() + COMMAND_SECONDS
            wire = self._link.take(deadline)
        except BaseException:
            self._desk.put_back(lot)
            raise
        try:
            return self._ask(wire, lot, sent, credit, limits, wait, deadline)
        except Lost as lost:
            # What it leased and could not tell runs out.
            error = self._link.lost(lost, reads=True)
            self._desk.give_up(lot) if lost.sent else self._desk.put_back(lot)
            raise error from lost
        except AnyjobError:
            self._desk.give_up(lot)  # what was answered before stays answered
            raise
        finally:
            self._link.give(wire)

    def _ask(
        self,
        wire: Wire,
        lot: list[Settlement],
        sent: Sent,
        credit: int,
        limits: Mapping[str, int],
        wait: float,
        deadline: float,
    ) -> tuple[list[Lease], float]:
        fetch, token = self._fetch_call(self._shares, credit, limits)
        commands: list[Command] = [*sent.commands]
        waiting = wait > 0
        marker: Any = None
        if waiting:
            commands.append(self._marker_call(self._bell, self._names, limits, wait))
        commands.append(fetch)
        data = b"".join(command.packed() for command in commands)
        deadline = wire.send(data, len(commands), deadline)
        replies = [wire.receive(deadline) for _ in sent.commands]
        is_refused = any(isinstance(reply, ReplyError) for reply in replies)
        if is_refused:
            self._sound()  # they go again as soon as what was sent behind them is answered
        else:
            self._answer(lot, sent, replies)
        if waiting:
            deadline = self._await(wire, wait)
            marker = wire.receive(deadline)
        reply = wire.receive(deadline)
        if is_refused:
            self._answer(lot, sent, self._link.mend(wire, sent.commands, replies, deadline))
        [reply] = self._link.mend(wire, [fetch], [reply], deadline)
        if isinstance(reply, ReplyError):
            raise self._link.refusal(reply)
        self._note_marker(marker)
        return self._taken(reply, token, self._shares)

    def _await(self, wire: Wire, wait: float) -> float:
        """Wait for the marker, or until somebody wakes this consumer, who then gets one of its own.
        Returns the deadline of what follows.
        """
        ends = time.monotonic() + wait
        if not wire.wait(wait, self._alarm):
            with suppress(BlockingIOError):
                os.read(self._alarm, 4096)
            if time.monotonic() < ends:
                self._link.ask([Call(RING, [self._bell], [milliseconds(BELL_SECONDS)])], reads=True)
        return max(ends, time.monotonic()) + COMMAND_SECONDS

    def _marker_call(
        self, bell: bytes, names: Sequence[str], limits: Mapping[str, int], wait: float
    ) -> Plain:
        wanted = [name for name in names if limits.get(name, 1) > 0]
        keys = [self._link.keys.wake(name) for name in wanted]
        return Plain((b"BZPOPMIN", bell, *keys, f"{wait:.3f}"))

    def _note_marker(self, marker: Any) -> None:
        """Take note of the answer to the wait, if it was an error."""
        if isinstance(marker, ReplyError) and marker.code not in _AS_GOOD:
            # Without the marker, the next fetch would come back as fast.
            self._refusal = marker

    def _fetch_call(
        self, shares: Sequence[Share], credit: int, limits: Mapping[str, int]
    ) -> tuple[Call, int]:
        self._fetches += 1
        token = self._session << 32 | self._fetches
        words: list[Word] = [credit, milliseconds(self._lease), b"%016x" % token, self._turn]
        for share in shares:
            # One more than can be taken tells that a queue will not be empty afterwards.
            most = limits.get(share.queue, credit + 1)
            words += (most, share.weight, share.deficit, share.account, share.start)
        return self._link.call(FETCH, [share.queue for share in shares], words), token

    def _taken(
        self, reply: list[Any], token: int, shares: Sequence[Share]
    ) -> tuple[list[Lease], float]:
        now, until, following, self._turn = reply[:4]
        leases: list[Lease] = []
        for share, each in zip(shares, reply[4:], strict=True):
            share.deficit, share.account, share.start = each[:3]
            if each[3]:
                records.leases(share.queue, each, token, now / 1000, until / 1000, leases)
        if leases and self._ended:
            # Since this fetch was sent: what it took now would outlast the release of a close.
            self._release(leases)
            leases = []
        # A little later than due, or the server would find nothing yet.
        return leases, _LOOK_SECONDS if following < 0 else max(0.001, following / 1000)

    def _release(self, leases: list[Lease]) -> None:
        # The last first, so that the first comes to the very head of its priority.
        lot: list[Settlement] = [Release(lease=lease) for lease in leases]
        with suppress(AnyjobError):  # what is out of reach runs out
            self._link.ask(self._settlements(lot).commands)

    # Settling

    def _send(self, lot: list[Settlement], seconds: float) -> None:
        sent = self._settlements(lot)
        try:
            replies = self._link.tell(sent.commands, seconds=seconds)
        except AnyjobError:
            # The caller hears of it as unknown, and settles again.
            self._desk.give_up(lot)
        else:
            self._answer(lot, sent, replies)

    def _settlements(self, lot: list[Settlement], unready: Collection[int] = ()) -> Sent:
        """The scripts for a lot, a queue each or several, but for those at the `unready` places."""
        sent = Sent([], [], [Answer.LEASE_LOST] * len(lot))
        seen: set[tuple[str, str, int]] = set()
        places: dict[str, list[int]] = {}
        children: list[str] = []
        for at, each in enumerate(lot):
            lease = each.lease
            key = (lease.queue, lease.id, lease.token)
            if at in unready:
                sent.answers[at] = Answer.UNKNOWN
            # Of two settlements of a lease, the second is lost.
            elif key not in seen:
                seen.add(key)
                places.setdefault(lease.queue, []).append(at)
                children += [child.queue for child in each.then]
        # Whether their queues were listed is not looked at: they are named again with the next.
        sent.commands += self._link.listing(sorted(set(children)))
        sent.orders += [[] for _ in sent.commands]
        for queue, own in places.items():
            for first in range(0, len(own), _MOST_SETTLED):
                some = own[first : first + _MOST_SETTLED]
                sent.add(self._link, queue, [lot[at] for at in some], some)
        return sent

    def _answer(self, lot: list[Settlement], sent: Sent, replies: list[Any]) -> None:
        answers = sent.answers
        for order, reply in zip(sent.orders, replies, strict=True):
            if isinstance(reply, ReplyError):
                # It was refused as a whole, and may be settled again; the next fetch says why.
                if reply.is_of_rights or reply.code == "WRONGTYPE":
                    self._refusal = reply if order else self._refusal
                for at in order:
                    answers[at] = Answer.UNKNOWN
                continue
            for at, digit in zip(order, reply, strict=True) if order else ():
                answers[at] = Answer.LEASE_LOST if digit == _LOST_DIGIT else Answer.DONE
        self._desk.answer(lot, answers)

    def _give_back(self, ends: float) -> None:
        lot = self._desk.take()
        if lot:
            self._send(lot, max(0.0, ends - time.monotonic()))
        session = b"%08x" % self._session
        releases = [self._link.call(RELEASE, [queue], [session]) for queue in self._names]
        left = max(0.0, ends - time.monotonic())
        self._link.check(self._link.tell(releases, seconds=left))

    def _hang_up(self) -> None:
        os.close(self._alarm)
        os.close(self._ring)
        self._alarm = self._ring = -1


_LOST_DIGIT = b"0"[0]
#: Errors that are as good as a marker: the server's state changed, and the fetch behind meets it.
_AS_GOOD = PASSING | {"UNBLOCKED", "READONLY"}


class Sent(msgspec.Struct):
    """A lot of settlements as scripts."""

    commands: list[Command]
    #: Of each command: which settlements of the lot its answers are about.
    orders: list[list[int]]
    answers: list[Answer]

    def add(self, link: Link, queue: str, settlements: list[Settlement], places: list[int]) -> None:
        """One more script; `places` are those of the settlements in the lot."""
        others = {child.queue for each in settlements for child in each.then} - {queue}
        queues = [queue, *sorted(others)]
        numbers = {name: number for number, name in enumerate(queues, 1)}
        words, order = settled(settlements, numbers)
        self.commands.append(link.call(SETTLE, queues, words))
        self.orders.append([places[at] for at in order])


def _by_queue(leases: Sequence[Lease]) -> list[tuple[str, list[Lease]]]:
    found: dict[str, list[Lease]] = {}
    for lease in leases:
        found.setdefault(lease.queue, []).append(lease)
    return list(found.items())
