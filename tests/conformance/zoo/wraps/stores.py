"""Wrong about state beside the jobs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

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


class WrappedStore(Store):
    """Hands every call on to `inner`; a subclass has one defect."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> StoreCapabilities:  # type: ignore[override]
        return self.inner.capabilities

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        return self.inner.get(keys)

    def put(self, puts: Sequence[Put]) -> list[Written]:
        return self.inner.put(puts)

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        return self.inner.delete(deletes)

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        return self.inner.claim(claims)

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        return self.inner.unclaim(claims)

    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        return self.inner.create_sets(sets)

    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        return self.inner.settle_members(members)

    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        return self.inner.increment(amounts)

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        return self.inner.schedule(entries)

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        return self.inner.take_due(set, limit, lease)

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        return self.inner.settle_due(taken)

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        return self.inner.unschedule(entries)

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        self.inner.append(points, keep)

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        return self.inner.series(name, after, limit)

    def maintain(self, budget: float) -> float:
        return self.inner.maintain(budget)


class StripsKeys(WrappedStore):
    def put(self, puts: Sequence[Put]) -> list[Written]:
        return self.inner.put([replace(put, key=put.key.strip() or "_") for put in puts])


class IgnoresConditions(WrappedStore):
    def put(self, puts: Sequence[Put]) -> list[Written]:
        return self.inner.put([replace(put, if_absent=False, if_version=None) for put in puts])


class ReusesVersions(WrappedStore):
    def put(self, puts: Sequence[Put]) -> list[Written]:
        return [replace(each, version=1) for each in self.inner.put(puts)]


class KeepsForEver(WrappedStore):
    def put(self, puts: Sequence[Put]) -> list[Written]:
        return self.inner.put([replace(put, ttl=None) for put in puts])


class AnswersBackwards(WrappedStore):
    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        return self.inner.get(keys)[::-1]


class ClaimsForEverybody(WrappedStore):
    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        found = self.inner.claim(claims)
        return [
            replace(claim, granted=True, owner=wish.owner)
            for wish, claim in zip(claims, found, strict=True)
        ]


class OneFence(WrappedStore):
    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        return [replace(claim, fence=1) for claim in self.inner.claim(claims)]


class CountsRepeats(WrappedStore):
    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        settled = self.inner.settle_members(members)
        return [MemberSettled(True, each.remaining) for each in settled]


class LosesIncrements(WrappedStore):
    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        return self.inner.increment([(key, min(amount, 1)) for key, amount in amounts])


class DueEarly(WrappedStore):
    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        return self.inner.schedule([(set, id, due - 0.5, value) for set, id, due, value in entries])


class TakesForGood(WrappedStore):
    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        taken = self.inner.take_due(set, limit, lease)
        self.inner.settle_due(taken)
        return taken


class RepeatsPoints(WrappedStore):
    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        if after is not None:
            after = after[0], after[1] - 1
        return self.inner.series(name, after, limit)
