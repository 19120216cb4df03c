"""The SQLite store: state beside the jobs, in the same file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from anyjob.backends.checks import (
    check_batch,
    check_claims,
    check_instant,
    check_keys,
    check_put,
    check_size,
    check_value,
)
from anyjob.backends.sqlite import agenda, tallies, values
from anyjob.backends.sqlite.database import Database
from anyjob.backends.sqlite.place import place_of
from anyjob.backends.sqlite.space import Space
from anyjob.backends.sqlite.tend import SLICE
from anyjob.backends.sqlite.url import parse_url
from anyjob.core.clock import Clock
from anyjob.core.errors import InvalidOption, Misuse
from anyjob.core.names import checked_name
from anyjob.core.place import Place
from anyjob.core.seam import check_count, check_seconds
from anyjob.core.store import (
    Claim,
    ClaimRequest,
    Delete,
    Due,
    Entry,
    Member,
    MemberSettled,
    Point,
    Put,
    Store,
    StoreCapabilities,
    Written,
)

MAX_BATCH = 1000
MAX_VALUE = 64 * 1024 * 1024
#: Seconds after which a sweep wants to be called again at the latest.
_IDLE = 1.0
#: The last instant that fits, far beyond any calendar.
_LAST_INSTANT = 2**63 / 1e6 - 1

_EXPIRED = "SELECT EXISTS (SELECT 1 FROM {table} WHERE until <= ?)"
_SWEEP = (
    "DELETE FROM {table} WHERE rowid IN"
    f" (SELECT rowid FROM {{table}} WHERE until <= ? LIMIT {SLICE})"
)
_SWEPT = ("anyjob_values", "anyjob_claims")

T = TypeVar("T")


class SQLiteStore(Store):
    """Remembers state in the file that its URL names; URLs are those of `SQLiteBackend`."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "anyjob",
        clock: Clock | None = None,
        beside: Space | None = None,
    ) -> None:
        """`beside` shares the connections of a backend on the same URL."""
        location = parse_url(url)
        checked_name(namespace, "a namespace")
        self._space = beside or Space(Database(location, clock), namespace)
        self._opened = False

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._space.database.location.path)!r})"

    def open(self) -> None:
        database = self._space.database
        if self._opened:
            database.check_open()
            return
        database.open()
        self._opened = True
        self.capabilities = StoreCapabilities(
            product="sqlite",
            version=sqlite3.sqlite_version,
            durability="os" if database.location.synchronous == "full" else "process",
            reach="host",
            max_value=MAX_VALUE,
            max_batch=MAX_BATCH,
            resolution=0.001,
        )

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._space.database.close()

    def place(self) -> Place:
        return place_of(self._space.database.location)

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        self._check(keys)
        return self._read(lambda connection: values.get(connection, self._space, keys))

    def put(self, puts: Sequence[Put]) -> list[Written]:
        self._check([put.key for put in puts])
        for put in puts:
            check_put(put, MAX_VALUE)
        return self._add(lambda connection: values.put(connection, self._space, puts))

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        self._check([delete.key for delete in deletes])
        return self._write(lambda connection: values.delete(connection, self._space, deletes))

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        self._check([claim.key for claim in claims])
        check_claims(claims)
        return self._write(lambda connection: values.claim(connection, self._space, claims))

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([key for key, _ in claims])
        return self._write(lambda connection: values.unclaim(connection, self._space, claims))

    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([name for name, _ in sets])
        for name, size in sets:
            check_size(name, size)
        return self._add(lambda connection: tallies.create_sets(connection, self._space, sets))

    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        self._check([member.set for member in members])
        return self._write(
            lambda connection: tallies.settle_members(connection, self._space, members)
        )

    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        self._check([key for key, _ in amounts])
        return self._write(lambda connection: tallies.increment(connection, self._space, amounts))

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        self._check([name for name, _, _, _ in entries])
        check_keys([id for _, id, _, _ in entries])
        for _, _, due, value in entries:
            check_instant(due)
            if abs(due) > _LAST_INSTANT:
                raise InvalidOption(f"expected due to be seconds since the epoch, got {due!r}")
            check_value(value, MAX_VALUE)
        return self._add(lambda connection: agenda.schedule(connection, self._space, entries))

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        self._check([set])
        check_count(limit, "limit", MAX_BATCH)
        check_seconds(lease, "a lease", zero=False)
        return self._write(
            lambda connection: agenda.take_due(connection, self._space, set, limit, lease)
        )

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        self._check([due.set for due in taken])
        return self._write(lambda connection: agenda.settle_due(connection, self._space, taken))

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        self._check([name for name, _ in entries])
        check_keys([id for _, id in entries])
        return self._write(lambda connection: agenda.unschedule(connection, self._space, entries))

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        self._check([name for name, _ in points])
        check_seconds(keep, "keep")
        for _, value in points:
            check_value(value, MAX_VALUE)
        self._add(lambda connection: agenda.append(connection, self._space, points, keep))

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        self._check([name])
        check_count(limit, "limit", MAX_BATCH)
        return self._read(
            lambda connection: agenda.series(connection, self._space, name, after, limit)
        )

    def maintain(self, budget: float) -> float:
        self._check([])
        deadline = time.monotonic() + budget
        for table in _SWEPT:
            while self._sweep(table):
                if time.monotonic() >= deadline:
                    return 0.0
        return _IDLE

    def _sweep(self, table: str) -> bool:
        """Drop a slice of what is past its time; whether there may be more."""
        now = (self._space.clock.steady(),)
        if not self._space.database.read(_EXPIRED.format(table=table), now)[0][0]:
            return False
        sweep = _SWEEP.format(table=table)
        return self._write(lambda connection: connection.execute(sweep, now).rowcount) >= SLICE

    def _check(self, keys: Sequence[str]) -> None:
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        self._space.database.check_open()
        check_batch(keys, MAX_BATCH)
        check_keys(keys)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._space.database.look(work)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what must pass on a full disk too."""
        result: T = self._space.database.write(work)
        return result

    def _add(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what a full disk refuses."""
        self._space.database.check_room()
        result: T = self._space.database.write(work, essential=False)
        return result
