"""Unique keys: UNQ."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import in_turn
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import only
from anyjob.conformance.threads import at_once
from anyjob.core.backend import Backend
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Unique
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.settlement import Abandon, Answer, Bury, Complete, End, Release, Retry
from anyjob.core.state import State

KEY = Unique("customer 7")


class Uniqueness(BackendProperties):
    """A key is held by one unfinished job, and by nobody once that is over."""

    @shows("UNQ-1", needs="unique")
    def test_unq_1_conflict_names_the_holder_and_stores_nothing(self, scene: Scene) -> None:
        [holder] = scene.put(unique=KEY)
        late, free = scene.job(unique=KEY), scene.job()

        receipts = scene.enqueue([late, free])

        assert receipts == [Duplicate(holder.id), ACCEPTED]
        assert scene.record(late) is None
        found = scene.rest(scene.consumer())
        assert in_turn(scene, found) == in_turn(scene, [holder, free])

    @shows("UNQ-1", needs="unique")
    def test_unq_1_conflict_inside_one_call_is_a_duplicate(self, scene: Scene) -> None:
        first, second = scene.job(unique=KEY), scene.job(unique=KEY)

        assert scene.enqueue([first, second]) == [ACCEPTED, Duplicate(first.id)]

    @shows("UNQ-1", needs="unique")
    def test_unq_1_one_of_many_producers_at_once_wins(self, scene: Scene) -> None:
        backends = [scene.backend, scene.fresh()]
        for round_ in range(5):
            key = Unique(f"round {round_}")
            jobs = [scene.job(unique=key) for _ in range(8)]

            receipts = at_once([_enqueueing(backends[at % 2], job) for at, job in enumerate(jobs)])

            winner = only([job for job, got in zip(jobs, receipts, strict=True) if got == ACCEPTED])
            assert receipts.count(Duplicate(winner.id)) == 7
        assert scene.counted() == (5, 0, 0, 0)

    @shows("UNQ-2", needs="unique")
    def test_unq_2_key_is_free_once_its_job_is_over(self, scene: Scene) -> None:
        consumer = scene.consumer()
        for end in (Complete, _bury, _expire, _cancel):
            [holder] = scene.put(unique=KEY)
            lease = scene.one(consumer)
            assert scene.backend.enqueue([scene.job(unique=KEY)]) == [Duplicate(holder.id)]

            assert scene.settle(consumer, end(lease=lease)) == [Answer.DONE]

            [next_holder] = scene.put(unique=KEY)
            scene.complete(consumer, scene.one(consumer))
            assert next_holder.id != holder.id

    @shows("UNQ-2", needs="unique")
    def test_unq_2_key_is_free_once_its_job_is_cancelled_or_purged(self, scene: Scene) -> None:
        for remove in (_cancel_waiting, _purge):
            for due in (None, scene.delay) if not scene.lacks("delay") else (None,):
                [holder] = scene.put(unique=KEY, due=due)
                assert scene.backend.enqueue([scene.job(unique=KEY)]) == [Duplicate(holder.id)]

                remove(scene, holder)

                [again] = scene.put(unique=KEY)
                _purge(scene, again)

    @shows("UNQ-2", needs="unique")
    def test_unq_2_key_is_free_after_its_time_and_not_before(self, scene: Scene) -> None:
        key = Unique("for a while", ttl=scene.delay)
        [holder] = scene.put(unique=key)

        scene.pass_time(scene.nearly(scene.delay))
        assert scene.backend.enqueue([scene.job(unique=key)]) == [Duplicate(holder.id)]
        scene.pass_time(scene.delay - scene.nearly(scene.delay) + scene.capabilities.resolution)

        assert scene.backend.enqueue([scene.job(unique=key)]) == [ACCEPTED]

    @shows("UNQ-2", needs="unique", moves_clock=True)
    def test_unq_2_jump_of_the_wall_clock_moves_no_time_of_a_key(self, scene: Scene) -> None:
        assert scene.clock is not None
        key = Unique("for a while", ttl=scene.delay)

        scene.clock.jump(3600.0)
        [holder] = scene.put(unique=key)
        scene.clock.jump(3600.0)
        assert scene.backend.enqueue([scene.job(unique=key)]) == [Duplicate(holder.id)]
        scene.clock.jump(-7200.0)
        scene.pass_time(scene.delay + scene.capabilities.resolution)

        assert scene.backend.enqueue([scene.job(unique=key)]) == [ACCEPTED]

    @shows("UNQ-3", needs="unique")
    def test_unq_3_refused_enqueue_leaves_no_key_behind(self, scene: Scene) -> None:
        too_large = bytes(scene.capabilities.max_payload + 1)
        failing = [scene.job(unique=KEY), scene.job(body=too_large, unique=Unique("another"))]

        with pytest.raises(PayloadTooLarge):
            scene.backend.enqueue(failing[-scene.capabilities.max_batch :])

        for job in failing:
            assert scene.backend.enqueue([scene.job(unique=job.unique)]) == [ACCEPTED]
        assert scene.counted() == (2, 0, 0, 0)

    @shows("UNQ-3", needs="unique")
    def test_unq_3_job_refused_for_its_id_takes_no_key(self, scene: Scene) -> None:
        [known] = scene.put()
        again = scene.job(unique=KEY)
        resent = Envelope(id=known.id, queue=QUEUE, body=b"again", unique=KEY)

        assert scene.backend.enqueue([resent]) == [Duplicate(known.id)]

        assert scene.backend.enqueue([again]) == [ACCEPTED]

    @shows("UNQ-4", needs="unique")
    def test_unq_4_job_that_comes_back_keeps_its_key(self, scene: Scene) -> None:
        [holder] = scene.put(unique=KEY)
        consumer = scene.consumer()

        def assert_held() -> None:
            assert scene.backend.enqueue([scene.job(unique=KEY)]) == [Duplicate(holder.id)]

        for back in (Retry, Release, Abandon):
            scene.settle(consumer, back(lease=scene.one(consumer)))
            assert_held()
        scene.one(consumer)
        scene.outlast()
        assert_held()
        scene.one(consumer)
        assert_held()

    @shows("UNQ-4", needs="unique")
    def test_unq_4_stale_owner_cannot_free_the_key(self, scene: Scene) -> None:
        [holder] = scene.put(unique=KEY)
        first, second = scene.consumer(), scene.consumer()
        stale = scene.one(first)
        scene.outlast()
        scene.one(second)

        for late in (Complete(lease=stale), _bury(lease=stale), _cancel(lease=stale)):
            assert scene.settle(first, late) == [Answer.LEASE_LOST]

        assert scene.backend.enqueue([scene.job(unique=KEY)]) == [Duplicate(holder.id)]

    @shows("UNQ-4", needs="unique")
    def test_unq_4_former_holder_cannot_free_the_key_of_the_next(self, scene: Scene) -> None:
        key = Unique("for a while", ttl=scene.delay)
        scene.put(unique=key)
        consumer = scene.consumer()
        former = scene.one(consumer)
        scene.pass_time(scene.delay + scene.capabilities.resolution)
        [holder] = scene.put(unique=key)

        scene.complete(consumer, former)

        assert scene.backend.enqueue([scene.job(unique=key)]) == [Duplicate(holder.id)]

    @shows("UNQ-1", needs="unique", level="dead")
    def test_unq_1_revived_job_takes_its_key_again(self, scene: Scene) -> None:
        key = Unique("for a while", ttl=scene.delay)
        [former] = scene.put(unique=key)
        scene.pass_time(scene.delay + scene.capabilities.resolution)
        # For as long as it lives: in real time, what ends in between is too late on a busy machine.
        scene.put(unique=Unique(key.key))
        consumer = scene.consumer()
        leases = {lease.id: lease for lease in scene.take(consumer, 2)}
        scene.settle(consumer, _bury(lease=leases.pop(former.id)))

        assert scene.backend.revive(QUEUE, None) == 0, "another job holds its key"

        scene.complete(consumer, *leases.values())
        assert scene.backend.revive(QUEUE, None) == 1
        assert scene.backend.enqueue([scene.job(unique=key)]) == [Duplicate(former.id)]


def _bury(**fields: object) -> Bury:
    return Bury(reason="broken", **fields)  # type: ignore[arg-type]


def _expire(**fields: object) -> End:
    return End(state="expired", **fields)  # type: ignore[arg-type]


def _cancel(**fields: object) -> End:
    return End(state="cancelled", **fields)  # type: ignore[arg-type]


def _cancel_waiting(scene: Scene, job: Envelope) -> None:
    scene.backend.cancel(QUEUE, [job.id])


def _purge(scene: Scene, job: Envelope) -> None:
    scene.backend.purge(QUEUE, [State.READY, State.SCHEDULED])


def _enqueueing(backend: Backend, job: Envelope) -> Callable[[], Receipt]:
    return lambda: backend.enqueue([job])[0]
