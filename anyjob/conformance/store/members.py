"""Sets whose members are settled once each: MEM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.example import shows
from anyjob.conformance.stage import assert_same
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.errors import InvalidOption
from anyjob.core.store import Member, MemberSettled, Store

SIZE = 10_000


class Members(StoreProperties):
    """A countdown that no repeat can fool."""

    @shows("MEM-1")
    def test_mem_1_each_member_counts_down_once(self, scene: StoreScene) -> None:
        assert scene.store.create_sets([("set", 3), ("other", 1), ("set", 5)]) == [
            True,
            True,
            False,
        ]

        for ordinal, remaining in ((1, 2), (0, 1), (2, 0)):
            assert _settle(scene.store, ordinal) == MemberSettled(True, remaining)
            assert _settle(scene.store, ordinal) == MemberSettled(False, remaining)

        assert _settle(scene.store, 1) == MemberSettled(False, 0)

    @shows("MEM-1")
    def test_mem_1_repeats_inside_one_batch_count_once(self, scene: StoreScene) -> None:
        scene.store.create_sets([("set", 2), ("other", 2)])
        batch = [Member("set", 0), Member("other", 1), Member("set", 0), Member("set", 1)]

        settled = scene.store.settle_members(batch)

        found = [(each.changed, each.remaining) for each in settled]
        assert found == [(True, 1), (True, 1), (False, 1), (True, 0)]

    @shows("MEM-2")
    def test_mem_2_one_of_many_at_once_sees_the_set_completed(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]
        scene.store.create_sets([("set", 12)])

        settled = at_once([_settling(stores[n % 2], n % 12) for n in range(24)])

        assert settled.count(MemberSettled(True, 0)) == 1
        assert sum(each.changed for each in settled) == 12
        assert {_settle(store, 3) for store in stores} == {MemberSettled(False, 0)}

    @shows("MEM-3")
    def test_mem_3_unknown_sets_and_ordinals_are_refused(self, scene: StoreScene) -> None:
        scene.store.create_sets([("set", 2)])

        for wrong in (Member("unknown", 0), Member("set", 2), Member("set", -1)):
            with pytest.raises(InvalidOption):
                scene.store.settle_members([Member("set", 0), wrong])

        assert _settle(scene.store, 0) == MemberSettled(True, 1), "a refused batch had an effect"

    @shows("MEM-3")
    def test_mem_3_large_set_counts_down_to_its_end(self, scene: StoreScene) -> None:
        scene.store.create_sets([("set", SIZE)])
        most = scene.store.capabilities.max_batch
        remaining: list[int] = []

        for start in range(0, SIZE, most):
            lot = [Member("set", n) for n in range(start, min(start + most, SIZE))]
            remaining += [each.remaining for each in scene.store.settle_members(lot)]

        assert_same(remaining, range(SIZE - 1, -1, -1))


def _settle(store: Store, ordinal: int) -> MemberSettled:
    return store.settle_members([Member("set", ordinal)])[0]


def _settling(store: Store, ordinal: int) -> Callable[[], MemberSettled]:
    return lambda: _settle(store, ordinal)
