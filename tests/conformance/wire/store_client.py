"""The store at the near end of the line protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anyjob.backends.checks import (
    check_batch,
    check_claims,
    check_instant,
    check_keys,
    check_put,
    check_size,
    check_value,
)
from anyjob.core.clock import Clock
from anyjob.core.names import checked_name
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
    Written,
)
from tests.conformance.wire.connections import Connections
from tests.conformance.wire.protocol import MAX_PAYLOAD


class LineStore(Store):
    """Remembers state on a line-protocol server: `line://host:port`."""

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        checked_name(namespace, "a namespace")
        self._wire = Connections(url, namespace, "store", clock)

    def __repr__(self) -> str:
        return f"LineStore({self._wire!r})"

    def open(self) -> None:
        was_open = self._wire.is_open
        self._wire.open()
        try:
            if not was_open:
                self.capabilities = self._wire.ask("capabilities", reads=True)
        except BaseException:
            self._wire.close()
            raise

    def close(self) -> None:
        self._wire.close()

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        self._check(keys)
        found: list[Entry | None] = self._wire.ask("get", list(keys), reads=True)
        return found

    def put(self, puts: Sequence[Put]) -> list[Written]:
        self._check([put.key for put in puts])
        for put in puts:
            check_put(put, MAX_PAYLOAD)
        return self._write("put", puts)

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        self._check([delete.key for delete in deletes])
        return self._write("delete", deletes)

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        self._check([claim.key for claim in claims])
        check_claims(claims)
        return self._write("claim", claims)

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([key for key, _ in claims])
        return self._write("unclaim", claims)

    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([name for name, _ in sets])
        for name, size in sets:
            check_size(name, size)
        return self._write("create_sets", sets)

    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        self._check([member.set for member in members])
        return self._write("settle_members", members)

    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        self._check([key for key, _ in amounts])
        return self._write("increment", amounts)

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        self._check([name for name, _, _, _ in entries])
        check_keys([id for _, id, _, _ in entries])
        for _, _, due, value in entries:
            check_instant(due)
            check_value(value, MAX_PAYLOAD)
        return self._write("schedule", entries)

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        self._check([set])
        check_count(limit, "limit", self.capabilities.max_batch)
        check_seconds(lease, "a lease", zero=False)
        taken: list[Due] = self._wire.ask("take_due", set, limit, lease)
        return taken

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        self._check([due.set for due in taken])
        return self._write("settle_due", taken)

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        self._check([name for name, _ in entries])
        check_keys([id for _, id in entries])
        return self._write("unschedule", entries)

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        self._check([name for name, _ in points])
        check_seconds(keep, "keep")
        for _, value in points:
            check_value(value, MAX_PAYLOAD)
        self._wire.ask("append", list(points), keep)

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        self._check([name])
        check_count(limit, "limit", self.capabilities.max_batch)
        points: list[Point] = self._wire.ask("series", name, after, limit, reads=True)
        return points

    def maintain(self, budget: float) -> float:
        self._check([])
        return float(self._wire.ask("maintain", budget))

    def _check(self, keys: Sequence[str]) -> None:
        self._wire.check_open()
        check_batch(keys, self.capabilities.max_batch)
        check_keys(keys)

    def _write(self, verb: str, items: Sequence[Any]) -> list[Any]:
        answers: list[Any] = self._wire.ask(verb, list(items))
        return answers
