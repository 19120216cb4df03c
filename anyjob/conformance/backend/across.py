"""What many processes do to one backend in the same moment: directed examples."""

from __future__ import annotations

from collections import Counter

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.history.races import RACERS, flat, raced
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import SLACK, eventually
from anyjob.core.settlement import Bury, Complete, Lease

KEYS = tuple(f"key {number}" for number in range(10))
#: Seconds until a lease lapses and a delayed job is due.
SOON = 0.4


class AcrossProcesses(BackendProperties):
    """Real processes, so that no lock of one can help; threads where jobs live in one process."""

    @shows("LIF-3", clocks=("own",), layer="history")
    def test_lif_3_many_processes_open_and_declare_at_once(self, scene: Scene) -> None:
        jobs = [scene.job().id for _ in range(RACERS)]
        queues = [QUEUE, "together"]

        found = raced(scene, _reach(scene), "declare", queues=queues, queue="together", jobs=jobs)

        assert found == ["Accepted"] * RACERS
        assert {QUEUE, "together"} <= scene.backend.queues()
        leases = scene.rest(scene.consumer("together"))
        assert sorted(lease.id for lease in leases) == sorted(jobs)

    @shows("UNQ-1", needs="unique", clocks=("own",), layer="history")
    def test_unq_1_one_of_many_processes_gets_the_key(self, scene: Scene) -> None:
        jobs = [[scene.job().id for _ in KEYS] for _ in range(RACERS)]

        found = raced(scene, _reach(scene), "unique", queue=QUEUE, keys=KEYS, jobs=jobs)

        for answers in zip(*found, strict=True):
            holders = {holder for _, holder in answers}
            winners = [job for job, holder in answers if job == holder]
            assert len(winners) == 1, f"{len(winners)} jobs hold one key"
            assert holders == {*winners}
        assert len(scene.rest(scene.consumer())) == len(KEYS)

    @shows("ENQ-4", level="dedup", clocks=("own",), layer="history")
    def test_enq_4_same_ids_of_many_processes_make_one_job_each(self, scene: Scene) -> None:
        jobs = [scene.job().id for _ in range(20)]

        found = raced(scene, _reach(scene), "resend", queue=QUEUE, jobs=jobs)

        assert sorted(flat(found)) == sorted(jobs)
        assert sorted(lease.id for lease in scene.rest(scene.consumer())) == sorted(jobs)

    @shows("DLQ-5", needs="dead", clocks=("own",), layer="history")
    def test_dlq_5_job_revived_by_many_at_once_is_ready_once(self, scene: Scene) -> None:
        jobs = scene.put(20)
        consumer = scene.consumer()
        scene.settle(
            consumer, *(Bury(lease=lease, reason="broken") for lease in scene.rest(consumer))
        )

        found = raced(scene, _reach(scene), "revive", queue=QUEUE)

        assert sum(found) == len(jobs)
        scene.were_revived()
        leases = scene.rest(consumer)
        assert sorted(lease.id for lease in leases) == sorted(job.id for job in jobs)
        assert {(lease.attempt, lease.redeliveries) for lease in leases} == {(1, 0)}

    @shows("ADM-4", needs="cancel", clocks=("own",), layer="history")
    def test_adm_4_each_job_is_cancelled_for_one_of_many(self, scene: Scene) -> None:
        jobs = [job.id for job in scene.put(20)]
        consumer = scene.consumer(lease=60.0)
        running = scene.one(consumer)

        found = raced(scene, _reach(scene), "cancel", queue=QUEUE, jobs=jobs)

        for job, answers in zip(jobs, zip(*found, strict=True), strict=True):
            if job == running.id:
                assert set(answers) == {"running"}
            else:
                assert Counter(answers) == {"cancelled": 1, "ended": RACERS - 1}
        scene.complete(consumer, running)
        scene.assert_idle(consumer)

    @shows("MNT-1", clocks=("own",), layer="history")
    def test_mnt_1_many_processes_maintain_without_doubling_anything(self, scene: Scene) -> None:
        jobs = scene.put(60)
        taken = scene.take(scene.consumer(lease=SOON), 30)
        delayed = [] if scene.lacks("delay") else scene.put(30, due=SOON)
        left = scene.until_lapse(SOON)
        scene.elapse(max(left, SOON) + scene.capabilities.resolution)

        raced(scene, _reach(scene), "maintain")

        consumer = scene.consumer(lease=60.0)
        leases: list[Lease] = []

        def all_came() -> bool:
            leases.extend(scene.rest(consumer))
            return len(leases) >= len(jobs) + len(delayed)

        lags = scene.capabilities.redelivery_lag + scene.capabilities.schedule_lag
        eventually(all_came, lags + SLACK)
        assert sorted(lease.id for lease in leases) == sorted(job.id for job in [*jobs, *delayed])
        lost = {lease.id: lease.redeliveries for lease in leases if lease.redeliveries}
        assert lost == {lease.id: 1 for lease in taken}
        consumer.settle([Complete(lease=lease) for lease in leases])
        consumer.flush(10.0)
        assert scene.counted() == (0, 0, 0, 0)


def _reach(scene: Scene) -> str:
    return scene.capabilities.reach
