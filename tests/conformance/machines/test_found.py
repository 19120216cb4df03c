"""What the machines found, as the shortest sequence that shows it."""

from __future__ import annotations

import pytest

from anyjob.conformance import Harness
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.scene import Scene
from anyjob.core.settlement import Release, Retry
from tests.conformance.test_memory import MemoryHarness
from tests.conformance.test_sqlite import SQLiteHarness


@pytest.mark.parametrize(
    "harness",
    [
        MemoryHarness(),
        SQLiteHarness(),
    ],
    ids=["memory", "sqlite"],
)
def test_job_released_after_a_retry_stays_before_what_came_later(harness: Harness) -> None:
    with Scene(harness, FakeClock()) as scene:
        consumer = scene.consumer()
        [job] = scene.put()
        scene.settle(consumer, Retry(lease=scene.one(consumer)))
        scene.put()
        scene.elapse(1.0)

        scene.settle(consumer, Release(lease=scene.one(consumer)))

        assert scene.one(consumer).id == job.id
