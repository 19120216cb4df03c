"""A worker's hand on the queues of one file."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from anyjob.backends.desk import Desk
from anyjob.backends.shares import LowEnd, Ring
from anyjob.backends.sqlite.claim import Grant, claim
from anyjob.backends.sqlite.clock import microseconds
from anyjob.backends.sqlite.extend import extend, release
from anyjob.backends.sqlite.lots import array
from anyjob.backends.sqlite.settle import settle
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.tend import LOOK, promote, ready, reap
from anyjob.backends.sqlite.writer import Uncertain
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.errors import AnyjobError, InvalidOption, Misuse
from anyjob.core.failpoints import reach
from anyjob.core.seam import check_seconds, check_settlements
from anyjob.core.settlement import Answer, Lease, Settled, Settlement

#: A waiting fetch looks at its queues at least so often, whether anything was committed or not.
_LOOK_SECONDS = 1.0


class _View(msgspec.Struct, frozen=True):
    """What a look at the queues showed."""

    #: Whether a transaction would find something to do.
    busy: bool
    #: The next due time (wall) and the next end of a lease (steady); None without one.
    due: int | None
    lapse: int | None


class SQLiteConsumer(Consumer):
    """Leases jobs of one namespace of a file."""

    def __init__(
        self,
        space: Space,
        shares: Sequence[QueueShare],
        *,
        lease: float,
        max_batch: int,
        max_payload: int,
    ) -> None:
        self._space = space
        self._database = space.database
        self._names = [share.queue for share in shares]
        self._ring = Ring(shares)
        self._low = {share.queue: LowEnd() for share in shares}
        self._lease = lease
        self._limits = {"max_batch": max_batch, "max_payload": max_payload}
        # A random number and no counter, so that no two consumers ever share a token.
        self._session = secrets.randbits(31)
        self._fetches = 0
        self._desk = Desk()
        self._watch = self._database.watch()
        self._woken = False
        self._stopped = False
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._check_open()
        if credit < 1:
            raise InvalidOption(f"expected credit to be 1 or more, got {credit!r}")
        deadline = time.monotonic() + timeout
        wanted = self._names
        if limits:
            wanted = [name for name in wanted if limits.get(name, credit) > 0]
        try:
            return self._fetch(credit, deadline, limits or {}, wanted)
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
        if not leases:
            return []
        lost: list[Lease] = self._database.write(
            lambda connection: extend(connection, self._space, leases, lease)
        )
        return lost

    def wake(self) -> None:
        self._check_open()
        self._woken = True
        self._database.bell.ring()

    def stop(self) -> None:
        self._check_open()
        self._stopped = True
        self._database.bell.ring()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._stopped = True
        try:
            if release and self._database.is_open:
                self._give_back()
        finally:
            self._closed = True
            self._database.bell.ring()

    @property
    def _ended(self) -> bool:
        return self._stopped or self._closed or not self._database.is_open

    def _check_open(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        self._database.check_open()

    def _fetch(
        self, credit: int, deadline: float, limits: Mapping[str, int], names: Sequence[str]
    ) -> list[Lease]:
        while not self._ended:
            self._watch.begin()
            view = self._look(names)
            leases = self._cycle(credit, limits, names) if view.busy or self._desk else []
            if leases or self._woken or time.monotonic() >= deadline:
                self._woken = False
                return leases
            self._wait(deadline, view)
        if self._desk and self._database.is_open:
            self._cycle(0, {}, [])
        return []

    # Waiting

    def _look(self, wanted: Sequence[str]) -> _View:
        """Whether a transaction would find anything; costs no turn at writing."""
        numbers = self._space.numbers(wanted)
        rows = self._database.read(LOOK, (array(sorted(numbers.values())),))
        wall, steady = self._space.clock.wall(), self._space.clock.steady()
        rows = [row for row in rows if not row[1]]
        due = min((row[3] for row in rows if row[3] is not None), default=None)
        lapse = min((row[4] for row in rows if row[4] is not None), default=None)
        busy = (
            any(row[2] for row in rows)
            or (due is not None and due <= wall)
            or (lapse is not None and lapse <= steady)
        )
        return _View(busy, due, lapse)

    def _wait(self, deadline: float, view: _View) -> None:
        clock = self._space.clock

        def stirred() -> bool:
            return (
                self._ended
                or self._woken
                or (view.due is not None and view.due <= clock.wall())
                or (view.lapse is not None and view.lapse <= clock.steady())
            )

        self._watch.wait(min(deadline, time.monotonic() + _LOOK_SECONDS), stirred)

    # Transactions

    def _cycle(self, credit: int, limits: Mapping[str, int], names: Sequence[str]) -> list[Lease]:
        """Settle, take back, promote and claim, in one transaction."""
        lot = self._desk.take()
        self._fetches += 1
        token = self._session << 32 | self._fetches

        def work(connection: sqlite3.Connection) -> tuple[list[Answer], list[Lease]]:
            answers = settle(connection, self._space, lot) if lot else []
            leases = self._claim(connection, credit, limits, names, token)
            if leases:
                reach("sqlite.claim.before_commit")
            return answers, leases

        answers: list[Answer]
        leases: list[Lease]
        answers, leases = self._run(work, lot)
        self._answer(lot, answers)
        if leases:
            reach("sqlite.claim.after_commit")
        return leases

    def _send(self, lot: list[Settlement], seconds: float) -> None:
        def work(connection: sqlite3.Connection) -> list[Answer]:
            return settle(connection, self._space, lot)

        try:
            answers = self._database.write(work, seconds=seconds)
        except AnyjobError:
            # The caller hears of it as unknown, and settles again.
            self._desk.give_up(lot)
        else:
            self._answer(lot, answers)

    def _answer(self, lot: list[Settlement], answers: list[Answer]) -> None:
        if lot:
            reach("sqlite.settle.after_commit")
        self._desk.answer(lot, answers)

    def _run(self, work: Any, lot: list[Settlement]) -> Any:
        try:
            return self._database.write(work)
        except Uncertain:
            self._desk.give_up(lot)
            raise
        except BaseException:
            self._desk.put_back(lot)
            raise

    def _claim(
        self,
        connection: sqlite3.Connection,
        credit: int,
        limits: Mapping[str, int],
        names: Sequence[str],
        token: int,
    ) -> list[Lease]:
        if self._ended:
            # Since the fetch looked: what it took now would outlast the release of a close.
            return []
        numbers = self._space.numbers(names, connection)
        clock = self._space.clock
        wall, steady = clock.wall(), clock.steady()
        length = microseconds(self._lease)
        grant = Grant(token=token, wall=wall, until=steady + length, length=length)
        available = self._available(connection, credit, limits, numbers)
        if not any(available):
            return []
        leases: list[Lease] = []
        for name, part in zip(self._names, self._ring.allot(credit, available), strict=True):
            if part:
                low = self._low[name]
                starts = [low.start() for _ in range(low.part(part))]
                leases += claim(connection, (numbers[name], name), part, starts, grant)
        return leases

    def _available(
        self,
        connection: sqlite3.Connection,
        credit: int,
        limits: Mapping[str, int],
        numbers: Mapping[str, int],
    ) -> list[int]:
        """How many jobs of each queue may be leased now, after bringing it up to the present."""
        clock = self._space.clock
        wall, steady = clock.wall(), clock.steady()
        found = dict.fromkeys(numbers, 0)
        names = {number: name for name, number in numbers.items()}
        rows = connection.execute(LOOK, (array(sorted(names)),)).fetchall()
        for number, paused, any_ready, due, lapse in rows:
            if paused:
                continue
            changed = 0
            if due is not None and due <= wall:
                changed += promote(connection, number, clock)
            if lapse is not None and lapse <= steady:
                changed += reap(connection, number, wall, steady)
            if any_ready or changed:
                name = names[number]
                # One queue is not weighed against any other, so nobody has to count. With several,
                # one more than can be taken tells that a queue will not be empty afterwards.
                some = credit if len(self._names) == 1 else ready(connection, number, credit + 1)
                found[name] = min(some, limits.get(name, some))
        return [found.get(name, 0) for name in self._names]

    def _give_back(self) -> None:
        lot = self._desk.take()

        def work(connection: sqlite3.Connection) -> list[Answer]:
            answers = settle(connection, self._space, lot) if lot else []
            release(connection, self._space, self._names, self._session)
            return answers

        self._answer(lot, self._run(work, lot))
