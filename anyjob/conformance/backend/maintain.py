"""Promoting, reaping and sweeping: MNT."""

from __future__ import annotations

import time
from functools import partial

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import SLACK, assert_same
from anyjob.conformance.threads import at_once

#: So many items pass through maintenance at once; the statement's own number when certifying.
MANY = effort().pick(3_000, 100_000)
#: More calls than any backend could want for one job in a minute.
CALLS = 10_000


class Maintain(BackendProperties):
    """Anybody may do it, at any time, as often as they like."""

    @shows("MNT-1", needs="delay")
    def test_mnt_1_many_maintainers_at_once_double_nothing(self, scene: Scene) -> None:
        jobs = scene.put(300) + scene.put(300, due=scene.delay)
        consumer = scene.consumer()
        # Each fetch's leases may be found lapsed by themselves: ten moments to collide in.
        for _ in range(10):
            scene.take(consumer, 30)
        backends = [scene.backend, scene.fresh(), scene.fresh()]
        left = scene.until_lapse(scene.lease)
        lags = scene.capabilities.redelivery_lag + scene.capabilities.schedule_lag
        scene.elapse(left + scene.delay + lags + scene.capabilities.resolution)

        at_once([partial(scene.keep_up, backend) for backend in backends for _ in range(2)])

        leases = scene.rest(scene.consumer())
        assert_same(sorted(lease.id for lease in leases), [job.id for job in jobs])
        assert_same(sorted(lease.redeliveries for lease in leases), [0] * 300 + [1] * 300)

    @shows("MNT-1", needs="delay")
    def test_mnt_1_maintain_ends_with_its_budget(self, scene: Scene) -> None:
        scene.put(MANY, due=scene.delay)
        scene.elapse(scene.delay + scene.capabilities.schedule_lag)

        began = time.monotonic()
        for _ in range(20):
            scene.backend.maintain(0.0)

        took = time.monotonic() - began
        assert took <= 2 * SLACK, f"20 calls without a budget took {took:.1f} s"

    @shows("MNT-2", needs="delay")
    def test_mnt_2_due_job_is_there_without_maintaining_sooner(self, scene: Scene) -> None:
        consumer = scene.consumer()
        for span in (0.5, 3.7, 10.0, 61.0):
            delay = scene.seconds(span)
            [job] = scene.put(due=delay)

            _live_on(scene, delay + scene.capabilities.schedule_lag + scene.capabilities.resolution)

            lease = scene.one(consumer)
            assert lease.id == job.id
            scene.complete(consumer, lease)

    @shows("MNT-2")
    def test_mnt_2_lapsed_lease_is_back_without_maintaining_sooner(self, scene: Scene) -> None:
        [job] = scene.put()
        scene.one(scene.consumer())
        lag = scene.capabilities.redelivery_lag + scene.capabilities.resolution

        _live_on(scene, scene.until_lapse(scene.lease) + lag)

        assert scene.one(scene.consumer()).id == job.id

    @shows("MNT-3", needs="delay")
    def test_mnt_3_more_than_a_page_of_due_jobs_all_pass(self, scene: Scene) -> None:
        jobs = scene.put(MANY, due=scene.delay)

        scene.pass_time(scene.delay + scene.capabilities.schedule_lag)

        consumer = scene.consumer()
        assert_same(sorted(lease.id for lease in scene.rest(consumer)), [job.id for job in jobs])

    @shows("MNT-3")
    def test_mnt_3_more_than_a_page_of_lapsed_leases_all_pass(self, scene: Scene) -> None:
        jobs = scene.put(MANY)
        scene.take(scene.consumer(), MANY)

        scene.outlast()

        again = scene.rest(scene.consumer())
        assert_same(sorted(lease.id for lease in again), [job.id for job in jobs])
        assert {lease.redeliveries for lease in again} == {1}


def _live_on(scene: Scene, seconds: float) -> None:
    """Let time pass, maintaining whenever the last call asked for it and no sooner."""
    end = scene.moment() + seconds
    for _ in range(CALLS):
        wait = scene.backend.maintain(1.0)
        left = max(0.0, end - scene.moment())
        if wait >= left:
            scene.elapse(left)
            return
        # A wait of nothing at all is for a backlog, and there is none here.
        scene.elapse(max(wait, scene.capabilities.resolution))
    raise AssertionError(f"maintain() wanted {CALLS} calls in {seconds:g} s")
