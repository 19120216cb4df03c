"""How leases end: SET."""

from __future__ import annotations

import time

from msgspec import structs

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import assert_shown, in_turn, record_if_shown
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.conformance.stage import SLACK, only
from anyjob.conformance.threads import Background
from anyjob.core.settlement import Answer, Bury, Complete, Release, Retry
from anyjob.core.state import State


class Settle(BackendProperties):
    """A settlement has its whole effect once, or none."""

    @shows("SET-1")
    def test_set_1_completed_job_is_never_delivered_again(self, scene: Scene) -> None:
        scene.put(3)
        consumer = scene.consumer()
        scene.complete(consumer, *scene.take(consumer, 3))

        scene.outlast()

        scene.assert_idle(consumer)
        scene.assert_idle(scene.consumer(backend=scene.fresh()))
        assert scene.counted() == (0, 0, 0, 0)

    @shows("SET-2")
    def test_set_2_second_settlement_is_lost_whatever_it_is(self, scene: Scene) -> None:
        scene.put(6)
        consumer = scene.consumer()
        leases = scene.take(consumer, 6)
        first = [settlement(kind, lease) for kind, lease in zip(KINDS, leases, strict=True)]
        assert scene.settle(consumer, *first) == [Answer.DONE] * 6
        before = scene.counted()

        for lease in leases:
            again = scene.settle(consumer, *(settlement(kind, lease) for kind in KINDS))
            assert again == [Answer.LEASE_LOST] * 6

        assert scene.counted() == before

    @shows("SET-2")
    def test_set_2_lease_settled_twice_in_one_batch_is_settled_once(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        answers = scene.settle(consumer, Complete(lease=lease), Retry(lease=lease))

        assert answers == [Answer.DONE, Answer.LEASE_LOST]
        scene.assert_idle(consumer)

    @shows("SET-2")
    def test_set_2_lease_of_another_queue_or_backend_is_lost(self, scene: Scene) -> None:
        scene.declare("other")
        [here] = scene.put()
        [there] = scene.put(queue="other")
        consumer, other = scene.consumer(), scene.consumer("other")
        mine, foreign = scene.one(consumer), scene.one(other)
        crossed = structs.replace(mine, queue="other")
        unknown = structs.replace(mine, id=scene.job().id)
        borrowed = structs.replace(mine, token=foreign.token)

        answers = scene.settle(
            consumer, *(Complete(lease=each) for each in (crossed, unknown, borrowed))
        )

        assert answers == [Answer.LEASE_LOST] * 3
        for job in (here, there):
            assert_shown(scene, job, State.LEASED)
        scene.complete(consumer, mine)
        scene.complete(other, foreign)

    @shows("SET-3")
    def test_set_3_retry_counts_an_attempt_and_keeps_the_note(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()

        for attempt in (1, 2, 3):
            lease = scene.one(consumer)
            assert (lease.attempt, lease.redeliveries) == (attempt, 0)
            assert lease.body == job.body
            assert lease.note == (b"" if attempt == 1 else b"error %d" % (attempt - 1))
            note = b"error %d" % attempt
            assert scene.settle(consumer, Retry(lease=lease, note=note)) == [Answer.DONE]

    @shows("SET-3")
    def test_set_3_settlement_without_a_note_keeps_the_last_one(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()

        scene.settle(consumer, Retry(lease=scene.one(consumer), note=b"kept"))
        scene.settle(consumer, Release(lease=scene.one(consumer)))

        assert scene.one(consumer).note == b"kept"

    @shows("SET-4", needs="delay")
    def test_set_4_retried_job_waits_for_its_delay(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        for attempt in (2, 3, 4):
            scene.settle(consumer, Retry(lease=lease, delay=scene.delay))
            scene.assert_idle(consumer)
            scene.pass_time(scene.nearly(scene.delay))
            scene.assert_idle(consumer)
            lease = scene.arrives(consumer, scene.delay + scene.capabilities.schedule_lag)
            assert (lease.id, lease.attempt, lease.redeliveries) == (job.id, attempt, 0)

    @shows("SET-5")
    def test_set_5_released_job_is_back_with_nothing_counted(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        place = scene.capabilities.release != "none"

        for _ in range(6):
            lease = scene.one(consumer)
            assert lease.attempt == 1
            assert lease.redeliveries == 0 or not place
            assert scene.settle(consumer, Release(lease=lease)) == [Answer.DONE]

    @shows("SET-5")
    def test_set_5_released_job_is_at_the_head_of_its_priority(self, scene: Scene) -> None:
        first, second, third = scene.put(3)
        consumer = scene.consumer()

        scene.settle(consumer, Release(lease=scene.one(consumer)))
        order = [lease.id for lease in scene.rest(consumer)]

        if scene.capabilities.release == "place" and scene.capabilities.order == "fifo":
            assert order == [first.id, second.id, third.id]
        else:
            assert sorted(order) == [first.id, second.id, third.id]

    @shows("SET-5", needs="delay")
    def test_set_5_job_released_with_a_delay_waits_for_it(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        scene.settle(consumer, Release(lease=scene.one(consumer), delay=scene.delay))

        scene.pass_time(scene.nearly(scene.delay))
        scene.assert_idle(consumer)
        again = scene.arrives(consumer, scene.delay + scene.capabilities.schedule_lag)

        assert again.attempt == 1
        assert again.redeliveries == 0 or scene.capabilities.release == "none"

    @shows("SET-6")
    def test_set_6_stale_leases_in_a_batch_spoil_no_other(self, scene: Scene) -> None:
        scene.put(9)
        consumer = scene.consumer()
        leases = scene.take(consumer, 9)
        stale = leases[::3]
        scene.complete(consumer, *stale)

        answers = scene.settle(consumer, *(Bury(lease=lease, reason="broken") for lease in leases))

        expected = [Answer.LEASE_LOST if lease in stale else Answer.DONE for lease in leases]
        assert answers == expected
        assert scene.counted() == (0, 0, 0, 6)

    @shows("SET-7")
    def test_set_7_children_are_enqueued_if_and_only_if_it_is_done(self, scene: Scene) -> None:
        scene.declare("children")
        children = scene.consumer("children")
        most = scene.capabilities.max_batch
        for kind in KINDS:
            scene.put(priority=9)
            consumer = scene.consumer()
            lease = scene.one(consumer)
            high, low, unborn = (scene.job(queue="children", priority=p) for p in (9, 1, 5))

            born = (high, low)[:most]
            first = settlement(kind, lease, then=born)
            second = settlement(kind, lease, then=(unborn,))

            assert scene.settle(consumer, first, second) == [Answer.DONE, Answer.LEASE_LOST]
            found = scene.rest(children)
            assert in_turn(scene, found) == in_turn(scene, born)
            wanted = {child.id: (child.body, child.priority) for child in born}
            assert {each.id: (each.body, each.priority) for each in found} == wanted
            scene.complete(children, *found)
            scene.backend.purge(QUEUE, [State.READY])

    @shows("SET-8", needs="results")
    def test_set_8_ended_job_is_never_seen_without_its_outcome(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer, elsewhere = scene.consumer(), scene.fresh()
        lease = scene.one(consumer)
        watching = Background(lambda: elsewhere.get(QUEUE, [job.id], wait=20.0))
        assert watching.is_waiting()

        scene.settle(consumer, Complete(lease=lease, outcome=b"\x00result\xff", keep=scene.lease))

        record = only(watching.result(SLACK + 5.0))
        assert record is not None
        assert (record.state, record.outcome) == (State.SUCCEEDED, b"\x00result\xff")

    @shows("SET-8", needs="results", moves_clock=True)
    def test_set_8_outcome_is_kept_for_its_time(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()
        keep = 10 * scene.capabilities.dedup_window
        scene.settle(consumer, Complete(lease=scene.one(consumer), outcome=b"kept", keep=keep))

        scene.pass_time(0.99 * keep)
        record = scene.record(job)

        assert record is not None
        assert record.outcome == b"kept"

    @shows("SET-9")
    def test_set_9_flush_names_each_settlement_once(self, scene: Scene) -> None:
        scene.put(50)
        consumer = scene.consumer()
        settlements = [Complete(lease=lease) for lease in scene.take(consumer, 50)]
        settlements.append(Complete(lease=settlements[0].lease))

        consumer.settle(settlements[:20])
        consumer.settle(settlements[20:])
        began = time.monotonic()
        settled = consumer.flush(5.0)

        assert time.monotonic() - began <= 5.0 + SLACK
        assert len(settled) == len(settlements)
        answers = {id(each.settlement): each.answer for each in settled}
        expected = [Answer.DONE] * 50 + [Answer.LEASE_LOST]
        assert [answers.get(id(each)) for each in settlements] == expected
        assert scene.counted() == (0, 0, 0, 0)
        assert consumer.flush(5.0) == []

    @shows("SET-10")
    def test_set_10_buffered_settlement_leaves_with_the_next_fetch(self, scene: Scene) -> None:
        scene.put()
        consumer, other = scene.consumer(), scene.consumer(backend=scene.fresh())
        release = Release(lease=scene.one(consumer))

        consumer.settle([release])
        again = only(consumer.fetch(1, 0.0))

        assert again.id == release.lease.id
        assert again.token != release.lease.token
        scene.assert_idle(other)
        settled = only(consumer.flush(5.0))
        assert (settled.settlement, settled.answer) == (release, Answer.DONE)

    @shows("SET-10", clocks=("own",))
    def test_set_10_flush_waits_for_no_fetch(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer(lease=60.0)
        lease = scene.one(consumer)
        waiting = Background(lambda: consumer.fetch(1, 20.0))
        assert waiting.is_waiting()

        began = time.monotonic()
        answers = scene.settle(consumer, Complete(lease=lease))

        assert answers == [Answer.DONE]
        assert time.monotonic() - began <= SLACK
        assert waiting.is_waiting()
        record = record_if_shown(scene, job)
        assert record is None or record.state is State.SUCCEEDED
        consumer.wake()
        assert waiting.result(SLACK) == []

    @shows("SET-10")
    def test_set_10_settlement_sent_again_has_no_second_effect(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        retry = Retry(lease=scene.one(consumer), note=b"once", then=(scene.job(priority=1),))

        assert scene.settle(consumer, retry) == [Answer.DONE]
        assert scene.settle(consumer, retry) == [Answer.LEASE_LOST]

        leases = scene.rest(consumer)
        found = sorted(((lease.attempt, lease.note) for lease in leases), reverse=True)
        assert found == [(2, b"once"), (1, b"")]
