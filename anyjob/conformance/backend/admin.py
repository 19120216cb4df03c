"""What people ask of queues: ADM."""

from __future__ import annotations

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import assert_unknown, in_turn, is_refused
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, SETTLES_IN, Scene
from anyjob.core.backend import CancelResult
from anyjob.core.envelope import Envelope
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Answer, Bury, Complete, Retry
from anyjob.core.state import State

ENDED, RUNNING = CancelResult.ENDED, CancelResult.RUNNING
CANCELLED, UNKNOWN = CancelResult.CANCELLED, CancelResult.UNKNOWN


#: More jobs than any backend handles in one step.
SEVERAL_PAGES = 2_500


class Admin(BackendProperties):
    """Counting, looking, pausing, cancelling, removing."""

    @shows("ADM-1", needs="delay")
    def test_adm_1_counts_equal_what_is_there(self, scene: Scene) -> None:
        assert scene.counted() == (0, 0, 0, 0)
        scene.put(2)
        consumer = scene.consumer()
        leased, buried = scene.take(consumer, 2)
        scene.settle(consumer, Bury(lease=buried, reason="broken"))
        scene.put(3)
        scene.put(4, due=scene.delay)

        assert scene.counted() == (3, 4, 1, 1)
        scene.complete(consumer, leased)
        assert scene.counted() == (3, 4, 0, 1)
        scene.pass_time(scene.delay + scene.capabilities.schedule_lag)
        assert scene.counted() == (7, 0, 0, 1)

    @shows("ADM-1")
    def test_adm_1_lapsed_lease_is_counted_as_ready(self, scene: Scene) -> None:
        scene.put(3)
        scene.take(scene.consumer(), 2)

        scene.outlast()

        assert scene.counted() == (3, 0, 0, 0)

    @shows("ADM-1")
    def test_adm_1_oldest_ready_age_is_that_of_the_longest_ready(self, scene: Scene) -> None:
        assert scene.backend.counts(QUEUE).oldest_ready_age is None
        before = scene.moment()
        scene.put(priority=1)
        after = scene.moment()
        scene.pass_time(scene.seconds(40.0))
        scene.put(priority=9)
        scene.pass_time(scene.seconds(20.0))

        least = scene.moment() - after
        age = scene.backend.counts(QUEUE).oldest_ready_age
        most = scene.moment() - before

        late = 0.0 if scene.capabilities.counts == "exact" else SETTLES_IN
        slack = scene.capabilities.resolution + late
        # A broker that does not count exactly may tell no age at all.
        assert (age is None and late) or least - slack <= (age or 0.0) <= most + slack

    @shows("ADM-1", moves_clock=True)
    def test_adm_1_lapsed_job_is_ready_since_its_lease_ended(self, scene: Scene) -> None:
        scene.put()
        consumer, began = scene.consumer(), scene.moment()
        scene.one(consumer)

        left = scene.until_lapse(scene.lease)
        scene.pass_time(left + 40.0)

        age = scene.backend.counts(QUEUE).oldest_ready_age
        most = scene.moment() - began - left
        late = 0.0 if scene.capabilities.counts == "exact" else SETTLES_IN
        slack = scene.capabilities.redelivery_lag + scene.capabilities.resolution + late
        assert (age is None and late) or 40.0 - slack <= (age or 0.0) <= most + slack

    @shows("ADM-2", needs="delay")
    def test_adm_2_purge_removes_what_was_named_and_nothing_else(self, scene: Scene) -> None:
        scene.put(2)
        consumer = scene.consumer()
        leased, buried = scene.take(consumer, 2)
        scene.settle(consumer, Bury(lease=buried, reason="broken"))
        scene.declare("other")
        scene.put(2, queue="other")
        ready = scene.put(3)
        # What cannot be purged is not due before the end.
        scene.put(2, due=scene.delay if scene.clock is not None else 100 * scene.delay)

        late = _purge_scheduled(scene, 2)
        assert scene.counted() == (3, late, 1, 1)
        states = [State.READY] if late else [State.READY, State.SCHEDULED]
        assert scene.backend.purge(QUEUE, states) == 3
        assert scene.counted() == (0, late, 1, 1)

        assert scene.backend.purge(QUEUE, states) == 0
        assert scene.settle(consumer, Complete(lease=leased)) == [Answer.DONE]
        scene.assert_idle(consumer)
        assert scene.counted("other") == (2, 0, 0, 0)
        for job in ready:
            assert_unknown(scene, job)

    @shows("ADM-2")
    def test_adm_2_purge_removes_more_than_a_page(self, scene: Scene) -> None:
        scene.put(SEVERAL_PAGES)

        assert scene.backend.purge(QUEUE, [State.READY]) == SEVERAL_PAGES

        assert scene.counted() == (0, 0, 0, 0)
        scene.assert_idle(scene.consumer())

    @shows("ADM-2", needs="dead")
    def test_adm_2_discard_removes_the_dead_that_were_named(self, scene: Scene) -> None:
        scene.put(4)
        consumer = scene.consumer()
        *buried, leased = scene.take(consumer, 4)
        scene.settle(consumer, *(Bury(lease=lease, reason="broken") for lease in buried))

        unknown = scene.job().id
        assert scene.backend.discard(QUEUE, [buried[1].id, leased.id, unknown]) == 1
        assert scene.counted() == (0, 0, 1, 2)
        assert scene.backend.discard(QUEUE, [buried[1].id]) == 0
        assert scene.backend.discard(QUEUE, None) == 2

        assert scene.counted() == (0, 0, 1, 0)
        assert scene.settle(consumer, Complete(lease=leased)) == [Answer.DONE]

    @shows("ADM-2", needs="dead")
    def test_adm_2_more_than_a_page_is_discarded(self, scene: Scene) -> None:
        consumer = scene.consumer()
        scene.put(SEVERAL_PAGES)
        leases = scene.take(consumer, SEVERAL_PAGES)
        scene.settle(consumer, *(Bury(lease=lease, reason="broken") for lease in leases))
        ids = [lease.id for lease in leases]

        assert scene.backend.discard(QUEUE, ids[1:]) == SEVERAL_PAGES - 1

        assert scene.counted() == (0, 0, 0, 1)

    @shows("ADM-3", needs="pause")
    def test_adm_3_paused_queue_delivers_nothing_until_resumed(self, scene: Scene) -> None:
        elsewhere = scene.fresh()
        lease = scene.lease + 5.0
        consumer = scene.consumer(backend=elsewhere, lease=lease)
        jobs = scene.put(4)
        settling, lapsing = scene.take(consumer, 2)
        if not scene.lacks("delay"):
            jobs += scene.put(due=scene.delay)

        scene.backend.pause(QUEUE)
        scene.pass_time(5.0)
        assert scene.settle(consumer, Retry(lease=settling)) == [Answer.DONE]
        scene.outlast(lease)
        scene.pass_time(scene.delay + scene.capabilities.schedule_lag)
        scene.assert_idle(consumer)
        assert elsewhere.paused() == {QUEUE}

        scene.backend.resume(QUEUE)
        assert elsewhere.paused() == set()
        leases = scene.rest(consumer)
        assert sorted(lease.id for lease in leases) == [job.id for job in jobs]
        assert lapsing.id in {lease.id for lease in leases}

    @shows("ADM-3", needs="pause")
    def test_adm_3_pause_stops_only_its_own_queue(self, scene: Scene) -> None:
        scene.declare("other")
        [paused], [other] = scene.put(), scene.put(queue="other")
        consumer = scene.consumer(QUEUE, "other")

        scene.backend.pause(QUEUE)
        scene.backend.pause(QUEUE)
        scene.pass_time(5.0)

        assert [lease.id for lease in scene.rest(consumer)] == [other.id]
        scene.backend.resume(QUEUE)
        assert scene.one(consumer).id == paused.id

    @shows("ADM-3", needs="pause", level="durability")
    def test_adm_3_pause_survives_a_restart(self, scene: Scene) -> None:
        scene.backend.pause(QUEUE)
        scene.put()

        scene.backend.close()
        scene.backend = scene.fresh()

        assert scene.backend.paused() == {QUEUE}
        scene.assert_idle(scene.consumer())

    @shows("ADM-4", needs="cancel")
    def test_adm_4_cancelled_job_is_never_delivered(self, scene: Scene) -> None:
        waiting, kept = scene.put(2)
        jobs = [waiting]
        if not scene.lacks("delay"):
            jobs += scene.put(due=scene.delay)

        results = scene.backend.cancel(QUEUE, [job.id for job in jobs])

        assert results == [CANCELLED] * len(jobs)
        scene.pass_time(2 * scene.delay)
        assert [lease.id for lease in scene.rest(scene.consumer())] == [kept.id]
        assert [_state(scene, job) for job in jobs] == [State.CANCELLED] * len(jobs)

    @shows("ADM-4", needs="cancel", moves_clock=True)
    def test_adm_4_cancelled_job_is_shown_for_as_long_as_was_asked(self, scene: Scene) -> None:
        [job] = scene.put()
        keep = 10 * scene.capabilities.dedup_window + 60.0

        assert scene.backend.cancel(QUEUE, [job.id], keep=keep) == [CANCELLED]
        scene.pass_time(0.99 * keep)

        assert _state(scene, job) is State.CANCELLED

    @shows("ADM-4", needs="cancel")
    def test_adm_4_running_and_ended_jobs_are_left_alone(self, scene: Scene) -> None:
        scene.put(3)
        consumer = scene.consumer()
        done, buried, running = scene.take(consumer, 3)
        scene.settle(consumer, Complete(lease=done), Bury(lease=buried, reason="broken"))

        ids = [running.id, done.id, scene.job().id, buried.id]
        results = scene.backend.cancel(QUEUE, ids)

        assert results == [RUNNING, ENDED, UNKNOWN, ENDED]
        assert scene.settle(consumer, Complete(lease=running)) == [Answer.DONE]
        assert scene.counted() == (0, 0, 0, 1)

    @shows("ADM-4", needs="cancel")
    def test_adm_4_cancel_of_an_unknown_id_kills_no_later_job(self, scene: Scene) -> None:
        job = scene.job()

        assert scene.backend.cancel(QUEUE, [job.id]) == [UNKNOWN]
        scene.backend.enqueue([job])

        assert scene.one(scene.consumer()).id == job.id

    @shows("ADM-5", needs="browse", lists=State.READY)
    def test_adm_5_pages_neither_skip_nor_repeat_under_change(self, scene: Scene) -> None:
        jobs = scene.put(30)
        consumer = scene.consumer()
        gone: set[str] = set()
        seen: list[str] = []
        cursor: str | None = None

        for _ in range(len(jobs)):
            page = scene.backend.browse(QUEUE, State.READY, cursor, 4)
            assert 0 < len(page.records) <= 4 or page.cursor is None
            seen += [record.id for record in page.records]
            gone.add(scene.one(consumer).id)
            scene.put()
            cursor = page.cursor
            if cursor is None:
                break

        assert cursor is None
        assert len(set(seen)) == len(seen)
        assert {job.id for job in jobs} - gone <= set(seen)

    @shows("ADM-5", needs="browse", lists=State.READY)
    def test_adm_5_ready_and_leased_jobs_are_listed(self, scene: Scene) -> None:
        low, high = scene.put(2, priority=0), scene.put(5, priority=9)

        listed = _listed(scene, QUEUE, State.READY)
        leases = scene.take(scene.consumer(), 5)

        assert sorted(listed) == sorted(job.id for job in low + high)
        if scene.capabilities.order == "fifo" and scene.capabilities.priorities > 1:
            assert listed == [job.id for job in high + low]
        assert sorted(_listed(scene, QUEUE, State.LEASED)) == sorted(each.id for each in leases)

    @shows("ADM-5", needs="browse", lists=State.SCHEDULED, level="delay")
    def test_adm_5_scheduled_jobs_are_listed_by_due_time(self, scene: Scene) -> None:
        late, early = (scene.put(due=due)[0] for due in (2 * scene.delay, scene.delay))

        assert _listed(scene, QUEUE, State.SCHEDULED) == [early.id, late.id]
        record = scene.record(early)
        assert record is not None
        assert (record.state, record.body) == (State.SCHEDULED, early.body)
        assert record.due is not None

    @shows("ADM-5", needs="browse", level="dead")
    def test_adm_5_dead_jobs_are_listed_oldest_first(self, scene: Scene) -> None:
        buried = scene.put(5)
        consumer = scene.consumer()
        leases = {lease.id: lease for lease in scene.take(consumer, 5)}

        for job in buried[::-1]:
            scene.settle(consumer, Bury(lease=leases[job.id], reason="broken"))
            scene.elapse(scene.seconds(1.0))

        assert _listed(scene, QUEUE, State.DEAD) == [job.id for job in buried[::-1]]

    @shows("ADM-5", needs="browse", lists=State.READY)
    def test_adm_5_get_tells_each_step_of_a_job(self, scene: Scene) -> None:
        [job] = scene.put(priority=7)
        consumer = scene.consumer()
        ready = scene.record(job)
        assert ready is not None
        assert (ready.state, ready.priority, ready.body) == (State.READY, 7, job.body)

        lease = scene.one(consumer)
        leased = scene.record(job)
        assert leased is not None
        assert leased.state is State.LEASED
        if scene.capabilities.lease == "timed":
            assert leased.until is not None
            assert abs(leased.until - lease.until) <= scene.capabilities.resolution + 0.01
        scene.settle(consumer, Retry(lease=lease, note=b"error"))
        retried = scene.record(job)
        assert retried is not None
        assert (retried.state, retried.attempts, retried.note) == (State.READY, 1, b"error")
        scene.complete(consumer, scene.one(consumer))
        ended = scene.record(job)
        assert ended is not None
        assert (ended.state, ended.body) == (State.SUCCEEDED, None)
        assert ended.ended is not None

    @shows("ADM-5", needs="browse", lists=State.READY)
    def test_adm_5_get_answers_in_the_order_it_was_asked(self, scene: Scene) -> None:
        first, second = scene.put(2)
        unknown = scene.job()

        records = scene.backend.get(QUEUE, [second.id, unknown.id, first.id, second.id])

        found = [record and record.id for record in records]
        assert found == [second.id, None, first.id, second.id]

    @shows("ADM-6")
    def test_adm_6_looking_changes_nothing(self, scene: Scene) -> None:
        jobs = scene.put(6)
        consumer = scene.consumer()
        lease = scene.one(consumer)
        before = scene.counted()

        is_shown = not is_refused(scene, jobs[0])

        for _ in range(50):
            scene.backend.counts(QUEUE)
            if is_shown:
                scene.backend.get(QUEUE, [job.id for job in jobs])
            scene.backend.queues()
            for state in (State.READY, State.LEASED, State.DEAD):
                if scene.capabilities.lists(state):
                    scene.backend.browse(QUEUE, state, None, 3)
            if not scene.lacks("pause"):
                scene.backend.paused()

        assert scene.counted() == before
        scene.complete(consumer, lease)
        rest = scene.rest(consumer)
        left = [job for job in jobs if job.id != lease.id]
        assert in_turn(scene, rest) == in_turn(scene, left)
        assert {(each.attempt, each.redeliveries) for each in rest} == {(1, 0)}


def _purge_scheduled(scene: Scene, count: int) -> int:
    """Remove so many scheduled jobs; how many are left where that is refused, because nobody can
    list them.
    """
    if scene.capabilities.lists(State.SCHEDULED) or scene.capabilities.browse == "none":
        assert scene.backend.purge(QUEUE, [State.SCHEDULED]) == count
        return 0
    with pytest.raises(UnsupportedCapability) as refusal:
        scene.backend.purge(QUEUE, [State.SCHEDULED])
    assert refusal.value.name == "browse"
    return count


def _state(scene: Scene, job: Envelope) -> State | None:
    record = scene.record(job)
    return record.state if record is not None else None


def _listed(scene: Scene, queue: str, state: State) -> list[str]:
    """All jobs of a state, read in pages of two."""
    listed: list[str] = []
    cursor: str | None = None
    while True:
        page = scene.backend.browse(queue, state, cursor, 2)
        listed += [record.id for record in page.records]
        assert len(listed) <= 1000, f"pages of {state} jobs have no end"
        cursor = page.cursor
        if cursor is None:
            return listed
