"""The machine of a store's schedules: entries that come due, are taken for a time, and settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from anyjob.conformance.machines.base import StoreMachine
from anyjob.core.store import Due

SITUATIONS: dict[str, str | None] = {
    "an id was added twice": None,
    "an id was added again while it was taken": None,
    "an entry was removed before it was due": None,
    "one that is held was to be removed": None,
    "a lapsed entry was taken again": None,
    "a stale settle was sent": None,
    "a page left entries over": None,
    "nothing was due yet": None,
}

LEASE = 20.0
SETS = ["minute", "Minute"]
IDS = ["a", "A", "a\0", "b", "c", "d"]
WHO = st.integers(0, 1)
SET = st.sampled_from(SETS[:1] * 2 + SETS)
ENTRY = st.tuples(SET, st.sampled_from(IDS))
#: Seconds from now; what is past is due at once.
DUES = st.sampled_from([-5.0, 0.0, 0.0004, 1.0, 1.0, 5.0, LEASE])
NEW = st.tuples(SET, st.sampled_from(IDS), DUES)
SPANS = st.sampled_from([0.0002, 0.5, 1.0, 5.0, LEASE + 0.01])


@dataclass
class Entry:
    """What is in a set, and who holds it until when."""

    due: float
    value: bytes
    token: int | None = None
    until: float = float("-inf")


@dataclass
class Slot:
    """One id of one set: what is there, and all that was ever taken of it."""

    entry: Entry | None = None
    taken: list[Due] = field(default_factory=list)


class StoreScheduleMachine(StoreMachine):
    """A few ids in two sets, added, taken, settled and removed from two connections."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        self.eps = self.scene.store.capabilities.resolution
        self.slots = {(set_, id_): Slot() for set_ in SETS for id_ in IDS}
        self.made = 0

    @initialize(entries=st.lists(NEW, min_size=2, max_size=6))
    def begin(self, entries: Sequence[tuple[str, str, float]]) -> None:
        self.schedule(0, entries)

    @rule(who=WHO, entries=st.lists(NEW, min_size=1, max_size=5))
    def schedule(self, who: int, entries: Sequence[tuple[str, str, float]]) -> None:
        now = self.clock.time()
        wishes = [(set_, id_, now + due, self._value()) for set_, id_, due in entries]

        added = self.stores[who].schedule(wishes)

        assert len(added) == len(wishes)
        for (set_, id_, due, value), done in zip(wishes, added, strict=True):
            slot = self.slots[set_, id_]
            assert done is (slot.entry is None), f"{id_!r} added: {done}, over {slot.entry}"
            if slot.entry is None:
                slot.entry = Entry(due, value)
                continue
            self.marks["an id was added twice"] += 1
            self.marks["an id was added again while it was taken"] += self._is_held(slot.entry)

    @rule(who=WHO, set_=SET, limit=st.integers(1, 5), lease=st.sampled_from([LEASE, 3 * LEASE]))
    def take(self, who: int, set_: str, limit: int, lease: float) -> None:
        self._take(who, set_, limit, lease)

    @rule(who=WHO, set_=SET, picks=st.lists(st.integers(0, 3), min_size=1, max_size=3))
    def work(self, who: int, set_: str, picks: list[int]) -> None:
        """What a scheduler does all day: take, and settle most of what was taken."""
        taken = self._take(who, set_, 4, LEASE)
        self._settle(who, [taken[pick % len(taken)] for pick in dict.fromkeys(picks) if taken])

    @rule(who=WHO, entry=ENTRY, backs=st.lists(st.integers(0, 2), min_size=1, max_size=3))
    def settle(self, who: int, entry: tuple[str, str], backs: list[int]) -> None:
        """By the newest hold of an entry, and by older ones."""
        taken = self.slots[entry].taken
        self._settle(who, [taken[-1 - back] for back in backs if back < len(taken)])

    @rule(who=WHO, set_=SET)
    def overtake(self, who: int, set_: str) -> None:
        """What one took lapses, another takes it, and the first one settles and would remove it."""
        taken = self._take(who, set_, 3, LEASE)
        self._advance(LEASE + 0.01)
        again = self._take(1 - who, set_, 10, LEASE)
        self._settle(who, taken)
        self.unschedule(who, [(set_, due.id) for due in again])
        self.schedule(who, [(set_, due.id, 0.0) for due in again])

    @rule(who=WHO, entries=st.lists(ENTRY, min_size=1, max_size=4))
    def unschedule(self, who: int, entries: Sequence[tuple[str, str]]) -> None:
        removed = self.stores[who].unschedule(entries)

        assert len(removed) == len(entries)
        for entry, done in zip(entries, removed, strict=True):
            slot = self.slots[entry]
            found = slot.entry
            if found is None:
                assert not done, f"{entry} was removed, though it was not there"
                continue
            self.marks["one that is held was to be removed"] += self._is_held(found)
            self.marks["an entry was removed before it was due"] += (
                done and found.due > self.clock.time()
            )
            assert done or not self._is_free(found), f"{entry} was not removed, though it is free"
            assert not done or not self._is_held(found), f"{entry} was removed under its holder"
            slot.entry = None if done else found

    @rule(seconds=SPANS)
    def advance(self, seconds: float) -> None:
        self._advance(seconds)

    @rule(who=WHO)
    def maintain(self, who: int) -> None:
        assert self.stores[who].maintain(0.05) >= 0

    @precondition(lambda self: all(slot.entry is None for slot in self.slots.values()))
    @rule(set_=SET)
    def find_nothing(self, set_: str) -> None:
        assert self.stores[0].take_due(set_, 5, LEASE) == []

    def come_to_rest(self) -> None:
        self._advance(4 * LEASE)
        for set_ in SETS:
            while taken := self._take(0, set_, 3, LEASE):
                self._settle(1, taken)
        left = [key for key, slot in self.slots.items() if slot.entry is not None]
        assert not left, f"lost: {left}"

    # Steps

    def _take(self, who: int, set_: str, limit: int, lease: float) -> list[Due]:
        slots = {id_: slot for (each, id_), slot in self.slots.items() if each == set_}
        free = {
            id_: slot.entry
            for id_, slot in slots.items()
            if slot.entry is not None and self._must_be_taken(slot.entry)
        }

        taken = self.stores[who].take_due(set_, limit, lease)

        assert len(taken) <= limit
        assert len({due.id for due in taken}) == len(taken), "one entry twice in a page"
        left = {id_: entry for id_, entry in free.items() if id_ not in {due.id for due in taken}}
        assert len(taken) == limit or not left, f"{len(left)} due entries were not taken"
        self.marks["a page left entries over"] += bool(left)
        self.marks["nothing was due yet"] += not taken and any(s.entry for s in slots.values())
        dues = [due.due for due in taken]
        assert dues == sorted(dues), "not the oldest due first"
        late = [entry.due for entry in left.values() if dues and entry.due < dues[-1] - self.eps]
        assert not late, f"{len(late)} that were due earlier were passed over"
        for due in taken:
            self._hold(slots[due.id], set_, due, lease)
        return taken

    def _hold(self, slot: Slot, set_: str, due: Due, lease: float) -> None:
        entry = slot.entry
        assert entry is not None, f"{due.id!r} is gone, or never was"
        assert self._may_be_taken(entry), f"{due.id!r} was taken early, or from its holder"
        assert (due.set, due.value) == (set_, entry.value)
        assert abs(due.due - entry.due) <= self.eps
        assert due.token not in {old.token for old in slot.taken}, "a token was issued twice"
        self.marks["a lapsed entry was taken again"] += entry.token is not None
        entry.token, entry.until = due.token, self.clock.time() + lease
        slot.taken.append(due)

    def _settle(self, who: int, taken: Sequence[Due]) -> None:
        answers = self.stores[who].settle_due(taken)

        assert len(answers) == len(taken)
        for due, done in zip(taken, answers, strict=True):
            slot = self.slots[due.set, due.id]
            current = slot.entry is not None and slot.entry.token == due.token
            self.marks["a stale settle was sent"] += not current
            assert current or not done, f"{due.id!r} was settled by a stale token"
            if slot.entry is not None and current:
                # One that lapsed and that nobody took may be settled or lost.
                assert done or not self._is_held(slot.entry), f"{due.id!r} was lost to its holder"
                slot.entry = None if done else slot.entry

    def _advance(self, seconds: float) -> None:
        self.scene.elapse(seconds)

    def _is_held(self, entry: Entry) -> bool:
        return self.clock.time() < entry.until - self.eps

    def _is_free(self, entry: Entry) -> bool:
        return self.clock.time() > entry.until + self.eps

    def _may_be_taken(self, entry: Entry) -> bool:
        return not self._is_held(entry) and self.clock.time() >= entry.due - self.eps / 2

    def _must_be_taken(self, entry: Entry) -> bool:
        return self._is_free(entry) and self.clock.time() >= entry.due + self.eps

    def _value(self) -> bytes:
        self.made += 1
        return b"%d\x00\xff" % self.made
