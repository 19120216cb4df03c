"""Counters: INC."""

from __future__ import annotations

from collections.abc import Callable

from anyjob.conformance.example import shows
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.store import Store


class Increments(StoreProperties):
    """Numbers that many add to."""

    @shows("INC-1")
    def test_inc_1_increments_of_many_at_once_add_up(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]

        values = at_once([_adding(stores[n % 2], 25) for n in range(6)])

        assert sorted(value for each in values for value in each) == list(range(1, 151))
        assert scene.store.increment([("count", 0)]) == [150]

    @shows("INC-1")
    def test_inc_1_batch_adds_in_its_order(self, scene: StoreScene) -> None:
        amounts = [("a", 5), ("b", 1), ("a", -7), ("a", 2)]

        assert scene.store.increment(amounts) == [5, 1, -2, 0]


def _adding(store: Store, times: int) -> Callable[[], list[int]]:
    return lambda: [store.increment([("count", 1)])[0] for _ in range(times)]
