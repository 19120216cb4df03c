"""Many at once, and after a fork: CON. What needs a wire that cuts or a server to kill (CRS) waits
for those layers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.forks import RAISED, REOPENED, in_child
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import SLACK
from anyjob.conformance.threads import Background, at_once
from anyjob.core.backend import Backend, Consumer, QueueSpec
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Answer, Complete, Lease, Release, Retry, Settlement

PRODUCERS = 3
JOBS = 80
#: How long a lot of jobs runs.
RUN = 0.001
#: What has not come when nothing came for so long is lost; beside what the backend declares.
LOST = SLACK + 3.0


class Faults(BackendProperties):
    """Jobs are conserved whoever shares the backend."""

    @shows("CON-1", marks=("two consumers shared the jobs", "a job was retried"))
    def test_con_1_jobs_of_many_producers_run_once_each(self, scene: Scene) -> None:
        lots = [[scene.job() for _ in range(JOBS)] for _ in range(PRODUCERS)]
        bodies = {job.id: job.body for lot in lots for job in lot}
        consumers = [scene.consumer(backend=scene.fresh(), worker=f"w{n}") for n in range(3)]
        done: list[Lease] = []
        patience = LOST + scene.capabilities.visibility_lag + scene.capabilities.wakeup_lag
        came = time.monotonic()

        def produce(lot: list[Envelope]) -> Callable[[], int]:
            return lambda: len([scene.enqueue([job]) for job in lot])

        def consume(consumer: Consumer) -> Callable[[], int]:
            def run() -> int:
                nonlocal came
                mine = 0
                while len(done) < len(bodies) and time.monotonic() < came + patience:
                    leases = consumer.fetch(4, 0.02)
                    came = time.monotonic() if leases else came
                    time.sleep(RUN)  # the jobs run, and the others get their turn
                    retried = [lease for lease in leases if _fails_first(lease)]
                    finished = [lease for lease in leases if not _fails_first(lease)]
                    settlements: list[Settlement] = [
                        *(Retry(lease=lease) for lease in retried),
                        *(Complete(lease=lease) for lease in finished),
                    ]
                    answers = scene.settle(consumer, *settlements)
                    assert answers == [Answer.DONE] * len(leases)
                    done.extend(finished)
                    mine += len(finished)
                    if retried:
                        scene.mark("a job was retried")
                return mine

            return run

        counts = at_once([*map(produce, lots), *map(consume, consumers)])

        if sum(count > 0 for count in counts[PRODUCERS:]) > 1:
            scene.mark("two consumers shared the jobs")
        assert Counter(lease.id for lease in done) == Counter(bodies.keys())
        assert {lease.id: lease.body for lease in done} == bodies
        assert {lease.redeliveries for lease in done} == {0}
        assert scene.counted() == (0, 0, 0, 0)

    @shows("CON-2")
    def test_con_2_threads_on_one_object_lose_and_double_nothing(self, scene: Scene) -> None:
        lots = [[scene.job() for _ in range(JOBS)] for _ in range(4)]
        at_once([partial(scene.enqueue, lot) for lot in lots])
        consumer = scene.consumer()
        leases = scene.take(consumer, 4 * JOBS)

        at_once([_settling(consumer, leases[at::4]) for at in range(4)])
        answers = Counter(each.answer for each in consumer.flush(5.0))

        assert answers == Counter({Answer.DONE: 4 * JOBS})
        assert scene.counted() == (0, 0, 0, 0)

    @shows("CON-2", clocks=("own",))
    def test_con_2_nothing_queues_behind_a_waiting_fetch(self, scene: Scene) -> None:
        scene.put(2)
        consumer = scene.consumer(lease=60.0)
        first, second = scene.take(consumer, 2)
        waiting = Background(lambda: consumer.fetch(1, 20.0))
        assert waiting.is_waiting()

        began = time.monotonic()
        assert consumer.extend([first, second], 60.0) == []
        assert scene.settle(consumer, Complete(lease=first)) == [Answer.DONE]
        scene.backend.counts(QUEUE)
        took = time.monotonic() - began

        assert took <= SLACK
        assert waiting.is_waiting()
        consumer.wake()
        assert waiting.result(SLACK) == []

    @shows("CON-3")
    def test_con_3_forked_child_reopens_or_raises(self, scene: Scene) -> None:
        scene.put(2)
        consumer = scene.consumer()
        lease = scene.one(consumer)

        for use in (
            lambda: scene.backend.counts(QUEUE),
            lambda: scene.backend.enqueue([scene.job()]),
            lambda: consumer.fetch(1, 0.0),
            lambda: consumer.extend([lease], scene.lease),
            lambda: consumer.flush(1.0),
        ):
            assert in_child(use) in (REOPENED, RAISED)
        assert in_child(lambda: consumer.close(release=True)) in (REOPENED, RAISED)
        assert in_child(scene.backend.close) in (REOPENED, RAISED)

        assert scene.settle(consumer, Release(lease=lease)) == [Answer.DONE]
        assert len(scene.rest(consumer)) >= 2

    @shows("CON-3")
    def test_con_3_two_backends_in_one_process_do_not_meet(self, scene: Scene) -> None:
        other = scene.fresh(namespace="another")
        other.declare([QueueSpec(QUEUE)])
        job = scene.job()

        for backend in (scene.backend, other):
            assert len(scene.put(3, backend=backend)) == 3
            scene.enqueue([job], backend=backend)
        lease = scene.one(scene.consumer())
        foreign = scene.consumer(backend=other)

        assert scene.settle(foreign, Complete(lease=lease)) == [Answer.LEASE_LOST]
        assert foreign.extend([lease], scene.lease) == [lease]
        assert len(scene.rest(foreign)) == 4
        _pause_elsewhere(scene, other)
        assert len(scene.rest(scene.consumer())) == 3


def _fails_first(lease: Lease) -> bool:
    """Every third job fails in its first run."""
    return lease.attempt == 1 and int(lease.id[-4:], 16) % 3 == 0


def _settling(consumer: Consumer, leases: list[Lease]) -> Callable[[], None]:
    def settle() -> None:
        for lease in leases:
            assert consumer.extend([lease], 60.0) == []
            consumer.settle([Complete(lease=lease)])
            consumer.wake()

    return settle


def _pause_elsewhere(scene: Scene, other: Backend) -> None:
    if not scene.lacks("pause"):
        other.pause(QUEUE)
        assert scene.backend.paused() == set()
