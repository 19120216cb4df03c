"""Entries that come due: SCH."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.stage import assert_same, only
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.store import Due, Store

#: So many come due at once; the statement's own number when certifying.
MANY = effort().pick(3_000, 100_000)
LEASE = 30.0


class Schedules(StoreProperties):
    """What is due is taken by one, oldest first, and comes back if it is not settled."""

    @shows("SCH-1")
    def test_sch_1_due_entries_come_oldest_first_and_never_early(self, scene: StoreScene) -> None:
        now = scene.now()
        dues = {"c": 30.0, "a": 10.0, "d": 40.0, "b": 20.0, "past": -5.0}
        scene.store.schedule(
            [("set", id, now + scene.seconds(due), id.encode()) for id, due in dues.items()]
        )

        past = _take(scene)
        assert _ids(past) == ["past"]
        assert scene.store.settle_due(past) == [True]
        scene.pass_time(scene.seconds(10.0) - 2 * scene.instant)
        if scene.clock is not None:
            assert _take(scene) == []
        scene.pass_time(scene.seconds(20.0) + 4 * scene.instant)

        first, rest = _take(scene, 2), _take(scene, 10)
        assert [(due.id, due.value, due.set) for due in first] == [
            ("a", b"a", "set"),
            ("b", b"b", "set"),
        ]
        assert _ids(rest) == ["c"]
        assert abs(first[0].due - now - scene.seconds(10.0)) <= scene.instant

    @shows("SCH-2")
    def test_sch_2_taken_entry_is_hidden_until_its_lease_lapses(self, scene: StoreScene) -> None:
        lease = scene.seconds(LEASE)
        scene.store.schedule([("set", "id", 0.0, b"value")])
        stale = only(_take(scene, lease=lease))

        scene.pass_time(scene.nearly(lease))
        assert _take(scene, lease=lease) == []
        scene.pass_time(lease - scene.nearly(lease) + scene.instant)
        owned = only(_take(scene, lease=lease))

        assert (owned.id, owned.value) == ("id", b"value")
        assert owned.token != stale.token
        assert scene.store.settle_due([stale]) == [False]
        assert scene.store.settle_due([owned, owned]) == [True, False]
        scene.pass_time(2 * lease)
        assert _take(scene) == []

    @shows("SCH-3")
    def test_sch_3_one_id_is_in_a_set_once(self, scene: StoreScene) -> None:
        entries = [
            ("set", "id", 0.0, b"first"),
            ("set", "id", 1.0, b"second"),
            ("other", "id", 0.0, b""),
        ]

        assert scene.store.schedule(entries) == [True, False, True]
        assert scene.store.schedule(entries[:1]) == [False]

        due = only(_take(scene))
        assert due.value == b"first"
        assert scene.store.settle_due([due]) == [True]
        assert scene.store.schedule(entries[:1]) == [True]

    @shows("SCH-3")
    def test_sch_3_concurrent_takers_share_no_entry(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]
        ids = [f"id {n}" for n in range(200)]
        scene.store.schedule([("set", id, 0.0, b"") for id in ids])

        taken = at_once([_taking(stores[n % 2]) for n in range(4)])

        assert Counter(due.id for each in taken for due in each) == Counter(ids)

    @shows("SCH-4")
    def test_sch_4_many_due_at_once_leave_in_pages(self, scene: StoreScene) -> None:
        most = scene.store.capabilities.max_batch
        ids = [f"{n:06}" for n in range(MANY)]
        for start in range(0, MANY, most):
            lot = ids[start : start + most]
            assert all(scene.store.schedule([("set", id, 1.0, b"") for id in lot]))

        left: list[str] = []
        while taken := _take(scene, most):
            assert len(taken) <= most
            assert all(scene.store.settle_due(taken))
            left += _ids(taken)
            assert len(left) <= MANY

        assert_same(sorted(left), ids)

    @shows("SCH-4")
    def test_sch_4_removal_before_due_is_obeyed(self, scene: StoreScene) -> None:
        later = scene.now() + scene.seconds(10.0)
        scene.store.schedule([("set", id, later, b"") for id in ("kept", "removed")])

        assert scene.store.unschedule([("set", "removed"), ("set", "unknown")]) == [True, False]

        scene.pass_time(scene.seconds(10.0) + scene.instant)
        held = only(_take(scene))
        assert held.id == "kept"
        assert scene.store.unschedule([("set", "kept")]) == [False], "it is held"
        assert scene.store.settle_due([held]) == [True]


def _take(scene: StoreScene, limit: int = 100, lease: float = LEASE) -> list[Due]:
    return scene.store.take_due("set", limit, lease)


def _ids(entries: list[Due]) -> list[str]:
    return [due.id for due in entries]


def _taking(store: Store) -> Callable[[], list[Due]]:
    def take() -> list[Due]:
        mine: list[Due] = []
        while got := store.take_due("set", 7, LEASE):
            mine += got
            assert len(mine) <= 1000, "what was taken is due for ever"
        return mine

    return take
