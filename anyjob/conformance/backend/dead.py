"""Dead letters and what comes of them: DLQ."""

from __future__ import annotations

from functools import partial

import msgspec

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import only
from anyjob.conformance.threads import at_once
from anyjob.core.backend import JobRecord
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.settlement import Abandon, Answer, Bury, Release, Retry, Verdict
from anyjob.core.state import State
from anyjob.core.verdict import MAX_REDELIVERIES, verdict_of
from anyjob.core.wire import VERSION, Body

MAX_ATTEMPTS = 4
#: More jobs than any backend handles in one step, and half of them too.
SEVERAL_PAGES = 5_000
_NO_ARGUMENTS = msgspec.Raw(b"{}")


class Dead(BackendProperties):
    """A dead letter is the job as it was, and why; a person may bring it back."""

    @shows("DLQ-1", needs="dead")
    def test_dlq_1_failing_job_has_all_its_runs_and_no_more(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        runs = 0

        for _ in range(4 * MAX_ATTEMPTS):
            leases = scene.rest(consumer)
            if not leases:
                break
            lease = only(leases)
            if lease.redeliveries == runs:
                # Each run but the last is preceded by a lease that is lost, and costs nothing.
                scene.outlast()
                continue
            runs += 1
            assert lease.attempt == runs
            dead = Bury(lease=lease, reason="broken")
            scene.settle(consumer, dead if runs == MAX_ATTEMPTS else Retry(lease=lease))

        assert runs == MAX_ATTEMPTS
        assert scene.counted() == (0, 0, 0, 1)

    @shows("DLQ-2", needs="dead")
    def test_dlq_2_dead_job_equals_the_original_and_says_why(self, scene: Scene) -> None:
        [job] = scene.put(body=b"\x00\xffraw", priority=8)
        consumer = scene.consumer()
        scene.settle(consumer, Retry(lease=scene.one(consumer)))
        scene.settle(consumer, Abandon(lease=scene.one(consumer)))
        lease = scene.one(consumer)

        scene.settle(consumer, Bury(lease=lease, reason="broken for good", note=b"ValueError"))

        record = _dead(scene, job)
        assert (record.id, record.queue, record.body, record.priority) == (
            job.id,
            QUEUE,
            job.body,
            8,
        )
        assert (record.reason, record.note) == ("broken for good", b"ValueError")
        assert (record.attempts, record.redeliveries) == (2, 1)
        assert record.ended is not None
        assert lease.now - 1.0 <= record.ended <= lease.until

    @shows("DLQ-2", needs="results")
    def test_dlq_2_dead_job_shows_its_outcome(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        burial = Bury(lease=lease, reason="broken", outcome=b"what it came to", keep=scene.lease)
        assert scene.settle(consumer, burial) == [Answer.DONE]

        record = scene.record(job)
        assert record is not None
        assert record.outcome == b"what it came to"

    @shows("DLQ-2", needs="dead")
    def test_dlq_2_job_buried_unrun_has_no_attempt_more(self, scene: Scene) -> None:
        [job] = scene.put()
        consumer = scene.consumer()

        scene.settle(consumer, Bury(lease=scene.one(consumer), reason="unknown task", ran=False))

        assert _dead(scene, job).attempts == 0

    @shows("DLQ-4")
    def test_dlq_4_job_that_is_always_lost_is_delivered_until_judged_poison(
        self, scene: Scene
    ) -> None:
        scene.put()
        consumer = scene.consumer()
        body = Body(v=VERSION, id="j", task="t", args=_NO_ARGUMENTS, enqueued_at=0.0)

        leases = []
        for _ in range(2 + MAX_REDELIVERIES):
            leases.append(scene.one(consumer))
            scene.outlast()
        verdicts = [verdict_of(lease, body) for lease in leases]

        assert verdicts.count(Verdict.RUN) <= 1 + MAX_REDELIVERIES
        assert verdicts[-1] is Verdict.POISON
        if scene.capabilities.redeliveries == "exact":
            assert verdicts.count(Verdict.RUN) == 1 + MAX_REDELIVERIES
            assert leases[-1].redeliveries == 1 + MAX_REDELIVERIES

    @shows("DLQ-4")
    def test_dlq_4_releases_make_no_poison(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        body = Body(v=VERSION, id="j", task="t", args=_NO_ARGUMENTS, enqueued_at=0.0)

        for _ in range(2 + MAX_REDELIVERIES):
            lease = scene.one(consumer)
            counted = scene.capabilities.release == "none"
            assert verdict_of(lease, body) is Verdict.RUN or counted
            scene.settle(consumer, Release(lease=lease))

    @shows("DLQ-5", needs="dead")
    def test_dlq_5_revived_job_begins_anew_and_keeps_its_past(self, scene: Scene) -> None:
        job, other = _two_dead(scene)
        consumer = scene.consumer()

        assert scene.backend.revive(QUEUE, [job.id]) == 1

        lease = scene.one(consumer)
        assert (lease.id, lease.body, lease.priority) == (job.id, job.body, job.priority)
        assert (lease.attempt, lease.redeliveries, lease.note) == (1, 0, b"history")
        assert _dead(scene, other).state is State.DEAD

    @shows("DLQ-5", needs="dead")
    def test_dlq_5_more_than_a_page_is_revived(self, scene: Scene) -> None:
        consumer = scene.consumer()
        scene.put(SEVERAL_PAGES)
        leases = scene.take(consumer, SEVERAL_PAGES)
        scene.settle(consumer, *(Bury(lease=lease, reason="broken") for lease in leases))
        ids = [lease.id for lease in leases]

        assert scene.backend.revive(QUEUE, ids[: SEVERAL_PAGES // 2]) == SEVERAL_PAGES // 2
        assert scene.backend.revive(QUEUE, None) == SEVERAL_PAGES // 2

        assert scene.counted() == (SEVERAL_PAGES, 0, 0, 0)

    @shows("DLQ-5", needs="dead")
    def test_dlq_5_edit_replaces_the_body(self, scene: Scene) -> None:
        job, other = _two_dead(scene)

        assert scene.backend.revive(QUEUE, None, edit={job.id: b"mended"}) == 2

        bodies = {lease.id: lease.body for lease in scene.rest(scene.consumer())}
        assert bodies == {job.id: b"mended", other.id: other.body}

    @shows("DLQ-5", needs="dead")
    def test_dlq_5_job_revived_twice_at_once_is_ready_once(self, scene: Scene) -> None:
        elsewhere = scene.fresh()
        for _ in range(5):
            job, other = _two_dead(scene)

            revived = at_once(
                [partial(backend.revive, QUEUE, None) for backend in (scene.backend, elsewhere)]
            )

            assert sum(revived) == 2
            consumer = scene.consumer()
            leases = scene.rest(consumer)
            assert sorted(lease.id for lease in leases) == sorted([job.id, other.id])
            scene.complete(consumer, *leases)

    @shows("DLQ-5", needs="dead")
    def test_dlq_5_what_is_not_dead_is_not_revived(self, scene: Scene) -> None:
        _two_dead(scene)
        [waiting] = scene.put()

        assert scene.backend.revive(QUEUE, [waiting.id, scene.job().id]) == 0

        assert scene.counted() == (1, 0, 0, 2)

    @shows("DLQ-5", needs="unique")
    def test_dlq_5_revive_respects_a_unique_key(self, scene: Scene) -> None:
        [job] = scene.put(unique=Unique("key"))
        consumer = scene.consumer()
        scene.settle(consumer, Bury(lease=scene.one(consumer), reason="broken"))
        [holder] = scene.put(unique=Unique("key"))

        assert scene.backend.revive(QUEUE, [job.id]) == 0
        scene.complete(consumer, scene.one(consumer))
        assert scene.backend.revive(QUEUE, [job.id]) == 1

        again = scene.job(unique=Unique("key"))
        assert scene.backend.enqueue([again]) == [Duplicate(job.id)]
        assert holder.id != job.id

    @shows("DLQ-6", needs="dead", moves_clock=True)
    def test_dlq_6_dead_letters_stay_until_a_person_acts(self, scene: Scene) -> None:
        _two_dead(scene)
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        # A service that keeps nothing for ever is held to what it declares.
        kept = scene.capabilities.retention
        for _ in range(4):
            scene.pass_time(90 * 86_400.0 if kept is None else 0.2 * kept)
        scene.outlast()

        assert scene.counted()[3] == 2
        assert scene.one(consumer).id == lease.id
        assert scene.backend.discard(QUEUE, None) == 2
        assert scene.counted() == (0, 0, 1, 0)

    @shows("DLQ-6", needs="dead", level="durability")
    def test_dlq_6_dead_letters_survive_a_restart(self, scene: Scene) -> None:
        job, _ = _two_dead(scene)
        [waiting] = scene.put(priority=9)

        scene.backend.close()
        scene.backend = scene.fresh()

        assert _dead(scene, job).note == b"history"
        assert scene.backend.revive(QUEUE, None) == 2
        leases = scene.rest(scene.consumer())
        assert leases[0].id == waiting.id or scene.capabilities.order == "loose"
        assert waiting.id in {lease.id for lease in leases}
        assert len(leases) == 3

    @shows("DLQ-7")
    def test_dlq_7_bytes_that_are_no_job_are_handed_over_and_buried_raw(self, scene: Scene) -> None:
        garbage = [b"", b"\x00", b"{", b"\xff\xfe", b'{"v":1}', b"[" * 10_000, b"null"]
        jobs = [scene.put(body=body)[0] for body in garbage]
        [sound] = scene.put(body=b"sound")
        consumer = scene.consumer()

        leases = {lease.id: lease for lease in scene.take(consumer, len(garbage) + 1)}
        for job in jobs:
            lease = leases[job.id]
            assert lease.body == job.body
            assert lease.verdict in (Verdict.RUN, Verdict.UNDECODABLE)
            burial = Bury(lease=lease, reason="undecodable", ran=False)
            assert scene.settle(consumer, burial) == [Answer.DONE]

        scene.complete(consumer, leases[sound.id])
        if not scene.lacks("dead"):
            assert [_dead(scene, job).body for job in jobs] == garbage
        assert scene.backend.enqueue([scene.job()]) == [ACCEPTED]


def _two_dead(scene: Scene) -> tuple[Envelope, Envelope]:
    """Two dead jobs with a past: a failed run, a lost lease and a note."""
    jobs = scene.put(2, priority=3)
    consumer = scene.consumer()
    for settle in (
        lambda lease: Retry(lease=lease, note=b"history"),
        lambda lease: Abandon(lease=lease),
        lambda lease: Bury(lease=lease, reason="broken"),
    ):
        wanted = {job.id for job in jobs}
        leases = [lease for lease in scene.rest(consumer) if lease.id in wanted]
        assert len(leases) == 2
        scene.settle(consumer, *(settle(lease) for lease in leases))
    return jobs[0], jobs[1]


def _dead(scene: Scene, job: Envelope) -> JobRecord:
    record = scene.record(job)
    assert record is not None
    assert record.state is State.DEAD
    return record
