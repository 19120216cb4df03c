"""The SQLite backend: jobs in one file, for many processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from anyjob.backends.checks import check_edit, check_shares
from anyjob.backends.sqlite import administration, records
from anyjob.backends.sqlite.consumer import SQLiteConsumer
from anyjob.backends.sqlite.database import Database
from anyjob.backends.sqlite.insert import insert, stock
from anyjob.backends.sqlite.keeping import bring_up, keep_house
from anyjob.backends.sqlite.lots import array
from anyjob.backends.sqlite.numbers import numbers_of
from anyjob.backends.sqlite.place import place_of
from anyjob.backends.sqlite.settle import DEDUP_WINDOW
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.states import DEAD, NUMBER
from anyjob.backends.sqlite.store import SQLiteStore
from anyjob.backends.sqlite.tend import SLICE
from anyjob.backends.sqlite.transaction import enqueue_in
from anyjob.backends.sqlite.url import parse_url
from anyjob.backends.sqlite.watch import SQLiteWatch
from anyjob.backends.sqlite.weakness import findings
from anyjob.backends.sqlite.writer import Uncertain
from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    Finding,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import EnqueueUncertain, Misuse
from anyjob.core.failpoints import reach
from anyjob.core.names import checked_name
from anyjob.core.place import Place
from anyjob.core.seam import MAX_PAGE, check_count, check_envelopes, check_seconds, check_states
from anyjob.core.state import WAITING, State

MAX_BATCH = 1000
MAX_PAYLOAD = 64 * 1024 * 1024
_BROWSABLE = frozenset({State.READY, State.SCHEDULED, State.LEASED, State.DEAD})

_DECLARE = "UPDATE anyjob_queues SET declared=1 WHERE number=? AND declared=0"
_DECLARED = """
SELECT count(*) FROM anyjob_queues WHERE namespace=? AND declared=1
 AND name IN (SELECT value FROM json_each(?))"""
_PAUSE = "UPDATE anyjob_queues SET paused=? WHERE number=?"
_PAUSED = "SELECT name FROM anyjob_queues WHERE namespace=? AND paused=1"
_QUEUES = f"""
SELECT name FROM anyjob_queues WHERE namespace=? AND (declared=1 OR EXISTS (
  SELECT 1 FROM anyjob_jobs WHERE queue=number AND state BETWEEN 0 AND {DEAD}))
