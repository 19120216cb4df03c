"""Delays, due times and expiry: TIM."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import assert_shown, was_lost
from anyjob.conformance.example import shows
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import SLACK, assert_same
from anyjob.core.envelope import Envelope
from anyjob.core.errors import InvalidOption, UnsupportedCapability
from anyjob.core.settlement import Answer, Complete, End, Lease, Verdict
from anyjob.core.state import State
from anyjob.core.verdict import verdict_of
from anyjob.core.wire import VERSION, Body, encode_body


class Time(BackendProperties):
    """Never early, not late, and by the backend's clock."""

    @shows("TIM-1", needs="delay", clocks=("suite", "own"))
    def test_tim_1_delayed_job_is_never_early(self, scene: Scene) -> None:
        consumer = scene.consumer(lease=10 * scene.lease)
        resolution = scene.capabilities.resolution

        for delay in (scene.delay, scene.delay / 10 + 0.6 * resolution, 3.4 * resolution):
            began = scene.moment()
            [job] = scene.put(due=delay)
            leases = []
            if scene.clock is not None:
                scene.pass_time(delay - resolution / 10)
                leases = consumer.fetch(1, 0.0)
            lag = scene.capabilities.schedule_lag + resolution + delay
            lease = leases[0] if leases else scene.arrives(consumer, lag)
            assert lease.id == job.id
            early = delay - (scene.moment() - began)
            assert early <= min(0.001, resolution / 20), f"{early:.4f} s early"

    @shows("TIM-1", needs="delay")
    def test_tim_1_instant_is_never_early(self, scene: Scene) -> None:
        consumer = scene.consumer()
        base = datetime.fromtimestamp(scene.now(), UTC)
        [job] = scene.put(due=base + timedelta(seconds=scene.delay))

        scene.pass_time(scene.nearly(scene.delay))
        scene.assert_idle(consumer)
        lease = scene.arrives(consumer, scene.delay + scene.capabilities.schedule_lag)

        assert lease.id == job.id

    @shows("TIM-2", needs="delay", clocks=("suite", "own"))
    def test_tim_2_thousand_jobs_due_in_one_second_are_not_late(self, scene: Scene) -> None:
        consumer = scene.consumer(lease=100 * scene.lease)
        first = scene.seconds(30.0)
        jobs = [scene.job(due=first + n * 0.001) for n in range(1000)]
        began = time.monotonic()
        scene.enqueue(jobs)
        # The suite's clock stands still meanwhile; on another, the last was due so much later.
        enqueuing = time.monotonic() - began if scene.clock is None else 0.0

        scene.pass_time(
            first + 1.0 + scene.capabilities.schedule_lag + scene.capabilities.resolution
        )
        leases = scene.rest(consumer)

        assert_same(sorted(lease.id for lease in leases), [job.id for job in jobs])
        assert enqueuing <= SLACK, "UNKNOWN: enqueued too slowly to tell how late they were"

    @shows("TIM-2", needs="delay")
    def test_tim_2_due_job_is_there_after_the_lag(self, scene: Scene) -> None:
        consumer = scene.consumer()

        for _ in range(5):
            scene.put(due=scene.delay)
            lag = scene.capabilities.schedule_lag + scene.capabilities.resolution
            scene.arrives(consumer, scene.delay + lag)

    @shows("TIM-3", needs="delay")
    def test_tim_3_job_whose_time_has_come_is_ready_at_once(self, scene: Scene) -> None:
        consumer = scene.consumer()
        long_ago = datetime(2001, 1, 1, tzinfo=UTC)

        jobs = scene.put(due=0.0) + scene.put(due=long_ago)

        leases = [scene.arrives(consumer, scene.capabilities.schedule_lag) for _ in jobs]
        assert sorted(lease.id for lease in leases) == [job.id for job in jobs]

    @shows("TIM-3", needs="delay")
    def test_tim_3_delay_that_is_no_span_of_time_is_refused(self, scene: Scene) -> None:
        for due in (-1.0, float("nan"), float("inf"), datetime(2030, 1, 1)):  # noqa: DTZ001
            with pytest.raises(InvalidOption):
                scene.backend.enqueue([scene.job(), scene.job(due=due)])

        assert scene.counted() == (0, 0, 0, 0)

    @shows("TIM-3", needs="delay")
    def test_tim_3_delay_over_the_maximum_is_refused(self, scene: Scene) -> None:
        most = scene.capabilities.max_delay
        if most is None:
            scene.put(due=100 * 365 * 86_400.0)
        else:
            scene.put(due=most)
            with pytest.raises(UnsupportedCapability) as refusal:
                scene.backend.enqueue([scene.job(due=most + max(1.0, most / 1000))])
            assert refusal.value.name == "max_delay"

        assert scene.counted() == (0, 1, 0, 0)

    @shows("TIM-3", needs="delay", moves_clock=True)
    def test_tim_3_instants_survive_the_end_of_summer_time(self, scene: Scene) -> None:
        consumer = scene.consumer()
        summer = datetime.fromtimestamp(scene.now() + 60.0, TwiceThatHour())
        winter = summer.replace(fold=1)
        [first], [second] = scene.put(due=summer), scene.put(due=winter)

        lag = scene.capabilities.schedule_lag + scene.capabilities.resolution
        scene.pass_time(60.0 + lag)
        assert [lease.id for lease in scene.rest(consumer)] == [first.id]
        scene.pass_time(3598.0 - lag)
        assert second.id not in [lease.id for lease in scene.rest(consumer)]
        scene.pass_time(2.0 + lag)
        assert second.id in [lease.id for lease in scene.rest(consumer)]

    @shows("TIM-4", needs="delay")
    def test_tim_4_jump_of_the_wall_clock_moves_no_lease(self, scene: Scene) -> None:
        scene.put(2)
        owner, other = scene.consumer(), scene.consumer(backend=scene.fresh())
        lease, lapsing = scene.take(owner, 2)

        for jump in (3600.0, -7200.0, 3600.0):
            scene.jump(jump)
            scene.pass_time(0.2 * scene.lease)
            scene.assert_idle(other)
        assert scene.settle(owner, Complete(lease=lease)) == [Answer.DONE]

        scene.outlast(0.4 * scene.lease)
        assert scene.one(other).id == lapsing.id

    @shows("TIM-4")
    def test_tim_4_jump_of_the_wall_clock_moves_no_extended_lease(self, scene: Scene) -> None:
        scene.put()
        owner, other = scene.consumer(), scene.consumer()
        lease = scene.one(owner)

        scene.jump(3600.0)
        assert owner.extend([lease], scene.lease) == []
        scene.pass_time(scene.nearly(scene.lease))
        scene.assert_idle(other)

        scene.outlast(scene.lease - scene.nearly(scene.lease))
        assert was_lost(scene, scene.one(other), 1)

    @shows("TIM-4", needs="delay")
    def test_tim_4_clock_that_steps_back_fires_nothing_early(self, scene: Scene) -> None:
        consumer = scene.consumer()
        [job] = scene.put(due=scene.delay)

        scene.jump(-3600.0)
        scene.pass_time(scene.nearly(scene.delay))
        scene.assert_idle(consumer)

        scene.jump(3600.0)
        assert scene.arrives(consumer, scene.delay).id == job.id

    @shows("TIM-5", needs="delay")
    def test_tim_5_delay_longer_than_the_lease_delivers_once(self, scene: Scene) -> None:
        [job] = scene.put(due=4 * scene.lease)
        consumer = scene.consumer()

        # In real time the looks themselves take some of it.
        rounds = 3 if scene.clock is not None else 2
        for _ in range(rounds):
            scene.pass_time(1.2 * scene.lease)
            scene.assert_idle(consumer)
        left = (4.8 - 1.2 * rounds) * scene.lease
        scene.complete(consumer, lease := scene.arrives(consumer, left))
        scene.outlast(4 * scene.lease)

        assert (lease.id, lease.redeliveries) == (job.id, 0)
        scene.assert_idle(consumer)

    @shows("TIM-6", needs="delay")
    def test_tim_6_delayed_job_outlives_every_worker(self, scene: Scene) -> None:
        # Long enough that in real time, too, half of it is not over before it is looked at.
        delay = scene.delay if scene.clock is not None else 8 * scene.delay
        [job] = scene.put(due=delay)
        dying = scene.fresh()
        scene.assert_idle(scene.consumer(backend=dying))

        scene.pass_time(0.5 * delay)
        dying.close()
        newcomer = scene.consumer(backend=scene.fresh())
        scene.assert_idle(newcomer)
        within = 0.5 * delay + scene.capabilities.schedule_lag
        lease = scene.arrives(newcomer, within + scene.capabilities.resolution)

        assert (lease.id, lease.attempt, lease.redeliveries) == (job.id, 1, 0)

    @shows("TIM-7")
    def test_tim_7_job_leased_after_its_expiry_ends_as_expired(self, scene: Scene) -> None:
        job = _expiring(scene, scene.now() + scene.delay)
        scene.backend.enqueue([job])
        consumer = scene.consumer()

        scene.pass_time(1.1 * scene.delay)
        lease = scene.one(consumer)

        assert _verdict(lease) is Verdict.EXPIRED
        assert scene.settle(consumer, End(lease=lease, state="expired")) == [Answer.DONE]
        assert_shown(scene, job, State.EXPIRED)
        scene.outlast()
        scene.assert_idle(consumer)

    @shows("TIM-7")
    def test_tim_7_job_that_expires_while_it_runs_is_left_alone(self, scene: Scene) -> None:
        scene.backend.enqueue([_expiring(scene, scene.now() + scene.delay)])
        consumer = scene.consumer()
        lease = scene.one(consumer)

        scene.pass_time(1.1 * scene.delay)

        assert _verdict(lease) is Verdict.RUN
        assert scene.settle(consumer, Complete(lease=lease)) == [Answer.DONE]


class TwiceThatHour(tzinfo):
    """A zone in the night on which summer time ends: each wall time is there at +2 h, then (fold)
    at +1 h.
    """

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=1 if when is not None and when.fold else 2)

    def dst(self, when: datetime | None) -> timedelta:
        return self.utcoffset(when) - timedelta(hours=1)

    def fromutc(self, when: datetime) -> datetime:
        return when + timedelta(hours=2)

    def tzname(self, when: datetime | None) -> str:
        return "twice"


def _expiring(scene: Scene, expires: float) -> Envelope:
    job = scene.job()
    body = Body(
        v=VERSION, id=job.id, task="t", args=msgspec.Raw(b"{}"), enqueued_at=0.0, expires=expires
    )
    return msgspec.structs.replace(job, body=encode_body(body))


def _verdict(lease: Lease) -> Verdict:
    return verdict_of(lease, msgspec.json.decode(lease.body, type=Body))
