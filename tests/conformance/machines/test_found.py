"""What the machines found, as the shortest sequence that shows it."""

from __future__ import annotations

import pytest

from anyjob.conformance import Harness
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.scene import Scene
from anyjob.core.settlement import Answer, Complete, Release, Retry
from tests.conformance.test_memory import MemoryHarness
from tests.conformance.test_sqlite import SQLiteHarness

on_both = pytest.mark.parametrize(
    "harness", [MemoryHarness(), SQLiteHarness()], ids=["memory", "sqlite"]
)


@on_both
def test_job_released_after_a_retry_stays_before_what_came_later(harness: Harness) -> None:
    with Scene(harness, FakeClock()) as scene:
        consumer = scene.consumer()
        [job] = scene.put()
        scene.settle(consumer, Retry(lease=scene.one(consumer)))
        scene.put()
        scene.elapse(1.0)

        scene.settle(consumer, Release(lease=scene.one(consumer)))

        assert scene.one(consumer).id == job.id


@on_both
def test_released_job_stays_before_another_that_was_retried_with_it(harness: Harness) -> None:
    with Scene(harness, FakeClock()) as scene:
        consumer = scene.consumer()
        scene.put(2)
        retries = [Retry(lease=lease) for lease in scene.take(consumer, 2)]
        scene.settle(consumer, *retries)
        scene.elapse(1.0)
        first = scene.one(consumer)

        scene.settle(consumer, Release(lease=first))

        assert scene.one(consumer).id == first.id


@on_both
def test_released_job_stays_before_what_came_after_others_were_forgotten(harness: Harness) -> None:
    with Scene(harness, FakeClock()) as scene:
        consumer = scene.consumer(lease=10 * scene.lease)
        scene.put(4)
        first, *others = scene.take(consumer, 4)
        ends = [Complete(lease=lease) for lease in others]
        scene.settle(consumer, Retry(lease=first), *ends)
        held = scene.one(consumer)
        scene.pass_time(scene.capabilities.dedup_window + 1.0)
        scene.put()

        assert scene.settle(consumer, Release(lease=held)) == [Answer.DONE]

        assert scene.one(consumer).id == held.id
