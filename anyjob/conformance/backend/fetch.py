"""Taking jobs: FET."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import SLACK
from anyjob.conformance.threads import Background, at_once
from anyjob.core.backend import Consumer
from anyjob.core.settlement import Answer, Complete, Lease, Release
from anyjob.core.state import State

#: Longer than any test waits: a fetch of this timeout ends because something ended it.
LONG = 10.0
#: More than a call takes, and less than a look once a second would need.
PROMPT = 0.25


class Fetch(BackendProperties):
    """What a fetch returns, and when."""

    @shows("FET-1")
    def test_fet_1_no_two_consumers_hold_one_job(self, scene: Scene) -> None:
        consumers = [scene.consumer(), scene.consumer(), scene.consumer(backend=scene.fresh())]

        for _ in range(20):
            jobs = scene.put(30)
            taken = at_once([_taking(scene, consumer, 10) for consumer in consumers])

            held = Counter(lease.id for leases in taken for lease in leases)
            assert held == Counter(job.id for job in jobs)

    @shows("FET-2")
    def test_fet_2_fetch_returns_what_there_is_up_to_its_credit(self, scene: Scene) -> None:
        consumer = scene.consumer()
        scene.put(5)

        began = time.monotonic()
        two = consumer.fetch(2, 2 * SLACK)
        three = consumer.fetch(10, 2 * SLACK)
        took = time.monotonic() - began

        assert 1 <= len(two) <= 2
        assert 1 <= len(three) <= 5 - len(two)
        assert took < SLACK, "it waited to fill up"
        ids = [lease.id for lease in two + three + scene.rest(consumer)]
        assert len(set(ids)) == len(ids) == 5

    @shows("FET-2")
    def test_fet_2_limits_bound_each_queue(self, scene: Scene) -> None:
        scene.declare("other")
        scene.put(5)
        scene.put(5, queue="other")
        consumer = scene.consumer(QUEUE, "other")

        leases = consumer.fetch(10, 0.0, {QUEUE: 2, "other": 0})

        assert 1 <= len(leases) <= 2
        assert {lease.queue for lease in leases} == {QUEUE}

    @shows("FET-3", clocks=("own",))
    def test_fet_3_idle_fetch_ends_empty_at_its_timeout(self, scene: Scene) -> None:
        consumer = scene.consumer()

        for timeout in (0.0, 0.1):
            began = time.monotonic()
            assert consumer.fetch(1, timeout) == []
            took = time.monotonic() - began
            assert timeout - scene.capabilities.resolution <= took <= timeout + SLACK

    @shows("FET-3", clocks=("own",))
    def test_fet_3_waiting_fetch_is_woken_by_an_enqueue_elsewhere(self, scene: Scene) -> None:
        elsewhere = scene.fresh()
        waiting = _wait(scene)

        scene.put(backend=elsewhere)

        assert len(_woken(scene, waiting, time.monotonic())) == 1

    @shows("FET-3", clocks=("own",), needs="delay")
    def test_fet_3_waiting_fetch_is_woken_when_a_job_comes_due(self, scene: Scene) -> None:
        elsewhere = scene.fresh()
        waiting = _wait(scene)

        scene.put(backend=elsewhere, due=0.2)

        due = time.monotonic() + 0.2 + scene.capabilities.schedule_lag
        assert len(_woken(scene, waiting, due)) == 1

    @shows("FET-3", clocks=("own",))
    def test_fet_3_waiting_fetch_is_woken_by_a_release_elsewhere(self, scene: Scene) -> None:
        scene.put()
        holder = scene.consumer(backend=scene.fresh(), lease=LONG)
        lease = scene.one(holder)
        waiting = _wait(scene)

        assert scene.settle(holder, Release(lease=lease)) == [Answer.DONE]

        assert len(_woken(scene, waiting, time.monotonic())) == 1

    @shows("FET-3", clocks=("own",))
    def test_fet_3_waiting_fetch_is_woken_and_does_not_look_by_and_by(self, scene: Scene) -> None:
        elsewhere = scene.fresh()
        holder = scene.consumer(backend=elsewhere, lease=LONG)
        lags: dict[str, list[float]] = {"enqueue": [], "release": []}

        for news in [*lags] * 3:
            lease = _held(scene, holder)
            waiting = _wait(scene)
            began = time.monotonic()
            if news == "enqueue":
                scene.put(backend=elsewhere)
            else:
                scene.settle(holder, Release(lease=lease))
            _woken(scene, waiting, began)
            lags[news].append(waiting.ended - began)

        # A busy machine makes one of three late, and hardly the quickest.
        for news, late in lags.items():
            quickest = min(late)
            assert quickest <= scene.capabilities.wakeup_lag + PROMPT, (
                f"woken {quickest:.3f} s after the {news} at best"
            )

    @shows("FET-4", clocks=("own",))
    def test_fet_4_wake_ends_a_waiting_fetch_once(self, scene: Scene) -> None:
        consumer = scene.consumer()
        waiting = Background(lambda: consumer.fetch(1, LONG))
        assert waiting.is_waiting()

        consumer.wake()

        assert waiting.result(SLACK) == []
        [job] = scene.put()
        assert [lease.id for lease in scene.take(consumer)] == [job.id]

    @shows("FET-4", clocks=("own",))
    def test_fet_4_wake_without_a_waiting_fetch_ends_the_next(self, scene: Scene) -> None:
        consumer = scene.consumer()

        consumer.wake()
        began = time.monotonic()

        assert consumer.fetch(1, LONG) == []
        assert time.monotonic() - began < LONG / 2

    @shows("FET-4", clocks=("own",))
    def test_fet_4_stop_ends_this_fetch_and_every_later_one(self, scene: Scene) -> None:
        consumer = scene.consumer(lease=LONG)
        scene.put()
        lease = scene.one(consumer)
        waiting = Background(lambda: consumer.fetch(1, LONG))
        assert waiting.is_waiting()

        consumer.stop()

        assert waiting.result(SLACK) == []
        [left] = scene.put()
        assert consumer.fetch(1, LONG) == []
        assert scene.settle(consumer, Complete(lease=lease)) == [Answer.DONE]
        assert [each.id for each in scene.rest(scene.consumer())] == [left.id], (
            "a job was taken by a consumer that had stopped"
        )

    @shows("FET-4", clocks=("own",))
    def test_fet_4_job_met_by_the_end_of_a_fetch_is_not_lost(self, scene: Scene) -> None:
        for end in (Consumer.wake, Consumer.stop, _give_up):
            consumer = scene.consumer(lease=LONG)
            waiting = Background(partial(consumer.fetch, 1, LONG))
            assert waiting.is_waiting()
            [job] = scene.put()
            end(consumer)

            returned = [lease.id for lease in waiting.result(SLACK)]
            consumer.close(release=True)
            other = scene.consumer(lease=LONG)
            again = scene.take(other)
            assert [lease.id for lease in again] == [job.id]
            assert returned in ([], [job.id])
            scene.complete(other, *again)

    @shows("FET-5")
    def test_fet_5_queues_get_their_shares_of_the_fetches(self, scene: Scene) -> None:
        weights = {"half": 2, "quarter-1": 1, "quarter-2": 1}
        scene.declare(*weights)
        for queue in weights:
            scene.put(1000, queue=queue)
        consumer = scene.consumer(weights=weights)

        fetched = Counter(consumer.fetch(1, 0.0)[0].queue for _ in range(1000))

        for queue, weight in weights.items():
            share = 1000 * weight / sum(weights.values())
            assert 0.8 * share <= fetched[queue] <= 1.2 * share, f"shares were {dict(fetched)}"

    @shows("FET-5")
    def test_fet_5_full_queue_starves_no_other(self, scene: Scene) -> None:
        scene.declare("full", "rare")
        scene.put(200, queue="full")
        consumer = scene.consumer("full", "rare")

        for _ in range(20):
            [rare] = scene.put(queue="rare")
            got = {lease.id for _ in range(4) for lease in consumer.fetch(2, 0.0)}
            assert rare.id in got

    @shows("FET-6")
    def test_fet_6_consumer_holds_no_more_than_its_credit(self, scene: Scene) -> None:
        scene.put(20 + scene.capabilities.prefetch)
        hoarder, other = scene.consumer(), scene.consumer()

        mine = scene.take(hoarder, 4)
        left = scene.rest(other)

        assert len(left) >= 16, (
            f"{20 - 4 - len(left)} jobs are held back by a consumer that asked for 4"
        )
        assert not {lease.id for lease in mine} & {lease.id for lease in left}

    @shows("FET-7")
    def test_fet_7_job_fetched_ahead_is_leased_like_a_running_one(self, scene: Scene) -> None:
        scene.put(2)
        consumer, other = scene.consumer(), scene.consumer()
        running, ahead = scene.take(consumer, 2)

        for _ in range(3):
            scene.pass_time(scene.lease / 2)
            assert consumer.extend([running, ahead], scene.lease) == []
            scene.assert_idle(other)

        scene.complete(consumer, running, ahead)

    @shows("FET-7")
    def test_fet_7_job_leased_again_is_leased_for_the_whole_time(self, scene: Scene) -> None:
        scene.put()
        scene.one(scene.consumer())
        scene.outlast()
        owner, other = scene.consumer(), scene.consumer()
        again = scene.one(owner)

        scene.pass_time(scene.nearly(scene.lease))

        scene.assert_idle(other)
        assert scene.settle(owner, Complete(lease=again)) == [Answer.DONE]

    @shows("FET-7", marks=("a lease lapsed before it was fetched again",))
    def test_fet_7_fetched_lease_is_never_over_already(self, scene: Scene) -> None:
        scene.put(3)
        consumer = scene.consumer()

        for _ in range(3):
            for lease in scene.rest(consumer):
                assert lease.until - lease.now >= scene.lease - scene.capabilities.resolution
                if lease.redeliveries:
                    scene.mark("a lease lapsed before it was fetched again")
            scene.outlast()


def _taking(scene: Scene, consumer: Consumer, count: int) -> Callable[[], list[Lease]]:
    return lambda: scene.take(consumer, count)


def _held(scene: Scene, holder: Consumer) -> Lease:
    """A lease on the only job there is."""
    scene.backend.purge(QUEUE, [State.READY])
    scene.put()
    return scene.one(holder)


def _wait(scene: Scene) -> Background[list[Lease]]:
    """A fetch that waits."""
    consumer = scene.consumer(lease=LONG)
    waiting = Background(lambda: consumer.fetch(1, LONG))
    assert waiting.is_waiting()
    return waiting


def _woken(scene: Scene, waiting: Background[list[Lease]], since: float) -> list[Lease]:
    """What the fetch returned, in time."""
    leases = waiting.result(LONG / 2)
    late = waiting.ended - since
    assert late <= scene.capabilities.wakeup_lag + SLACK, f"woken {late:.3f} s late"
    return leases


def _give_up(consumer: Consumer) -> None:
    consumer.close(release=True)
