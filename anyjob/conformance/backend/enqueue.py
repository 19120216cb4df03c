"""Storing jobs: ENQ."""

from __future__ import annotations

from datetime import datetime

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import in_turn
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import SLACK
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.errors import AnyjobError, ConfigurationError, InvalidOption
from anyjob.core.settlement import Retry


class Enqueue(BackendProperties):
    """What is accepted is stored as it was; what is refused was never there."""

    @shows("ENQ-1")
    def test_enq_1_accepted_job_is_leased_as_it_was_stored(self, scene: Scene) -> None:
        job = scene.job(body=bytes(range(256)), priority=7)

        assert scene.backend.enqueue([job]) == [ACCEPTED]
        lease = scene.one(scene.consumer())

        assert (lease.id, lease.queue, lease.body) == (job.id, job.queue, job.body)
        assert (lease.priority, lease.attempt, lease.redeliveries) == (7, 1, 0)
        assert (lease.note, lease.verdict) == (b"", "run")

    @shows("ENQ-1", needs="delay")
    def test_enq_1_delayed_job_is_leased_as_it_was_stored(self, scene: Scene) -> None:
        [job] = scene.put(due=scene.delay, priority=2)

        lease = scene.arrives(scene.consumer(), scene.delay + scene.capabilities.schedule_lag)

        assert (lease.id, lease.body, lease.priority) == (job.id, job.body, 2)
        assert (lease.attempt, lease.redeliveries) == (1, 0)

    @shows("ENQ-2")
    def test_enq_2_only_accepted_jobs_are_delivered(self, scene: Scene) -> None:
        accepted = scene.put(20)
        with pytest.raises(AnyjobError):
            scene.backend.enqueue([scene.job(), scene.job(priority=10)])
        consumer = scene.consumer()

        leases = scene.rest(consumer)
        scene.complete(consumer, *leases)
        scene.outlast()

        assert sorted(lease.id for lease in leases) == [job.id for job in accepted]
        scene.assert_idle(consumer)

    @shows("ENQ-3")
    def test_enq_3_job_of_a_refused_call_is_never_delivered(self, scene: Scene) -> None:
        for bad in bad_jobs(scene):
            with pytest.raises(AnyjobError) as refusal:
                scene.backend.enqueue([bad])
            assert not refusal.value.retryable

        assert scene.counted() == (0, 0, 0, 0)
        scene.pass_time(scene.delay)
        scene.assert_idle(scene.consumer())

    @shows("ENQ-4", level="dedup")
    def test_enq_4_id_sent_again_makes_one_job(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()

        assert scene.backend.enqueue([job]) == [Duplicate(job.id)]
        lease = scene.one(consumer)
        assert scene.backend.enqueue([job]) == [Duplicate(job.id)]
        scene.settle(consumer, Retry(lease=lease))
        assert scene.backend.enqueue([job]) == [Duplicate(job.id)]
        scene.complete(consumer, scene.one(consumer))

        assert scene.backend.enqueue([job]) == [Duplicate(job.id)]
        scene.assert_idle(consumer)

    @shows("ENQ-4", level="dedup")
    def test_enq_4_id_twice_in_one_call_makes_one_job(self, scene: Scene) -> None:
        job, other = scene.job(), scene.job()

        receipts = scene.enqueue([job, job, other])

        assert receipts == [ACCEPTED, Duplicate(job.id), ACCEPTED]
        found = scene.rest(scene.consumer())
        assert in_turn(scene, found) == in_turn(scene, [job, other])

    @shows("ENQ-4", level="dedup", moves_clock=True)
    def test_enq_4_id_of_an_ended_job_is_known_for_the_window(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()
        scene.complete(consumer, scene.one(consumer))

        scene.pass_time(scene.capabilities.dedup_window - 1.0)

        assert scene.backend.enqueue([job]) == [Duplicate(job.id)]
        scene.assert_idle(consumer)

    @shows("ENQ-5")
    def test_enq_5_one_bad_job_refuses_the_whole_call(self, scene: Scene) -> None:
        for bad in bad_jobs(scene):
            for position in range(3):
                jobs = [scene.job(), scene.job()]
                jobs.insert(position, bad)
                with pytest.raises(AnyjobError):
                    scene.backend.enqueue(jobs)

        assert scene.counted() == (0, 0, 0, 0)
        scene.assert_idle(scene.consumer())

    @shows("ENQ-6", level="dedup")
    def test_enq_6_receipts_come_in_the_order_of_the_jobs(self, scene: Scene) -> None:
        known = scene.put(3)
        jobs = [scene.job() for _ in range(4)]
        mixed = [jobs[0], known[2], jobs[1], known[0], jobs[2], jobs[3], known[1]]

        receipts = scene.enqueue(mixed)

        expected = [Duplicate(job.id) if job in known else ACCEPTED for job in mixed]
        assert receipts == expected
        assert scene.backend.enqueue([]) == []

    @shows("ENQ-6")
    def test_enq_6_too_many_jobs_for_one_call_store_none(self, scene: Scene) -> None:
        most = scene.capabilities.max_batch
        jobs = [scene.job() for _ in range(most + 1)]

        with pytest.raises(ConfigurationError):
            scene.backend.enqueue(jobs)
        assert scene.counted() == (0, 0, 0, 0)

        assert scene.backend.enqueue(jobs[:most]) == [ACCEPTED] * most
        assert scene.counted() == (most, 0, 0, 0)

    @shows("ENQ-7", needs="transaction", hook="connection")
    def test_enq_7_job_appears_with_the_commit_of_its_caller(self, scene: Scene) -> None:
        connection = scene.harness.connection(scene.site)
        scene.at_end(connection.close)
        consumer = scene.consumer()
        given_up, kept = scene.job(), scene.job()

        assert scene.backend.enqueue([given_up], transaction=connection) == [ACCEPTED]
        assert scene.record(given_up) is None
        connection.rollback()
        assert scene.record(given_up) is None
        scene.assert_idle(consumer)
        assert scene.backend.enqueue([kept], transaction=connection) == [ACCEPTED]
        assert scene.record(kept) is None
        connection.commit()

        within = scene.capabilities.visibility_lag + scene.capabilities.wakeup_lag + SLACK
        assert [lease.id for lease in consumer.fetch(2, within)] == [kept.id]

    @shows("ENQ-8", clocks=("own",))
    def test_enq_8_other_connection_sees_an_accepted_job(self, scene: Scene) -> None:
        elsewhere = scene.consumer(backend=scene.fresh())

        for _ in range(20):
            [job] = scene.put()
            seen = elsewhere.fetch(1, scene.capabilities.visibility_lag)
            assert [lease.id for lease in seen] == [job.id]

    @shows("ENQ-9")
    def test_enq_9_queues_of_similar_names_do_not_mix(self, scene: Scene) -> None:
        names = ["a", "A", "a.b", "a-b", "a_b", "ab", "a.b.c", "a.", "0", "x" * 79, "x" * 80]
        scene.declare(*names)
        jobs = {name: scene.put(queue=name)[0].id for name in names}

        found = {name: [lease.id for lease in scene.rest(scene.consumer(name))] for name in names}

        assert found == {name: [job_id] for name, job_id in jobs.items()}
        assert set(names) <= scene.backend.queues()

    @shows("ENQ-9", needs="unique")
    def test_enq_9_unique_keys_of_similar_text_do_not_mix(self, scene: Scene) -> None:
        keys = [
            "a",
            "A",
            "a\0",
            "\0a",
            "a\0b",
            "a.b",
            "a:b",
            "a*",
            "é",
            "e\u0301",
            "k" * 1023,
            "k" * 1024,
        ]

        scene.put(queue=QUEUE, unique=Unique("a b"))
        receipts = scene.enqueue([scene.job(unique=Unique(key)) for key in keys])

        assert receipts == [ACCEPTED] * len(keys)

    @shows("ENQ-9", needs="unique")
    def test_enq_9_unique_key_belongs_to_its_queue(self, scene: Scene) -> None:
        scene.declare("other")
        [holder] = scene.put(unique=Unique("key"))

        elsewhere = scene.backend.enqueue([scene.job(queue="other", unique=Unique("key"))])

        assert elsewhere == [ACCEPTED]
        assert scene.backend.enqueue([scene.job(unique=Unique("key"))]) == [Duplicate(holder.id)]

    @shows("ENQ-9")
    def test_enq_9_names_outside_the_grammar_are_refused(self, scene: Scene) -> None:
        for name in [
            "",
            "x" * 81,
            ".a",
            "-a",
            "_a",
            "a b",
            "a:b",
            "a{b}",
            "a*",
            "a\0",
            "ä",
            "a\n",
            "a/b",
        ]:
            with pytest.raises(ConfigurationError):
                scene.backend.enqueue([scene.job(queue=name)])
            with pytest.raises(ConfigurationError):
                scene.declare(name)

    @shows("ENQ-9", needs="unique")
    def test_enq_9_unique_keys_outside_their_bounds_are_refused(self, scene: Scene) -> None:
        for key in ["", "k" * 1025, "é" * 513]:
            with pytest.raises(InvalidOption):
                scene.backend.enqueue([scene.job(unique=Unique(key))])

        assert scene.counted() == (0, 0, 0, 0)


def bad_jobs(scene: Scene) -> list[Envelope]:
    """Jobs that no backend may store, each for another reason."""
    too_large = bytes(scene.capabilities.max_payload + 1)
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - naive is what is to be refused
    jobs = [scene.job(body=too_large), scene.job(priority=10), scene.job(priority=-1)]
    if not scene.lacks("delay"):
        jobs.append(scene.job(due=naive))
    return jobs
