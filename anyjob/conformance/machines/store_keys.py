"""The machine of a store's keys: values, claims, counters, sets and series, over two
connections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from anyjob.conformance.machines.base import StoreMachine
from anyjob.conformance.machines.store_model import SeriesModel, Slot
from anyjob.conformance.store_scene import TTL
from anyjob.core.errors import InvalidOption
from anyjob.core.store import ClaimRequest, Delete, Member, MemberSettled, Put

SITUATIONS: dict[str, str | None] = {
    "a value expired and its key was written anew": None,
    "a key was deleted and written anew": None,
    "a writer came with an old version": None,
    "one batch wrote one key twice": None,
    "a lapsed claim was taken by another": None,
    "a former owner came back": None,
    "a member was settled twice": None,
    "a set was completed": None,
    "a series was read in parts": None,
}

#: Such as a careless separator, pattern or collation would take for one another.
KEYS = ["a", "A", "a\0", "a%", "k" * 512]
OWNERS = ["me", "you"]
WHO = st.integers(0, 1)
KEY = st.sampled_from(KEYS[:2] + KEYS)
TTLS = st.sampled_from([None, None, TTL, TTL / 3, 2 * TTL])
#: How far back in the versions of a key, the present one first; None asks for none.
VERSIONS = st.sampled_from([None, None, 0, 0, 1, 2, 5])
#: Sizes, because a drawn value would be printed whole.
PUT = st.tuples(KEY, st.sampled_from([8, 8, 0, 1, 65_537]), TTLS, VERSIONS, st.booleans())
SPANS = st.sampled_from([0.001, TTL / 3, TTL / 2, TTL, TTL + 1.0])
NAMES = st.sampled_from(["red", "blue"])
#: Key, size, ttl, version, if it must be absent.
NewValue = tuple[str, int, float | None, int | None, bool]
AMOUNTS = st.sampled_from([1, 1, 0, -3, 2**40])


class StoreKeysMachine(StoreMachine):
    """All that may happen to a few keys, in any order."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        eps = self.scene.store.capabilities.resolution
        self.values = {key: Slot(self.clock.monotonic, eps) for key in KEYS}
        self.claims = {key: Slot(self.clock.monotonic, eps) for key in KEYS}
        self.counters: Counter[str] = Counter()
        #: By set: its size, and what is open.
        self.sets: dict[str, tuple[int, set[int]]] = {}
        self.series = {key: SeriesModel(self.clock.time, eps) for key in KEYS[:2]}
        #: By series: after how many points its reader stands, and after which.
        self.readers: dict[str, tuple[int, tuple[float, int] | None]] = {}
        self.deleted: set[str] = set()
        self.made = 0

    # Values

    @rule(who=WHO, puts=st.lists(PUT, min_size=1, max_size=4))
    def put(self, who: int, puts: Sequence[NewValue]) -> None:
        wishes = [self._put(*put) for put in puts]
        keys = [put.key for put in wishes]
        self.marks["one batch wrote one key twice"] += len(set(keys)) < len(keys)

        answers = self.stores[who].put(wishes)

        assert len(answers) == len(wishes)
        for put, written in zip(wishes, answers, strict=True):
            slot = self.values[put.key]
            expired = slot.is_expired()
            slot.put(put, written)
            self.marks["a value expired and its key was written anew"] += expired and written.done
            self.marks["a key was deleted and written anew"] += (
                put.key in self.deleted and written.done
            )
            if written.done:
                self.deleted.discard(put.key)

    @rule(who=WHO, picks=st.lists(st.tuples(KEY, VERSIONS), min_size=1, max_size=3))
    def delete(self, who: int, picks: Sequence[tuple[str, int | None]]) -> None:
        wishes = [Delete(key, if_version=self._version(key, back)) for key, back in picks]

        answers = self.stores[who].delete(wishes)

        for delete, written in zip(wishes, answers, strict=True):
            self.values[delete.key].delete(delete, written)
            if written.done:
                self.deleted.add(delete.key)

    @rule(who=WHO, puts=st.tuples(PUT, PUT), seconds=SPANS, back=VERSIONS)
    def rewrite(
        self, who: int, puts: tuple[NewValue, NewValue], seconds: float, back: int | None
    ) -> None:
        """One key is written, and later written and deleted from the other connection."""
        first, second = puts
        key = first[0]
        self.put(who, [first])
        self.advance(seconds)
        self.put(1 - who, [(key, *second[1:])])
        self.get(who, [key])
        self.delete(who, [(key, back)])

    @rule(who=WHO, keys=st.lists(KEY, max_size=6))
    def get(self, who: int, keys: list[str]) -> None:
        for key, entry in zip(keys, self.stores[who].get(keys), strict=True):
            self.values[key].read(entry)

    # Claims

    @rule(
        who=WHO,
        wishes=st.lists(
            st.tuples(KEY, st.sampled_from(OWNERS), st.sampled_from([TTL, TTL / 3])),
            min_size=1,
            max_size=3,
        ),
    )
    def claim(self, who: int, wishes: Sequence[tuple[str, str, float]]) -> None:
        requests = [ClaimRequest(*wish) for wish in wishes]

        claims = self.stores[who].claim(requests)

        for wish, claim in zip(requests, claims, strict=True):
            slot = self.claims[wish.key]
            lapsed, before = slot.is_expired(), slot.numbers[-1:]
            slot.claim(wish, claim)
            self.marks["a lapsed claim was taken by another"] += (
                lapsed and claim.granted and before != slot.numbers[-1:]
            )

    @rule(who=WHO, picks=st.lists(st.tuples(KEY, st.integers(0, 3)), min_size=1, max_size=3))
    def unclaim(self, who: int, picks: Sequence[tuple[str, int]]) -> None:
        pairs = [(key, self._number(self.claims[key], back)) for key, back in picks]
        for key, fence in pairs:
            self.marks["a former owner came back"] += fence in self.claims[key].numbers[:-1]

        answers = self.stores[who].unclaim(pairs)

        for (key, fence), done in zip(pairs, answers, strict=True):
            self.claims[key].unclaim(fence, done)

    @rule(who=WHO, key=KEY)
    def take_over(self, who: int, key: str) -> None:
        """One claim lapses, another owner takes the key, and the first one comes back."""
        self.claim(who, [(key, "me", TTL)])
        self.advance(TTL + 1.0)
        self.claim(1 - who, [(key, "you", TTL)])
        self.unclaim(who, [(key, 1)])
        self.claim(who, [(key, "me", TTL)])

    # Counters and sets

    @rule(who=WHO, amounts=st.lists(st.tuples(KEY, AMOUNTS), min_size=1, max_size=4))
    def increment(self, who: int, amounts: list[tuple[str, int]]) -> None:
        for (key, amount), value in zip(amounts, self.stores[who].increment(amounts), strict=True):
            self.counters[key] += amount
            assert value == self.counters[key]

    @rule(who=WHO, sets=st.lists(st.tuples(NAMES, st.integers(1, 4)), min_size=1, max_size=2))
    def create_sets(self, who: int, sets: list[tuple[str, int]]) -> None:
        for (name, size), made in zip(sets, self.stores[who].create_sets(sets), strict=True):
            assert made is (name not in self.sets)
            self.sets.setdefault(name, (size, set(range(size))))

    @precondition(lambda self: self.sets)
    @rule(who=WHO, picks=st.lists(st.tuples(NAMES, st.integers(0, 3)), min_size=1, max_size=5))
    def settle_members(self, who: int, picks: list[tuple[str, int]]) -> None:
        members = [
            Member(name, ordinal % self.sets[name][0])
            for name, ordinal in picks
            if name in self.sets
        ]

        answers = self.stores[who].settle_members(members)

        for member, settled in zip(members, answers, strict=True):
            opened = self.sets[member.set][1]
            changed = member.ordinal in opened
            opened.discard(member.ordinal)
            assert settled == MemberSettled(changed, len(opened))
            self.marks["a member was settled twice"] += not changed
            self.marks["a set was completed"] += changed and not opened

    @precondition(lambda self: self.sets)
    @rule(who=WHO, name=NAMES)
    def settle_what_is_not_there(self, who: int, name: str) -> None:
        size = self.sets[name][0] if name in self.sets else 0
        known = [Member(each, 0) for each in self.sets]

        with pytest.raises(InvalidOption):
            self.stores[who].settle_members([*known, Member(name, size)])

    # Series

    @rule(
        who=WHO,
        names=st.lists(st.sampled_from(KEYS[:2]), min_size=1, max_size=4),
        keep=st.sampled_from([10 * TTL, 10 * TTL, TTL]),
    )
    def append(self, who: int, names: list[str], keep: float) -> None:
        points = [(name, self._bytes(8)) for name in names]

        self.stores[who].append(points, keep)

        for name, value in points:
            self.series[name].append(value, keep)

    @rule(
        who=WHO,
        name=st.sampled_from(KEYS[:2]),
        limit=st.integers(1, 4),
        again=st.sampled_from([False, False, True]),
    )
    def read_on(self, who: int, name: str, limit: int, again: bool) -> None:
        start, after = (0, None) if again else self.readers.get(name, (0, None))

        points = self.stores[who].series(name, after, limit)

        end = self.series[name].read(start, limit, points)
        if points:
            self.readers[name] = end, (points[-1].at, points[-1].sequence)
            self.marks["a series was read in parts"] += after is not None

    # Time

    @rule(seconds=SPANS)
    def advance(self, seconds: float) -> None:
        self.scene.elapse(seconds)

    @rule(who=WHO)
    def maintain(self, who: int) -> None:
        assert self.stores[who].maintain(0.05) >= 0

    # The end

    def come_to_rest(self) -> None:
        self.scene.pass_time(2 * TTL + 1.0)
        self.get(1, KEYS)
        self.increment(0, [(key, 0) for key in KEYS])
        for name, (size, _) in self.sets.items():
            self.settle_members(0, [(name, ordinal) for ordinal in range(size)])
        for name in self.series:
            while self.readers.get(name, (0, None))[0] < len(self.series[name].points):
                self.read_on(0, name, 4, again=False)

    # Steps

    def _put(
        self, key: str, size: int, ttl: float | None, back: int | None, if_absent: bool
    ) -> Put:
        version = self._version(key, back)
        self.marks["a writer came with an old version"] += bool(version is not None and back)
        return Put(
            key,
            self._bytes(size),
            ttl=ttl,
            if_version=version,
            if_absent=if_absent and version is None,
        )

    def _version(self, key: str, back: int | None) -> int | None:
        return None if back is None else self._number(self.values[key], back)

    def _number(self, slot: Slot, back: int) -> int:
        """A number that was given for the key, so far back; one that never was if there is none."""
        return slot.numbers[-1 - back] if back < len(slot.numbers) else 2**40 + back

    def _bytes(self, size: int) -> bytes:
        self.made += 1
        return (b"%06d\x00\xff" % self.made).ljust(size, b"\x00")[:size]
