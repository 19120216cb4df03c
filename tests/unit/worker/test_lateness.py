"""What reaches its slot too late: the parts alone, with a lease that has run out on the way."""

from collections.abc import Iterator
from random import Random

import pytest

from anyjob import App
from anyjob.core.attempt import Attempt
from anyjob.core.backend import QueueShare
from anyjob.core.clock import SystemClock
from anyjob.core.wire import decode_body
from anyjob.worker.gate import Gate
from anyjob.worker.held import LEASE_LOST, STOPPING, Held
from anyjob.worker.judgement import Judgement
from anyjob.worker.log import Log
from anyjob.worker.loop import LoopSlots
from anyjob.worker.pace import Pace
from anyjob.worker.run import Run
from anyjob.worker.settings import WorkerSettings
from anyjob.worker.threads import ThreadSlots
from tests.waiting import until

CLOCK = SystemClock()
RAN: list[str] = []


@pytest.fixture
def late(jobs: App, request: pytest.FixtureRequest) -> Attempt:
    """An attempt of the parametrised colour whose lease ran out a second ago."""
    RAN.clear()

    @jobs.task(name="sync")
    def threaded() -> None:
        RAN.append("sync")

    @jobs.task(name="async")
    async def looped() -> None:
        RAN.append("async")

    task = jobs.tasks.get(request.param)
    task.enqueue()
    consumer = jobs.backend.consume([QueueShare("default")], lease=30, worker="w")
    [lease] = consumer.fetch(1, 0)
    consumer.close(release=False)
    attempt = Attempt(task, lease, decode_body(lease.body), CLOCK)
    attempt.lease_deadline = CLOCK.monotonic() - 1
    return attempt


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def judgement(held: Held) -> Judgement:
    settings = WorkerSettings(shares=(QueueShare("default"),))
    return Judgement(held, settings, CLOCK, Random(1), Log(CLOCK.monotonic))


@pytest.fixture
def loop(held: Held, judgement: Judgement) -> Iterator[LoopSlots]:
    slots = LoopSlots(2, held, Run(()), judgement, Gate())
    yield slots
    end(slots)


def end(slots: LoopSlots | ThreadSlots) -> None:
    """Let slots do what they were given, and end."""
    slots.stop()
    slots.join(10)


@pytest.mark.parametrize("late", ["sync"], indirect=True)
def test_thread_begins_nothing_whose_lease_has_run_out(
    late: Attempt, held: Held, judgement: Judgement, caplog: pytest.LogCaptureFixture
) -> None:
    slots = ThreadSlots(1, held, Run(()), judgement, Gate(), Pace(0.0))
    held.waiting.add(late)

    slots.submit([late])
    until(lambda: held.is_idle)
    end(slots)

    assert RAN == []
    assert late.ending == LEASE_LOST
    # Nothing is sent under a lease that may be another's by now.
    assert held.is_settled
    until(lambda: "was lost" in caplog.text)  # written right after the slot is free


@pytest.mark.parametrize("late", ["async"], indirect=True)
def test_loop_begins_nothing_whose_lease_has_run_out(
    late: Attempt, held: Held, loop: LoopSlots, caplog: pytest.LogCaptureFixture
) -> None:
    held.waiting.add(late)

    loop.submit([late])
    until(lambda: held.is_idle)

    assert RAN == []
    assert late.ending == LEASE_LOST
    assert held.is_settled


@pytest.mark.parametrize("late", ["sync", "async"], indirect=True)
def test_slot_begins_nothing_that_was_taken_back(
    late: Attempt, held: Held, judgement: Judgement
) -> None:
    threads = ThreadSlots(1, held, Run(()), judgement, Gate(), Pace(0.0))
    loop = LoopSlots(1, held, Run(()), judgement, Gate())
    slots = loop if late.task.is_async else threads

    slots.submit([late])
    end(slots)

    assert RAN == []
    assert late.ending == ""
    assert held.is_idle


@pytest.mark.parametrize("late", ["async"], indirect=True)
def test_coroutine_that_is_not_there_any_more_is_cancelled_without_effect(
    late: Attempt, held: Held, loop: LoopSlots
) -> None:
    loop.cancel(late, STOPPING)
    held.waiting.add(late)
    loop.submit([late])
    until(lambda: held.is_idle)

    loop.cancel(late, STOPPING)

    assert late.ending == LEASE_LOST
