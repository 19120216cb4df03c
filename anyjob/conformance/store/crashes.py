"""A store's clients that die, a bad wire in front of it, and outages: STO-1, STO-2, and what each
operation owes then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from anyjob.conformance.crash import crash_points
from anyjob.conformance.crash.outage import (
    CALLS_END,
    RECOVERED,
    blamed,
    empty,
    failed,
    on_own_server,
    standstill,
    survive,
)
from anyjob.conformance.crash.store_scenarios import OPERATIONS
from anyjob.conformance.crash.wireless import lose_answer, over_wire
from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.stage import SLACK, eventually
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import Background
from anyjob.conformance.wire import Proxy
from anyjob.core.errors import BackendError, BackendFull, BackendUnavailable
from anyjob.core.store import Claim, ClaimRequest, Delete, Member, MemberSettled, Put, Store

#: More values than any limit of a test has room for, and how large each is.
MANY, LARGE = 4_000, 16_384


class StoreCrashes(StoreProperties):
    """Each item is applied or not, and whoever asks again learns which."""

    @shows("STO-1", layer="crash")
    def test_sto_1_operation_cut_at_every_request_is_applied_whole_or_not_at_all(
        self, scene: StoreScene
    ) -> None:
        scene.evidence["points"] = crash_points(scene, OPERATIONS)
        if scene.store.capabilities.durability == "none":
            scene.status = "PASS(none)"

    @shows("STO-1", layer="crash")
    @over_wire
    def test_sto_1_lost_answer_is_uncertain_and_a_refusal_is_definite(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        lose_answer(proxy)
        with pytest.raises(BackendError) as doubt:
            store.put([Put("key", b"stored")])
        proxy.go_down()
        with pytest.raises(BackendUnavailable):
            store.put([Put("key", b"refused")])

        assert doubt.value.retryable
        assert not isinstance(doubt.value, BackendUnavailable | BackendFull)
        assert scene.value("key") == b"stored"

    @shows("CLM-4", layer="crash")
    @over_wire
    def test_clm_4_claim_that_lost_its_answer_is_the_same_when_asked_again(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        wish = ClaimRequest("key", "me", scene.ttl)
        lose_answer(proxy)
        with pytest.raises(BackendError):
            store.claim([wish])

        [first], [again] = store.claim([wish]), store.claim([wish])
        [other] = scene.store.claim([ClaimRequest("key", "other", scene.ttl)])

        assert (first.granted, first.owner) == (again.granted, again.owner) == (True, "me")
        assert first.fence == again.fence == other.fence
        assert not other.granted

    @shows("MEM-1", layer="crash", also=("MEM-2",))
    @over_wire
    def test_mem_1_member_whose_settlement_lost_its_answer_counts_once(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        store.create_sets([("set", 2)])
        for ordinal, left in ((0, 1), (1, 0)):
            lose_answer(proxy)
            with pytest.raises(BackendError):
                store.settle_members([Member("set", ordinal)])

            assert store.settle_members([Member("set", ordinal)]) == [MemberSettled(False, left)]

    @shows("MEM-2", layer="crash")
    @over_wire
    def test_mem_2_who_lost_the_last_answer_can_learn_that_the_set_is_complete(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        store.create_sets([("set", 1)])
        lose_answer(proxy)
        with pytest.raises(BackendError):
            store.settle_members([Member("set", 0)])

        [mine] = store.settle_members([Member("set", 0)])
        [theirs] = scene.store.settle_members([Member("set", 0)])

        assert mine == theirs == MemberSettled(changed=False, remaining=0)

    @shows("INC-1", layer="crash")
    @over_wire
    def test_inc_1_increment_that_lost_its_answer_is_uncertain_and_made_once(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        for expected in (5, 10):
            store.increment([("count", 0)])  # a new connection may say more than one request
            lose_answer(proxy)
            with pytest.raises(BackendError) as doubt:
                store.increment([("count", 5)])

            assert doubt.value.retryable
            assert not isinstance(doubt.value, BackendUnavailable)
            assert scene.store.increment([("count", 0)]) == [expected]

    @shows("SCH-2", layer="crash")
    @over_wire
    def test_sch_2_entry_whose_way_was_cut_is_hidden_and_comes_back(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        scene.store.schedule([("set", "id", scene.now(), b"value")])
        lose_answer(proxy)
        with pytest.raises(BackendError):
            store.take_due("set", 9, scene.ttl)

        assert scene.store.take_due("set", 9, scene.ttl) == []
        scene.pass_time(scene.ttl + scene.instant)
        [taken] = store.take_due("set", 9, scene.ttl)
        lose_answer(proxy)
        with pytest.raises(BackendError):
            store.settle_due([taken])

        assert store.settle_due([taken]) == [False]
        scene.pass_time(scene.ttl + scene.instant)
        assert scene.store.take_due("set", 9, scene.ttl) == []

    @shows("STO-2", layer="server", level="durability", also=("CLM-2",))
    def test_sto_2_what_was_acknowledged_survives_a_kill(self, scene: StoreScene) -> None:
        here = survive(scene, _a_day)

        with blamed(here):
            _assert_day_is_kept(here)

    @shows("CLM-2", layer="server", level="durability")
    def test_clm_2_fence_grows_over_a_kill(self, scene: StoreScene) -> None:
        here = on_own_server(scene)
        fences: list[int] = []
        for owner in ("one", "two", "three"):
            [claim] = here.store.claim([ClaimRequest("key", owner, here.ttl)])
            assert claim.granted
            fences.append(claim.fence)
            assert here.store.unclaim([("key", claim.fence)]) == [True]
            here.store.close()
            if here.server is not None:
                here.server.restart()
            here.use(here.client())

        assert fences == sorted(set(fences))

    @shows("STO-2", layer="server", level="durability")
    def test_sto_2_same_object_recovers_when_what_stood_still_is_gone(
        self, scene: StoreScene
    ) -> None:
        here = on_own_server(scene)
        store = here.fresh()
        calls = _every_call(store)

        with standstill(here):
            running = [Background(call) for call in calls]
            if here.server is not None or effort().tier != "quick":
                ended_badly = [failed(each) for each in running]
                assert all(ended_badly) or here.server is None

        # In the quick tier, those that wait for another process go on when that one is gone.
        for each in running:
            failed(each)
        assert eventually(partial(_passes, store), RECOVERED)

    @shows("STO-2", layer="server", level="durability")
    def test_sto_2_emptied_store_is_used_again(self, scene: StoreScene) -> None:
        here = on_own_server(scene)
        here.put("key", b"old")
        store = here.fresh()
        store.get(["key"])

        empty(here)

        assert eventually(partial(_passes, store), RECOVERED)
        assert store.get(["key"]) == [None]

    @shows("STO-2", layer="server", level="durability", hook="fill")
    def test_sto_2_full_store_takes_nothing_new_and_ends_what_runs(self, scene: StoreScene) -> None:
        here = on_own_server(scene)
        store = here.store
        here.put("key")
        store.create_sets([("set", 2)])
        store.schedule([("agenda", "id", here.now(), b"")])
        [claim] = store.claim([ClaimRequest("key", "owner", 10 * here.ttl)])
        taken = store.take_due("agenda", 9, 10 * here.ttl)

        with here.harness.fill(here.site):
            with pytest.raises(BackendFull) as full:
                _put_many(store)
            assert store.settle_members([Member("set", 0)]) == [MemberSettled(True, 1)]
            assert store.settle_due(taken) == [True]
            assert store.unclaim([("key", claim.fence)]) == [True]
            assert store.delete([Delete("key")])[0].done

        assert full.value.retryable
        assert eventually(partial(_passes, store), RECOVERED)

    @shows("STO-2", layer="crash")
    @over_wire
    def test_sto_2_calls_over_a_silent_wire_end_with_a_retryable_error(
        self, scene: StoreScene, proxy: Proxy
    ) -> None:
        store = scene.fresh(proxy=proxy)
        calls = _every_call(store)
        proxy.is_silent = True

        began = time.monotonic()
        ended_badly = [failed(each) for each in [Background(call) for call in calls]]

        assert all(ended_badly)
        assert time.monotonic() - began <= CALLS_END
        assert eventually(lambda: proxy.open_connections == 0, SLACK), "a socket stays open"
        proxy.heal()
        assert eventually(partial(_passes, store), RECOVERED)


def _a_day(scene: StoreScene, begin: Callable[[], None]) -> None:
    """Something of every kind; some of it is over when the kill comes."""
    store = scene.store
    store.put([Put("kept", b"kept"), Put("gone", b"gone")])
    store.delete([Delete("gone")])
    store.increment([("count", 3), ("count", 4)])
    store.create_sets([("set", 2)])
    store.settle_members([Member("set", 0)])
    store.schedule([("agenda", "id", scene.now(), b"value")])
    store.append([("series", b"1"), ("series", b"2")], keep=1000.0)
    store.claim([ClaimRequest("held", "owner", 100 * scene.ttl)])
    [given_up] = store.claim([ClaimRequest("free", "owner", 100 * scene.ttl)])
    store.unclaim([("free", given_up.fence)])
    store.put([Put("fence", b"%d" % given_up.fence)])


def _assert_day_is_kept(here: StoreScene) -> None:
    assert here.value("kept") == b"kept"
    assert here.value("gone") is None
    assert here.store.increment([("count", 0)]) == [7]
    assert here.store.settle_members([Member("set", 0)]) == [MemberSettled(False, 1)]
    assert here.store.settle_due(here.store.take_due("agenda", 9, here.ttl)) == [True]
    assert [point.value for point in here.store.series("series", None, 9)] == [b"1", b"2"]
    [held, free] = _claims(here.store)
    assert (held.granted, held.owner) == (False, "owner")
    assert free.granted
    [record] = here.store.get(["fence"])
    assert record is not None
    assert free.fence > int(record.value)


def _claims(store: Store) -> list[Claim]:
    return store.claim([ClaimRequest(key, "another", 60.0) for key in ("held", "free")])


def _every_call(store: Store) -> list[Callable[[], object]]:
    """A call of each sort that has to ask whatever holds the state."""
    return [
        lambda: store.put([Put("key", b"value")]),
        lambda: store.delete([Delete("key")]),
        lambda: store.claim([ClaimRequest("key", "me", 60.0)]),
        lambda: store.increment([("count", 1)]),
        lambda: store.take_due("set", 9, 60.0),
        lambda: store.append([("series", b"value")], 60.0),
        lambda: store.get(["key"]),
        lambda: store.series("series", None, 9),
    ]


def _passes(store: Store) -> bool:
    """Whether a value goes in and comes out."""
    try:
        store.put([Put("canary", b"canary")])
        [entry] = store.get(["canary"])
    except BackendError:
        return False
    return entry is not None and entry.value == b"canary"


def _put_many(store: Store) -> None:
    for number in range(MANY):
        store.put([Put(f"k{number}", bytes(LARGE))])
