"""What holds the jobs is killed, frozen, emptied, full or damaged: CRS-5 to CRS-8, CRS-10.

Where there is no server, whoever else has the jobs open takes its place: a process that dies, or
stands still, with the backend in its hands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from anyjob.conformance.backend.every_call import every_call
from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import in_turn, settles_by_copy
from anyjob.conformance.crash.outage import (
    RECOVERED,
    blamed,
    empty,
    failed,
    on_own_server,
    standstill,
    survive,
)
from anyjob.conformance.crash.wireless import over_wire
from anyjob.conformance.example import shows
from anyjob.conformance.harness import offers
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.conformance.stage import SLACK, eventually
from anyjob.conformance.threads import Background
from anyjob.conformance.wire import Proxy
from anyjob.core.backend import Backend, Consumer, QueueSpec
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.errors import AnyjobError, BackendError, BackendFull
from anyjob.core.settlement import Answer, Bury, Complete, Lease, Release, Retry
from anyjob.core.state import State

#: Connections that a second of an outage may cost one client whose calls are made one by one.
ATTEMPTS = 200
#: More jobs than any limit of a test has room for, and how large each is.
MANY, LARGE = 4_000, 16_384
#: Long enough to tell a fetch that waits from one that does not.
IDLE = 0.3


class Outages(BackendProperties):
    """An outage costs time; what was acknowledged it costs as far as that is declared."""

    @shows("CRS-5", layer="server", level="durability", also=("SET-1", "ADM-3", "DLQ-6"))
    def test_crs_5_what_was_acknowledged_survives_a_kill(self, scene: Scene) -> None:
        here = survive(scene, _a_day)

        with blamed(here):
            _assert_day_is_kept(here)

        scene.status = f"PASS({_attested(here)})"

    @shows("LSE-9", layer="server", level="durability")
    def test_lse_9_no_token_is_issued_again_after_a_kill(self, scene: Scene) -> None:
        here = on_own_server(scene)
        here.put()
        tokens = []
        for _ in range(3):
            tokens.append(here.one(here.consumer()).token)
            here.outlast()
            here.backend.close()
            if here.server is not None:
                here.server.restart()
            here.use(here.client())

        tokens.append(here.one(here.consumer()).token)

        assert len(set(tokens)) == 4

    @shows("CRS-6", layer="server", level="durability", also=("CRS-4", "CAP-4"))
    def test_crs_6_same_objects_recover_when_what_stood_still_is_gone(self, scene: Scene) -> None:
        here = on_own_server(scene)
        here.put(3)
        backend = here.fresh()
        consumer = here.consumer(backend=backend)
        leases = here.take(consumer, 2)

        with standstill(here):
            running = [Background(call) for call in every_call(here, backend, consumer, leases)]
            ended_badly = [failed(each) for each in running]

        # Nothing answers for a frozen server; beside a frozen process some calls may pass.
        assert all(ended_badly) or here.server is None
        _assert_canary_passes(here, backend, consumer)

    @shows("CRS-3", layer="server", level="durability")
    def test_crs_3_settlement_nobody_answers_is_unknown_and_may_be_repeated(
        self, scene: Scene
    ) -> None:
        here = on_own_server(scene)
        here.put(2)
        consumer = here.consumer(backend=here.fresh())
        endings = [_complete(lease) for lease in here.take(consumer, 2)]
        consumer.settle(endings)

        with standstill(here):
            began = time.monotonic()
            answers = {each.answer for each in consumer.flush(0.3)}
            took = time.monotonic() - began

        assert answers == {Answer.UNKNOWN} or (answers == {Answer.DONE} and here.server is None)
        assert took <= 0.3 + SLACK
        assert eventually(lambda: Answer.UNKNOWN not in here.settle(consumer, *endings), RECOVERED)
        here.outlast()
        here.assert_idle(here.consumer())

    @shows("CRS-6", layer="server")
    @over_wire
    def test_crs_6_same_objects_recover_after_a_restart_without_a_storm(
        self, scene: Scene, shared: Proxy
    ) -> None:
        here = on_own_server(scene)
        assert here.server is not None
        proxy = here.proxy()
        assert proxy.port != shared.port
        backend = here.fresh(proxy=proxy)
        consumers = [here.consumer(backend=backend) for _ in range(2)]
        here.put(backend=backend)
        lease = here.one(consumers[0])

        here.server.kill()
        before, began = proxy.connections, time.monotonic()
        for call in every_call(here, backend, consumers[0], [lease]):
            with pytest.raises(AnyjobError) as caught:
                call()
            assert caught.value.retryable
        took = time.monotonic() - began
        assert proxy.connections - before <= ATTEMPTS * max(1.0, took), "a storm of retries"
        here.server.run()

        for consumer in consumers:
            _assert_canary_passes(here, backend, consumer)

    @shows("CRS-7", layer="server", level="durability", hook="plant")
    def test_crs_7_half_written_state_stops_no_queue(self, scene: Scene) -> None:
        here = on_own_server(scene)
        here.put(6)
        consumer = here.consumer()
        here.take(consumer, 2)
        here.backend.close()

        planted = here.harness.plant(here.site)

        here.use(here.client())
        consumer = here.consumer()
        for _ in range(3):
            _or_reported(here.backend.maintain, 0.1)
            _or_reported(here.backend.counts, QUEUE)
            leases: list[Lease] = _or_reported(consumer.fetch, 100, 0.0) or []
            here.settle(consumer, *map(_complete, leases))
            here.outlast()
        _assert_canary_passes(here, here.backend, consumer)
        if here.capabilities.counts == "exact":
            here.outlast()
            ready, scheduled, leased, _ = here.counted()
            assert (ready, scheduled, leased) == (0, 0, 0), "it counts what nobody can lease"
        assert planted, "VACUOUS: nothing was planted"
        scene.evidence["planted"] = len(planted)

    @shows("CRS-8", layer="server", level="durability")
    def test_crs_8_consumption_resumes_when_all_is_gone_and_the_loss_is_reported(
        self, scene: Scene
    ) -> None:
        here = on_own_server(scene)
        here.put(3)
        backend = here.fresh()
        reports: list[str] = []
        backend.subscribe(lambda name, _: reports.append(name))
        consumer = here.consumer(backend=backend)
        here.one(consumer)

        empty(here)

        deadline = time.monotonic() + RECOVERED
        canary, found, rounds = here.job(), list[Lease](), 0
        began = time.monotonic()
        while not found and time.monotonic() < deadline:
            rounds += 1
            found = _tried(lambda: _pass(backend, consumer, canary), reports)
        assert [lease.id for lease in found] == [canary.id]
        assert eventually(lambda: bool(reports), RECOVERED), (
            "nobody was told that the jobs are gone"
        )
        here.complete(consumer, *found)
        here.assert_idle(consumer)
        assert rounds <= 20 + 20 * (time.monotonic() - began), "a hot loop"
        began = time.monotonic()
        assert consumer.fetch(1, IDLE) == []
        waited = time.monotonic() - began
        assert waited >= IDLE - here.capabilities.resolution, "a fetch waits no more: a hot loop"

    @shows("CRS-10", layer="server", level="durability", hook="fill", also=("CAP-4",))
    def test_crs_10_when_full_no_job_is_taken_and_running_ones_settle(self, scene: Scene) -> None:
        here = on_own_server(scene)
        here.put(len(KINDS) + 1)
        consumer = here.consumer()
        *leases, extended = here.take(consumer, len(KINDS) + 1)

        with here.harness.fill(here.site):
            with pytest.raises(BackendFull) as full:
                _enqueue_many(here)
            kinds = [kind for kind in KINDS if kind != "bury" or not here.lacks("dead")]
            endings = [settlement(kind, lease) for kind, lease in zip(kinds, leases, strict=False)]
            answers = here.settle(consumer, *endings)
            late = [
                ending
                for ending, answer in zip(endings, answers, strict=True)
                if settles_by_copy(here)
                and isinstance(ending, Retry | Release | Bury)
                and answer is Answer.UNKNOWN
            ]
            assert answers.count(Answer.DONE) == len(endings) - len(late)
            assert consumer.extend([extended], here.lease) == []

        assert full.value.retryable
        if late:
            here.status = scene.status = "PASS(completions alone)"
            assert eventually(lambda: set(here.settle(consumer, *late)) == {Answer.DONE}, RECOVERED)
        assert eventually(lambda: _is_accepted(here), RECOVERED), "room came, and no job is taken"


def _a_day(scene: Scene, begin: Callable[[], None]) -> None:
    """Seven jobs that stand in seven ways when the kill comes; see `_jobs_of_a_day`."""
    consumer = scene.consumer()
    for end in (_complete, None, lambda lease: Bury(lease=lease, reason="broken", note=b"why")):
        scene.put()
        lease = scene.one(consumer)
        if end is not None and not (end is not _complete and scene.lacks("dead")):
            assert scene.settle(consumer, end(lease)) == [Answer.DONE]
    scene.put(priority=9)
    scene.put(unique=None if scene.lacks("unique") else Unique("key"))
    scene.put(queue=QUEUE, due=None if scene.lacks("delay") else scene.delay)
    scene.declare("stopped")
    scene.put(queue="stopped")
    if not scene.lacks("pause"):
        scene.backend.pause("stopped")


def _jobs_of_a_day(scene: Scene) -> list[str]:
    """The ids of the jobs that were completed, are held, dead, urgent, hold a key, are delayed, and
    wait in the queue that was paused.
    """
    return [scene.nth(number).id for number in range(1, 8)]


def _assert_day_is_kept(here: Scene) -> None:
    completed, held, dead, urgent, keyed, delayed, paused = _jobs_of_a_day(here)
    if not here.lacks("pause"):
        assert here.backend.paused() == {"stopped"}
    if not here.lacks("unique"):
        again = here.nth(50, unique=Unique("key"))
        assert here.backend.enqueue([again]) == [Duplicate(keyed)]
    consumer = here.consumer()
    leases = here.rest(consumer)
    here.complete(consumer, *leases)
    here.pass_time(here.delay + here.capabilities.schedule_lag)
    here.outlast()
    later = here.rest(consumer)
    here.complete(consumer, *later)

    # A lease, or a delay, that lasts a second may have ended while the server began again.
    slow = {held, delayed}
    soon = [lease for lease in leases if lease.id not in slow]
    assert in_turn(here, soon) == [urgent, keyed]
    stands = here.clock is not None and here.clock.remote is None
    assert not slow & {lease.id for lease in leases} or not stands or here.lacks("delay")
    assert {lease.id for lease in leases + later} == {urgent, keyed, held, delayed}
    [lost] = [lease for lease in leases + later if lease.id == held]
    assert lost.redeliveries >= 1
    assert lost.attempt == 1
    assert completed not in {lease.id for lease in leases + later}
    _assert_dead(here, dead)
    if not here.lacks("pause"):
        here.assert_idle(here.consumer("stopped"))
        here.backend.resume("stopped")
    assert here.one(here.consumer("stopped")).id == paused


def _assert_dead(scene: Scene, id: str) -> None:
    if scene.lacks("dead"):
        return
    if not scene.lacks("browse"):
        [record] = scene.backend.browse(QUEUE, State.DEAD, None, 10).records
        assert (record.id, record.reason, record.note) == (id, "broken", b"why")
    assert scene.backend.revive(QUEUE, None) == 1


def _attested(scene: Scene) -> str:
    """The durability that was shown: a power cut nobody can make, so that level is attested."""
    declared = scene.capabilities.durability
    if declared != "os":
        return declared
    if not offers(scene.harness, "attest_durability"):
        return "process"
    scene.harness.attest_durability(scene.site)
    return "os"


def _assert_canary_passes(scene: Scene, backend: Backend, consumer: Consumer) -> None:
    canary = scene.job()

    def passes() -> bool:
        try:
            backend.enqueue([canary])
            leases = consumer.fetch(10, 0.1)
        except BackendError:
            return False
        consumer.settle([Complete(lease=lease) for lease in leases])
        consumer.flush(SLACK)
        return canary.id in {lease.id for lease in leases}

    assert eventually(passes, RECOVERED), f"no job passes {RECOVERED:g} s after the outage"


def _or_reported(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returned; None if it reported in our words that something is wrong."""
    try:
        return call(*arguments)
    except AnyjobError:
        return None


def _tried(call: Callable[[], list[Lease]], reports: list[str]) -> list[Lease]:
    """What a call brought; nothing if it reported that something is wrong."""
    try:
        return call()
    except BackendError as error:
        reports.append(str(error))
        return []


def _pass(backend: Backend, consumer: Consumer, job: Envelope) -> list[Lease]:
    backend.declare([QueueSpec(job.queue)])
    backend.enqueue([job])
    return consumer.fetch(1, 0.1)


def _enqueue_many(scene: Scene) -> None:
    for _ in range(MANY):
        scene.backend.enqueue([scene.job(body=bytes(LARGE))])


def _is_accepted(scene: Scene) -> bool:
    try:
        return scene.backend.enqueue([scene.job()]) == [ACCEPTED]
    except BackendFull:
        return False


def _complete(lease: Lease) -> Complete:
    return Complete(lease=lease)
