"""Owning a key for a time: CLM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.example import shows
from anyjob.conformance.stage import only
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.errors import InvalidOption
from anyjob.core.store import Claim, ClaimRequest, Store


class Claims(StoreProperties):
    """One live owner each, under a number that only grows."""

    @shows("CLM-1")
    def test_clm_1_loser_learns_the_owner_and_the_time_left(self, scene: StoreScene) -> None:
        mine = _claim(scene, "me")
        assert (mine.granted, mine.owner) == (True, "me")
        assert abs(mine.left - scene.ttl) <= _slack(scene)

        scene.pass_time(0.4 * scene.ttl)
        yours = _claim(scene, "you")

        assert (yours.granted, yours.owner, yours.fence) == (False, "me", mine.fence)
        assert abs(yours.left - 0.6 * scene.ttl) <= _slack(scene)

    @shows("CLM-1")
    def test_clm_1_owner_that_nobody_could_write_down_is_refused(self, scene: StoreScene) -> None:
        with pytest.raises(InvalidOption):
            _claim(scene, "half a surrogate pair: \udc80")

        assert _claim(scene, "me").granted

    @shows("CLM-1")
    def test_clm_1_one_of_many_claimants_at_once_owns(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]
        for round_ in range(5):
            key = f"round {round_}"

            claims = at_once(
                [_claiming(stores[n % 2], ClaimRequest(key, f"w{n}", 60.0)) for n in range(6)]
            )

            winner = only([claim for claim in claims if claim.granted])
            assert {claim.owner for claim in claims} == {winner.owner}
            assert {claim.fence for claim in claims} == {winner.fence}

    @shows("CLM-2")
    def test_clm_2_fence_grows_with_every_new_ownership(self, scene: StoreScene) -> None:
        fences = []
        for _ in range(2):
            first = _claim(scene, "first")
            assert scene.store.unclaim([("key", first.fence)]) == [True]
            second = _claim(scene, "second")
            scene.pass_time(scene.ttl + scene.instant)
            third = _claim(scene, "third")
            scene.pass_time(3 * scene.ttl)
            assert all(claim.granted for claim in (first, second, third))
            fences += [first.fence, second.fence, third.fence]

        assert fences == sorted(set(fences))

    @shows("CLM-2", level="durability")
    def test_clm_2_fence_grows_over_a_restart(self, scene: StoreScene) -> None:
        before = _claim(scene, "me")

        scene.store.close()
        scene.store = scene.fresh()

        assert _claim(scene, "you").owner == "me"
        scene.store.unclaim([("key", before.fence)])
        assert _claim(scene, "you").fence > before.fence

    @shows("CLM-3")
    def test_clm_3_owner_renews_in_time(self, scene: StoreScene) -> None:
        first = _claim(scene, "me")

        for _ in range(4):
            scene.pass_time(0.7 * scene.ttl)
            renewed = _claim(scene, "me")
            assert (renewed.granted, renewed.fence) == (True, first.fence)
            assert abs(renewed.left - scene.ttl) <= _slack(scene)

    @shows("CLM-3")
    def test_clm_3_claim_that_is_over_cannot_be_given_up(self, scene: StoreScene) -> None:
        mine = _claim(scene, "me")
        scene.elapse(scene.ttl + scene.instant)

        assert scene.store.unclaim([("key", mine.fence)]) == [False]

    @shows("CLM-3")
    def test_clm_3_former_owner_changes_nothing(self, scene: StoreScene) -> None:
        former = _claim(scene, "former")
        scene.pass_time(scene.ttl + scene.instant)
        owner = _claim(scene, "owner")
        assert owner.granted

        late = _claim(scene, "former")

        assert (late.granted, late.owner, late.fence) == (False, "owner", owner.fence)
        assert scene.store.unclaim([("key", former.fence), ("none", 1)]) == [False, False]
        assert _claim(scene, "owner").fence == owner.fence

    @shows("CLM-4")
    def test_clm_4_claim_asked_again_is_the_same_claim(self, scene: StoreScene) -> None:
        elsewhere = scene.fresh()
        first = _claim(scene, "me")

        [again] = elsewhere.claim([ClaimRequest("key", "me", scene.ttl)])
        batch = scene.store.claim(
            [ClaimRequest("key", who, scene.ttl) for who in ("me", "you", "me")]
        )

        assert (again.granted, again.owner, again.fence) == (True, "me", first.fence)
        assert [claim.granted for claim in batch] == [True, False, True]
        assert {claim.fence for claim in batch} == {first.fence}


def _claim(scene: StoreScene, owner: str) -> Claim:
    [claim] = scene.store.claim([ClaimRequest("key", owner, scene.ttl)])
    return claim


def _claiming(store: Store, request: ClaimRequest) -> Callable[[], Claim]:
    return lambda: store.claim([request])[0]


def _slack(scene: StoreScene) -> float:
    return scene.instant if scene.clock is not None else 0.2 * scene.ttl