"""


def capabilities_of(synchronous: str) -> Capabilities:
    return Capabilities(
        product="sqlite",
        version=sqlite3.sqlite_version,
        reach="host",
        lease="timed",
        fencing="token",
        durability="os" if synchronous == "full" else "process",
        dedup="window",
        dedup_window=DEDUP_WINDOW,
        atomic_batch=True,
        max_batch=MAX_BATCH,
        atomic_children=True,
        transaction=True,
        delay="native",
        resolution=0.001,
        schedule_lag=0.05,
        priorities=10,
        low_share="native",
        order="fifo",
        redeliveries="exact",
        release="place",
        dead="native",
        counts="exact",
        browse="all",
        results="native",
        cancel="native",
        unique="native",
        pause="native",
        wait="poll",
        wakeup_lag=0.05,
        visibility_lag=0.0,
        redelivery_lag=5.0,
        max_payload=MAX_PAYLOAD,
    )


class SQLiteBackend(Backend):
    """Holds jobs in an SQLite file; several objects and processes may share it.

    URLs are `sqlite:///relative.db` and `sqlite:////absolute/path.db`; options are
    `?synchronous=full|normal`, `?allow_symlink=true`, `?allow_network=true` and `?adopt=true`.
    """

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._url = url
        self._location = parse_url(url)
        self._namespace = checked_name(namespace, "a namespace")
        self._database = Database(self._location, clock)
        self._space = Space(self._database, namespace)
        self._opened = False

    def __repr__(self) -> str:
        return f"SQLiteBackend({str(self._location.path)!r})"

    @property
    def commits(self) -> int:
        """Transactions that this object has committed."""
        return self._database.commits

    def open(self) -> None:
        if self._opened:
            self._database.check_open()
            return
        self._database.open()
        self._opened = True
        self.capabilities = capabilities_of(self._location.synchronous)

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._database.close()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        names = [checked_name(spec.name, "a queue's name") for spec in queues]
        self._check_open()

        def work(connection: sqlite3.Connection) -> None:
            for number in numbers_of(connection, self._namespace, names).values():
                connection.execute(_DECLARE, (number,))

        if names and not self._are_declared(names):
            self._database.write(work)

    def _are_declared(self, names: Sequence[str]) -> bool:
        """Only looks, as most times there is nothing to do, and the turn to write may be taken."""
        [(count,)] = self._database.read(_DECLARED, (self._namespace, array(sorted(set(names)))))
        return bool(count == len(set(names)))

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._check_open()
        check_envelopes(
            jobs,
            max_batch=MAX_BATCH,
            max_payload=MAX_PAYLOAD,
            known_queues=self._space.names(),
        )
        self._database.check_room()
        if transaction is not None:
            return enqueue_in(transaction, self._space, jobs)
        return self._enqueue(jobs) if jobs else []

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self._check_open()
        check_shares(queues)
        check_seconds(lease, "a lease", zero=False)
        return SQLiteConsumer(
            self._space, queues, lease=lease, max_batch=MAX_BATCH, max_payload=MAX_PAYLOAD
        )

    def maintain(self, budget: float) -> float:
        self._check_open()
        return keep_house(self._space, budget)

    def counts(self, queue: str) -> Counts:
        number = self._look_up(queue)
        return Counts(0, 0, 0, 0) if number is None else records.counts(self._space, number)

    def pause(self, queue: str) -> None:
        self._set_paused(queue, paused=True)

    def resume(self, queue: str) -> None:
        if self._look_up(queue) is not None:
            self._set_paused(queue, paused=False)

    def paused(self) -> set[str]:
        self._check_open()
        return {name for (name,) in self._database.read(_PAUSED, (self._namespace,))}

    def queues(self) -> set[str]:
        self._check_open()
        return {name for (name,) in self._database.read(_QUEUES, (self._namespace,))}

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        check_states([state], _BROWSABLE, "browse()")
        check_count(limit, "limit", MAX_PAGE)
        number = self._look_up(queue)
        if number is None:
            return Page([], None)
        return records.page(self._space, queue, number, State(state), cursor, limit)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        deadline = time.monotonic() + wait
        watch = self._database.watch()
        while True:
            if wait:
                self._check_open()
                watch.begin()
            found = self._find(queue, ids)
            over = any(record is None or record.state.is_terminal for record in found)
            left = deadline - time.monotonic()
            if over or not ids or left <= 0:
                return found
            watch.wait(deadline, self._is_closed)
            if self._is_closed():
                return found

    def watch(self) -> SQLiteWatch:
        self._check_open()
        return SQLiteWatch(self._database)

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        check_seconds(keep, "keep")
        number = self._look_up(queue)
        if number is None:
            return [CancelResult.UNKNOWN for _ in ids]
        results: list[CancelResult] = self._database.write(
            lambda connection: administration.cancel(connection, self._space, number, ids, keep)
        )
        return results

    def purge(self, queue: str, states: Collection[State]) -> int:
        check_states(states, WAITING, "purge()")
        stored = {NUMBER[State(state)] for state in states}
        return sum(self._remove_all(queue, state) for state in sorted(stored))

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, MAX_PAYLOAD)
        number = self._look_up(queue)
        if number is None:
            return 0
        if ids is None:
            return self._revive_all(number, edit or {})
        return sum(self._revive(number, some, edit or {}) for some in _slices(ids))

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        if ids is None:
            return self._remove_all(queue, DEAD)
        number = self._look_up(queue)
        if number is None:
            return 0
        return sum(self._discard(number, some) for some in _slices(ids))

    def store(self) -> SQLiteStore:
        return SQLiteStore(self._url, namespace=self._namespace, beside=self._space)

    def place(self) -> Place:
        return place_of(self._location)

    def weaknesses(self) -> list[Finding]:
        return findings(self._location)

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._database.report = report

    # Steps

    def _check_open(self) -> None:
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        self._database.check_open()

    def _is_closed(self) -> bool:
        return not self._database.is_open

    def _look_up(self, queue: str) -> int | None:
        """The number of a queue, brought up to the present; None if nobody ever used it."""
        checked_name(queue, "a queue's name")
        self._check_open()
        number = self._space.number(queue)
        if number is not None:
            bring_up(self._space, number)
        return number

    def _enqueue(self, jobs: Sequence[Envelope]) -> list[Receipt]:
        names = sorted({job.queue for job in jobs})
        numbers = self._space.numbers(names)
        lot = stock(jobs, numbers, self._space.clock)

        def work(connection: sqlite3.Connection) -> list[Receipt]:
            # Other numbers mean another file, which took the place of the one that was asked.
            now = self._space.numbers(names, connection)
            same = lot if now == numbers else stock(jobs, now, self._space.clock)
            receipts = insert(connection, same, self._space.clock)
            reach("sqlite.enqueue.before_commit")
            return receipts

        try:
            receipts: list[Receipt] = self._database.write(work, essential=False)
        except Uncertain as error:
            raise EnqueueUncertain(str(error), jobs) from error
        reach("sqlite.enqueue.after_commit")
        return receipts

    def _set_paused(self, queue: str, *, paused: bool) -> None:
        checked_name(queue, "a queue's name")
        self._check_open()

        def work(connection: sqlite3.Connection) -> None:
            number = numbers_of(connection, self._namespace, [queue])[queue]
            connection.execute(_PAUSE, (int(paused), number))

        self._database.write(work)

    def _find(self, queue: str, ids: Sequence[str]) -> list[JobRecord | None]:
        number = self._look_up(queue)
        if number is None:
            return [None for _ in ids]
        return records.find(self._space, queue, number, ids)

    def _remove_all(self, queue: str, state: int) -> int:
        number = self._look_up(queue)
        if number is None:
            return 0

        def work(connection: sqlite3.Connection) -> int:
            return administration.remove_slice(connection, number, state)

        removed = 0
        while (some := int(self._database.write(work))) == SLICE:
            removed += some
        return removed + some

    def _discard(self, number: int, ids: Sequence[str]) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return administration.discard(connection, number, ids)

        return int(self._database.write(work))

    def _revive(self, number: int, ids: Sequence[str], edit: Mapping[str, bytes]) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return administration.revive(connection, self._space, number, ids, edit)

        return int(self._database.write(work))

    def _revive_all(self, number: int, edit: Mapping[str, bytes]) -> int:
        def work(connection: sqlite3.Connection) -> tuple[int, tuple[int, ...] | None]:
            return administration.revive_slice(connection, self._space, number, after or (), edit)

        revived = 0
        after: tuple[int, ...] | None = (-1, -1)
        while after is not None:
            some, after = self._database.write(work)
            revived += some
        return revived


def _slices(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + SLICE] for start in range(0, len(ids), SLICE)]
