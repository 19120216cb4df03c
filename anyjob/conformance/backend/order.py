"""Who goes first: ORD."""

from __future__ import annotations

import random

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.levels import distinct_priorities
from anyjob.conformance.scene import Scene
from anyjob.core.backend import Consumer
from anyjob.core.envelope import PRIORITIES, Envelope
from anyjob.core.errors import InvalidOption
from anyjob.core.settlement import Abandon, Release, Retry

#: One fetched job in so many may come from the low end of the priorities.
LOW_SHARE = 16


class Order(BackendProperties):
    """Higher priority first, first in first out within one, and nothing starves."""

    @shows("ORD-1", level="priorities")
    def test_ord_1_higher_priority_goes_first(self, scene: Scene) -> None:
        jobs = {priority: scene.put(priority=priority)[0] for priority in (0, 9, 5)}
        consumer = scene.consumer()

        order = [scene.one(consumer).id for _ in jobs]

        assert order.index(jobs[9].id) < order.index(jobs[0].id)
        if scene.capabilities.priorities == PRIORITIES:
            assert order == [jobs[priority].id for priority in (9, 5, 0)]

    @shows("ORD-1", needs="delay", level="priorities")
    def test_ord_1_priority_counts_for_what_waited_for_its_time(self, scene: Scene) -> None:
        low, high = (scene.put(priority=priority, due=scene.delay)[0] for priority in (0, 9))
        consumer = scene.consumer()

        # Both are due: on a clock that goes on by itself the lower one was first.
        scene.pass_time(_lag(scene))
        order = [scene.one(consumer).id for _ in range(2)]
        assert order == [high.id, low.id]

    @shows("ORD-1", level="priorities")
    def test_ord_1_inversions_are_no_more_than_the_low_share(self, scene: Scene) -> None:
        # Which of the ten fall together is not declared; the first and the last never do.
        levels = range(PRIORITIES) if scene.capabilities.priorities == PRIORITIES else (0, 9)
        shuffled = [priority for priority in levels for _ in range(32)]
        random.Random(1).shuffle(shuffled)
        for priority in shuffled:
            scene.put(priority=priority)
        consumer = scene.consumer()

        order = [scene.one(consumer).priority for _ in shuffled]

        waiting = sorted(order)
        inversions = 0
        for priority in order:
            inversions += priority < waiting[-1]
            waiting.remove(priority)
        assert inversions <= len(order) / LOW_SHARE + 1, f"{inversions} inversions in {order}"

    @shows("ORD-2")
    def test_ord_2_first_in_is_first_out_within_a_priority(self, scene: Scene) -> None:
        jobs = [job for _ in range(4) for job in scene.put(25)]
        consumer = scene.consumer()

        order: list[str] = []
        while got := consumer.fetch(7, 0.0):
            order += [lease.id for lease in got]
            assert len(order) <= len(jobs)

        if scene.capabilities.order == "fifo":
            assert order == [job.id for job in jobs]
        else:
            assert sorted(order) == [job.id for job in jobs]

    @shows("ORD-2")
    def test_ord_2_first_in_is_first_out_when_fetched_one_by_one(self, scene: Scene) -> None:
        consumer = scene.consumer()
        jobs: list[Envelope] = []
        order: list[str] = []

        for _ in range(20):
            jobs += scene.put(2)
            order.append(scene.one(consumer).id)
        order += [lease.id for lease in scene.rest(consumer)]

        if scene.capabilities.order == "fifo":
            assert order == [job.id for job in jobs]
        else:
            assert sorted(order) == [job.id for job in jobs]

    @shows("ORD-3")
    def test_ord_3_priorities_compare_as_numbers(self, scene: Scene) -> None:
        assert distinct_priorities(scene) == scene.capabilities.priorities

    @shows("ORD-3")
    def test_ord_3_priority_out_of_range_is_refused(self, scene: Scene) -> None:
        for priority in (-1, PRIORITIES, 100):
            with pytest.raises(InvalidOption):
                scene.backend.enqueue([scene.job(), scene.job(priority=priority)])

        assert scene.counted() == (0, 0, 0, 0)

    @shows("ORD-4", level="priorities")
    def test_ord_4_retried_job_keeps_its_priority(self, scene: Scene) -> None:
        consumer, job = _leased_before_others(scene)
        lease = scene.one(consumer)

        scene.settle(consumer, Retry(lease=lease))

        _assert_next(scene, consumer, job)

    @shows("ORD-4", level="priorities")
    def test_ord_4_released_job_keeps_its_priority(self, scene: Scene) -> None:
        consumer, job = _leased_before_others(scene)

        scene.settle(consumer, Release(lease=scene.one(consumer)))

        _assert_next(scene, consumer, job)

    @shows("ORD-4", level="priorities")
    def test_ord_4_abandoned_job_keeps_its_priority(self, scene: Scene) -> None:
        consumer, job = _leased_before_others(scene)

        scene.settle(consumer, Abandon(lease=scene.one(consumer)))

        _assert_next(scene, consumer, job)

    @shows("ORD-4", level="priorities")
    def test_ord_4_job_of_a_lost_lease_keeps_its_priority(self, scene: Scene) -> None:
        consumer, job = _leased_before_others(scene)
        scene.one(consumer)

        scene.outlast()

        _assert_next(scene, consumer, job)

    @shows("ORD-6", level="low_share", marks=("a low job was leased while a high one waited",))
    def test_ord_6_low_jobs_pass_under_a_steady_inflow_of_high_ones(self, scene: Scene) -> None:
        # One job on each of the lower levels, so that none waits for another of its own.
        levels = 5 if scene.capabilities.priorities == PRIORITIES else 1
        low = {scene.put(priority=priority)[0].id for priority in range(levels)}
        scene.put(2, priority=9)
        consumer = scene.consumer()

        # The low end's turns begin at each priority in turn, so a job waits for at most a round of
        # them.
        for _ in range(LOW_SHARE * (PRIORITIES + 1)):
            scene.put(priority=9)
            lease = scene.one(consumer)
            if lease.id in low:
                scene.mark("a low job was leased while a high one waited")
            low.discard(lease.id)
            scene.complete(consumer, lease)

        assert not low, f"{len(low)} low jobs starve"


def _leased_before_others(scene: Scene) -> tuple[Consumer, Envelope]:
    [job] = scene.put(priority=9)
    scene.put(6, priority=0)
    return scene.consumer(), job


def _lag(scene: Scene) -> float:
    """How long a delayed job takes at most, and another that was delayed with it."""
    lags = scene.capabilities.schedule_lag + scene.capabilities.resolution
    return scene.delay + scene.seconds(1.0) + lags


def _assert_next(scene: Scene, consumer: Consumer, job: Envelope) -> None:
    lease = scene.one(consumer)
    assert (lease.id, lease.priority) == (job.id, 9)
