"""Leases, how they lapse, and the fence around them: LSE."""

from __future__ import annotations

import time

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import (
    assert_shown,
    assert_unknown,
    ended_together,
    was_lost,
)
from anyjob.conformance.example import shows
from anyjob.conformance.levels import fence_of
from anyjob.conformance.scene import Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.core.backend import Consumer
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Abandon, Answer, Bury, Complete, Lease, Release, Retry
from anyjob.core.state import State


class Leases(BackendProperties):
    """At most one live lease a job; what is lost changes nothing; what lapsed comes back."""

    @shows("LSE-1")
    def test_lse_1_lease_extended_in_time_never_lapses(self, scene: Scene) -> None:
        scene.put()
        owner, other = scene.consumer(), scene.consumer()
        lease = scene.one(owner)

        for _ in range(5):
            scene.pass_time(0.6 * scene.lease)
            assert owner.extend([lease], scene.lease) == []
            scene.assert_idle(other)

        assert scene.settle(owner, Complete(lease=lease)) == [Answer.DONE]

    @shows("LSE-2", clocks=("suite", "own"))
    def test_lse_2_nobody_gets_a_leased_job_before_its_lease_ends(self, scene: Scene) -> None:
        scene.put()
        owner, other = scene.consumer(), scene.consumer(backend=scene.fresh())
        began = time.monotonic()
        scene.one(owner)
        scene.assert_idle(other)

        scene.pass_time(0.5 * scene.lease)
        scene.assert_idle(other)
        left = scene.until_lapse(0.5 * scene.lease)
        again = scene.arrives(other, left + scene.capabilities.redelivery_lag)

        assert was_lost(scene, again, 1)
        if scene.clock is None and left:
            early = scene.lease - (time.monotonic() - began)
            assert early <= scene.capabilities.resolution, f"leased again {early:.3f} s early"

    @shows("LSE-2", moves_clock=True)
    def test_lse_2_nobody_gets_a_leased_job_at_the_last_instant(self, scene: Scene) -> None:
        scene.put()
        scene.one(scene.consumer())

        scene.pass_time(0.99 * scene.lease - scene.looks)

        scene.assert_idle(scene.consumer())

    @shows("LSE-3", clocks=("suite", "own"))
    def test_lse_3_lapsed_job_comes_back_to_an_idle_worker(self, scene: Scene) -> None:
        [job] = scene.put()
        owner, idle = scene.consumer(), scene.consumer()
        scene.one(owner)

        left = scene.until_lapse(scene.lease)
        again = scene.arrives(idle, left + scene.capabilities.redelivery_lag)

        assert (again.id, again.body) == (job.id, job.body)

    @shows("LSE-3")
    def test_lse_3_all_jobs_that_lapse_at_once_come_back_to_a_newcomer(self, scene: Scene) -> None:
        for count in (1, 25, 1000):
            jobs = scene.put(count)
            scene.take(scene.consumer(), count)

            scene.outlast()
            newcomer = scene.consumer(backend=scene.fresh(), worker="worker-2")
            again = scene.take(newcomer, count)

            assert sorted(lease.id for lease in again) == [job.id for job in jobs]
            assert {lease.redeliveries for lease in again} == {1}
            scene.complete(newcomer, *again)

    @shows("LSE-4")
    def test_lse_4_stale_settlement_leaves_the_owner_alone(self, scene: Scene) -> None:
        for kind in KINDS:
            first, stale, owner, current = _two_owners(scene)
            child = scene.job()
            late = settlement(kind, stale, note=b"of the stale owner", then=(child,))

            assert scene.settle(first, late) == [Answer.LEASE_LOST]

            assert_shown(scene, current, State.LEASED, note=b"", attempts=0)
            assert_unknown(scene, child)
            assert scene.settle(owner, Retry(lease=current, note=b"mine")) == [Answer.DONE]
            again = scene.one(owner)
            assert (again.attempt, again.redeliveries, again.note) == (2, 1, b"mine")
            scene.complete(owner, again)

    @shows("LSE-4")
    def test_lse_4_stale_settlement_leaves_a_later_state_alone(self, scene: Scene) -> None:
        for kind in KINDS:
            first, stale, owner, current = _two_owners(scene)
            scene.settle(owner, Bury(lease=current, reason="broken", note=b"mine"))

            late = settlement(kind, stale, note=b"late")
            assert scene.settle(first, late) == [Answer.LEASE_LOST]

            scene.assert_idle(owner)
            record = scene.record(current)
            assert record is not None
            assert (record.state, record.reason, record.note) == (State.DEAD, "broken", b"mine")

    @shows("LSE-4", needs="results")
    def test_lse_4_stale_settlement_leaves_a_result_alone(self, scene: Scene) -> None:
        for kind in KINDS:
            first, stale, owner, current = _two_owners(scene)
            scene.settle(owner, Complete(lease=current, outcome=b"mine", keep=scene.lease))

            late = settlement(kind, stale, outcome=b"late", keep=scene.lease)
            assert scene.settle(first, late) == [Answer.LEASE_LOST]

            record = scene.record(current)
            assert record is not None
            assert (record.state, record.outcome) == (State.SUCCEEDED, b"mine")

    @shows("LSE-5")
    def test_lse_5_stale_lease_is_reported_as_lost(self, scene: Scene) -> None:
        stale_owner, stale, owner, current = _two_owners(scene)

        assert scene.settle(stale_owner, Complete(lease=stale)) == [Answer.LEASE_LOST]
        assert stale_owner.extend([stale], scene.lease) == [stale]
        assert scene.settle(owner, Complete(lease=current)) == [Answer.DONE]
        assert scene.settle(stale_owner, Complete(lease=stale)) == [Answer.LEASE_LOST]

    @shows("LSE-6")
    def test_lse_6_late_extend_takes_no_job_back(self, scene: Scene) -> None:
        stale_owner, stale, owner, current = _two_owners(scene)

        assert stale_owner.extend([stale], 10 * scene.lease) == [stale]
        scene.outlast()
        third = scene.one(scene.consumer())

        assert third.redeliveries == 2
        assert scene.settle(owner, Complete(lease=current)) == [Answer.LEASE_LOST]

    @shows("LSE-6")
    def test_lse_6_late_extend_revives_no_settled_job(self, scene: Scene) -> None:
        scene.put(2)
        consumer = scene.consumer()
        done, buried = scene.take(consumer, 2)
        scene.settle(consumer, Complete(lease=done), Bury(lease=buried, reason="broken"))

        assert consumer.extend([done, buried], scene.lease) == [done, buried]

        assert scene.counted() == (0, 0, 0, 1)
        scene.outlast()
        scene.assert_idle(consumer)

    @shows("LSE-6")
    def test_lse_6_lapsed_lease_nobody_took_settles_or_is_lost(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)
        scene.elapse(scene.lease + scene.capabilities.resolution)

        answers = scene.settle(consumer, Complete(lease=lease))

        scene.outlast()
        again = scene.rest(consumer)
        outcome = (answers, [each.redeliveries for each in again])
        assert outcome in (([Answer.DONE], []), ([Answer.LEASE_LOST], [1]))

    @shows("LSE-7")
    def test_lse_7_recovery_needs_no_trace_of_the_dead_worker(self, scene: Scene) -> None:
        jobs = scene.put(3)
        dead = scene.fresh()
        scene.take(scene.consumer(backend=dead, worker="same-name"), 3)
        dead.close()

        namesake = scene.consumer(backend=scene.fresh(), worker="same-name")
        if scene.capabilities.lease == "timed":
            scene.assert_idle(namesake)
        scene.outlast()
        again = scene.take(namesake, 3)

        assert sorted(lease.id for lease in again) == [job.id for job in jobs]

    @shows("LSE-8")
    def test_lse_8_lost_lease_counts_one_redelivery_and_no_attempt(self, scene: Scene) -> None:
        [job] = scene.put(priority=8)
        consumer = scene.consumer()
        scene.settle(consumer, Retry(lease=scene.one(consumer), note=b"first error"))

        for lost in range(3):
            lease = scene.one(consumer)
            assert (lease.attempt, lease.note) == (2, b"first error")
            assert (lease.id, lease.body, lease.priority) == (job.id, job.body, 8)
            if scene.capabilities.redeliveries == "exact":
                assert lease.redeliveries == lost
            else:
                assert lease.redeliveries >= lost
            scene.outlast()

    @shows("LSE-8")
    def test_lse_8_abandoned_lease_counts_as_a_lost_one(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()

        assert scene.settle(consumer, Abandon(lease=scene.one(consumer))) == [Answer.DONE]
        again = scene.one(consumer)

        assert (again.attempt, again.redeliveries) == (1, 1)

    @shows("LSE-9")
    def test_lse_9_no_token_of_a_job_is_issued_twice(self, scene: Scene) -> None:
        scene.put()
        tokens: list[int] = []

        for _ in range(3):
            consumer = scene.consumer(backend=scene.fresh())
            for _ in range(3):
                lease = scene.one(consumer)
                tokens.append(lease.token)
                scene.settle(consumer, Release(lease=lease))
            tokens.append(scene.one(consumer).token)
            scene.outlast()

        assert len(set(tokens)) == len(tokens) == 12

    @shows("LSE-10", moves_clock=True)
    def test_lse_10_extended_lease_ends_that_long_from_now(self, scene: Scene) -> None:
        scene.put()
        owner, other = scene.consumer(), scene.consumer()
        lease = scene.one(owner)
        scene.pass_time(0.2 * scene.lease)

        assert owner.extend([lease], scene.lease) == []

        scene.pass_time(0.9 * scene.lease)
        scene.assert_idle(other)
        late = scene.until_lapse(0.1 * scene.lease) + scene.capabilities.redelivery_lag
        assert scene.arrives(other, late + scene.capabilities.resolution).redeliveries == 1

    @shows("LSE-10")
    def test_lse_10_extend_can_make_a_lease_shorter(self, scene: Scene) -> None:
        scene.put()
        owner, other = scene.consumer(), scene.consumer()

        assert owner.extend([scene.one(owner)], 0.1 * scene.lease) == []

        scene.outlast(0.1 * scene.lease)
        assert scene.one(other).redeliveries == 1

    @shows("LSE-10")
    def test_lse_10_lease_over_the_maximum_is_refused(self, scene: Scene) -> None:
        most = scene.capabilities.max_lease
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        if most is None:
            assert consumer.extend([lease], 365 * 86_400.0) == []
        else:
            assert consumer.extend([lease], most) == []
            with pytest.raises(UnsupportedCapability) as refusal:
                consumer.extend([lease], most + max(1.0, scene.capabilities.resolution))
            assert refusal.value.name == "max_lease"

    @shows("LSE-11")
    def test_lse_11_only_a_local_fence_ends_a_lease_before_its_time(self, scene: Scene) -> None:
        assert fence_of(scene) == scene.capabilities.fencing

    @shows("LSE-12")
    def test_lse_12_extend_names_the_lost_leases_and_extends_the_rest(self, scene: Scene) -> None:
        scene.put(1100)
        owner, other = scene.consumer(), scene.consumer()
        leases = scene.take(owner, 1100)
        lost = leases[::100]
        scene.complete(owner, *lost[:5])
        for lease in lost[5:]:
            scene.settle(owner, Release(lease=lease))
        retaken = scene.take(other, len(lost) - 5)

        scene.pass_time(0.5 * scene.lease)
        reported = owner.extend(leases, scene.lease)

        assert [lease.id for lease in reported] == [lease.id for lease in lost]
        scene.outlast(0.5 * scene.lease)
        back = {lease.id for lease in scene.rest(other)}
        assert back == {lease.id for lease in [*retaken, *ended_together(scene, leases, lost)]}


def _two_owners(scene: Scene) -> tuple[Consumer, Lease, Consumer, Lease]:
    """A job whose first owner lost it to a second: (first, its stale lease, second, the current
    lease).
    """
    [job] = scene.put()
    first, second = scene.consumer(worker="first"), scene.consumer(worker="second")
    stale = scene.one(first)
    scene.outlast()
    current = scene.one(second)
    assert stale.id == current.id == job.id
    return first, stale, second, current
