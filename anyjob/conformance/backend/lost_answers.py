"""Answers that are lost on a bad wire, and what each call owes then."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import came_or_went, hangs, in_doubt, remembers_apart
from anyjob.conformance.crash.outage import CALLS_END
from anyjob.conformance.crash.wireless import lose_answer, over_wire, stored_in_doubt
from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.conformance.stage import SLACK, eventually, only
from anyjob.conformance.threads import Background
from anyjob.conformance.wire import Cut, Proxy, Turns
from anyjob.core.backend import Consumer
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.errors import BackendError, BackendUnavailable
from anyjob.core.settlement import Answer, Complete, Lease, Retry, Settlement

T = TypeVar("T")
SECRET = b"account 4929-1234-5678-9012 of a customer, to be seen by nobody but the task"


class LostAnswers(BackendProperties):
    """Whoever asks again does no harm, and learns how it stands."""

    @shows("ENQ-3", layer="crash")
    @over_wire
    def test_enq_3_enqueue_that_reached_nobody_is_refused_and_one_in_doubt_says_so(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        backend = scene.fresh(proxy=proxy)
        backend.counts(QUEUE)  # is connected: the answer to the call itself is lost
        lost = [scene.job()]

        stored, doubt = stored_in_doubt(proxy, scene.job, lambda job: backend.enqueue([job]))
        proxy.go_down()
        with pytest.raises(BackendUnavailable):
            backend.enqueue(lost)

        assert doubt.retryable
        assert [each.id for each in doubt.envelopes] == [stored.id]
        assert came_or_went(scene, scene.rest(scene.consumer()), [], stored)

    @shows("ENQ-4", layer="crash", also=("ENQ-5",))
    @over_wire
    def test_enq_4_same_ids_sent_again_make_one_job_each(self, scene: Scene, proxy: Proxy) -> None:
        backend = scene.fresh(proxy=proxy)
        backend.counts(QUEUE)  # is connected: the call itself is cut
        for side in ("before", "after"):
            jobs = [scene.job() for _ in range(3)]
            proxy.cut = Cut(len(proxy.requests) + 1, side, for_good=False)
            proxy.was_cut = False
            with pytest.raises(BackendError) as doubt:
                backend.enqueue(jobs)
            assert doubt.value.retryable

            again = backend.enqueue(jobs)

            known = [ACCEPTED] * 3 if side == "before" else [Duplicate(job.id) for job in jobs]
            if not scene.lacks("dedup"):
                # Where jobs are remembered apart from them, the first request stores nothing.
                apart = [[ACCEPTED] * 3] if remembers_apart(scene) else []
                assert again in (known, *apart)
            consumer = scene.consumer()
            leases = scene.rest(consumer)
            ids = {lease.id for lease in leases}
            assert ids == {job.id for job in jobs}
            assert len(leases) == 3 or scene.lacks("dedup")
            scene.complete(consumer, *leases)

    @shows("UNQ-3", layer="crash", needs="unique")
    @over_wire
    def test_unq_3_key_whose_enqueue_lost_its_answer_has_one_holder(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        backend = scene.fresh(proxy=proxy)
        keyed = partial(scene.job, unique=Unique("key"))
        job, _ = stored_in_doubt(proxy, keyed, lambda job: backend.enqueue([job]))

        again = backend.enqueue([job])
        other = backend.enqueue([scene.job(unique=Unique("key"))])

        assert again == [Duplicate(job.id)]
        assert other == [Duplicate(job.id)]
        consumer = scene.consumer()
        scene.complete(consumer, *scene.rest(consumer))
        assert backend.enqueue([scene.job(unique=Unique("key"))]) == [ACCEPTED]

    @shows("FET-1", layer="crash")
    @over_wire
    def test_fet_1_two_clients_share_no_job_in_any_order_of_their_requests(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        for number in range(6):
            turns = Turns(effort().seed + number, clients=2)
            jobs = scene.put(8)
            names = ("first", "second")
            with (
                scene.wire(names[0], turns) as one,
                scene.wire(names[1], turns) as two,
            ):
                consumers = [scene.consumer(backend=scene.fresh(proxy=each)) for each in (one, two)]
                taking = [
                    Background(_taking(turns, name, consumer))
                    for name, consumer in zip(names, consumers, strict=True)
                ]
                taken = [each.result(CALLS_END) for each in taking]
                for consumer in consumers:
                    consumer.close(release=True)

            if all(taken):
                scene.mark("both clients had jobs")
            ids = [id for some in taken for id in some]
            if scene.capabilities.prefetch:
                # Some came ahead to one that asked no more.
                rest = scene.consumer()
                ids += [lease.id for lease in _all_completed(scene, rest, len(jobs) - len(ids))]
            assert sorted(ids) == sorted(job.id for job in jobs)
        scene.check_marks(("both clients had jobs",))

    @shows("FET-4", layer="crash")
    @over_wire
    def test_fet_4_job_whose_way_to_a_waiting_fetch_is_cut_is_leased_again(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
        waiting = Background(lambda: _or_refused(lambda: consumer.fetch(1, 10.0)))
        assert eventually(lambda: len(proxy.requests) > 1, SLACK)
        assert waiting.is_waiting()
        if not hangs(scene):
            proxy.cut = Cut(len(proxy.requests), "after", for_good=False)

        [job] = scene.put()

        if hangs(scene):
            # It is pushed, and may be there already when the connection goes with it.
            proxy.sever()
            given = waiting.result(CALLS_END)
            assert not given or [lease.id for lease in given] == [job.id]
            # No other fetch of it takes the job again.
            consumer.close(release=False)
        else:
            # Where several requests wait, or are made one after the other, the job may have come by
            # another.
            found = waiting.result(CALLS_END)
            by_another = scene.capabilities.prefetch or scene.capabilities.wait == "poll"
            assert not found or (by_another and only(found).id == job.id)
        scene.outlast()
        assert scene.one(scene.consumer()).id == job.id

    @shows("LSE-4", layer="crash", also=("SET-6",))
    @over_wire
    def test_lse_4_settlement_that_was_long_on_its_way_changes_nothing(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.declare("child")
        for kind in KINDS:
            [job] = scene.put()
            late = scene.consumer(backend=scene.fresh(proxy=proxy))
            lease = scene.one(late)
            late.settle([_settlement(scene, kind, lease, then=(scene.job(queue="child"),))])
            proxy.hold()
            flushing = Background(partial(late.flush, CALLS_END))
            assert flushing.is_waiting()

            if hangs(scene):
                # What is on its way is lost with its connection.
                proxy.cut = Cut(len(proxy.requests), "before", for_good=False)
                proxy.was_cut = False
                proxy.release()
            scene.outlast()
            owner = scene.consumer()
            held = scene.one(owner)
            proxy.release()
            answers = [each.answer for each in flushing.result(2 * CALLS_END)]

            assert held.id == job.id
            assert answers in ([Answer.LEASE_LOST], [Answer.UNKNOWN])
            scene.complete(owner, held)
            # What was on its way before the deadline, no local fence calls back.
            is_fenced = scene.capabilities.fencing == "token"
            scene.assert_idle(scene.consumer(QUEUE, *["child"] * is_fenced))

    @shows("LSE-12", layer="crash")
    @over_wire
    def test_lse_12_extend_that_lost_its_answer_may_be_repeated(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.put(3)
        consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
        leases = scene.take(consumer, 3)
        if hangs(scene):
            asked = len(proxy.requests)
            assert consumer.extend(leases, scene.lease) == []
            assert len(proxy.requests) == asked
            scene.status = "PASS(connection)"
        else:
            scene.elapse(0.6 * scene.lease)
            lose_answer(proxy)
            with pytest.raises(BackendError) as doubt:
                consumer.extend(leases, scene.lease)
            assert doubt.value.retryable

            assert consumer.extend(leases, scene.lease) == []

            scene.pass_time(0.6 * scene.lease)
            scene.assert_idle(scene.consumer())
        scene.complete(consumer, *leases)

    @shows("SET-1", layer="crash", also=("CRS-3",))
    @over_wire
    def test_set_1_completion_whose_answer_was_lost_is_final(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.put(2)
        consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
        leases = scene.take(consumer, 2)
        lose_answer(proxy)
        assert set(scene.settle(consumer, *map(_completed, leases))) == {Answer.UNKNOWN}

        again = scene.settle(consumer, *map(_completed, leases))

        assert Answer.UNKNOWN not in again
        scene.outlast()
        if hangs(scene):
            # With a connection may go what came over it last, read or not.
            found = scene.rest(scene.consumer())
            assert {each.id for each in found} <= {each.id for each in leases}
            assert all(each.redeliveries for each in found)
            scene.status = "PASS(connection)"
        else:
            scene.assert_idle(scene.consumer())

    @shows("SET-9", layer="crash")
    @over_wire
    def test_set_9_flush_over_a_silent_wire_ends_in_time_and_names_each(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.put(3)
        consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
        settlements = [Complete(lease=lease) for lease in scene.take(consumer, 3)]
        proxy.is_silent = True
        consumer.settle(settlements)

        began = time.monotonic()
        settled = consumer.flush(0.3)
        took = time.monotonic() - began

        assert took <= 0.3 + SLACK
        assert [each.answer for each in settled] == [Answer.UNKNOWN] * 3
        assert {id(each.settlement) for each in settled} == set(map(id, settlements))
        assert consumer.flush(0.3) == []

    @shows("SET-10", layer="crash")
    @over_wire
    def test_set_10_settlement_that_was_unknown_has_one_effect_when_repeated(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        [job] = scene.put(1)
        scene.declare("child")
        consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
        child = scene.job(queue="child")
        retry = Retry(lease=scene.one(consumer), then=(child,))
        lose_answer(proxy)
        assert scene.settle(consumer, retry) in in_doubt(scene)

        assert scene.settle(consumer, retry) in ([Answer.DONE], [Answer.LEASE_LOST])

        if hangs(scene):
            # The job comes again because its connection was lost, beside the copy or without one.
            scene.outlast()
            leases = scene.rest(scene.consumer())
            assert {each.id for each in leases} == {job.id}
            assert len({each.attempt for each in leases}) == len(leases)
            scene.status = "PASS(connection)"
        else:
            fetching = scene.consumer()
            lease = scene.one(fetching)
            assert lease.attempt == 2
            scene.complete(fetching, lease)
            assert [each.id for each in scene.rest(scene.consumer("child"))] == [child.id]
            scene.outlast()
            scene.assert_idle(scene.consumer())

    @shows("LIF-2", layer="crash")
    @over_wire
    def test_lif_2_close_over_a_silent_wire_ends_and_its_leases_run_out(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        [job] = scene.put()
        backend = scene.fresh(proxy=proxy)
        consumer = scene.consumer(backend=backend)
        scene.one(consumer)
        proxy.is_silent = True

        closing = Background(lambda: consumer.close(release=True))
        closing.result(CALLS_END)
        backend.close()

        assert eventually(lambda: proxy.open_connections == 0, SLACK)
        if hangs(scene):
            # The far end hears of it at last, as it would by its own heartbeat.
            proxy.heal()
        scene.outlast()
        assert scene.one(scene.consumer()).id == job.id


def _or_refused(call: Callable[[], T]) -> T | None:
    """What a call returned; None if it raised one of our retryable errors."""
    try:
        return call()
    except BackendError as error:
        assert error.retryable  # noqa: PT017 - it may be raised, or not
        return None


def _taking(turns: Turns, name: str, consumer: Consumer) -> Callable[[], list[str]]:
    def take() -> list[str]:
        taken: list[str] = []
        with turns.taking_part(name):
            for _ in range(4):
                leases = consumer.fetch(1, 0.0)
                taken += [lease.id for lease in leases]
                consumer.settle([Complete(lease=lease) for lease in leases])
            consumer.flush(CALLS_END)
        return taken

    return take


def _all_completed(scene: Scene, consumer: Consumer, count: int) -> list[Lease]:
    leases = scene.take(consumer, count) if count > 0 else []
    scene.complete(consumer, *leases)
    return leases


def _settlement(
    scene: Scene, kind: str, lease: Lease, then: tuple[Envelope, ...] = ()
) -> Settlement:
    """One of that kind; of another kind where the backend has no dead letters."""
    known = "complete" if kind == "bury" and scene.lacks("dead") else kind
    return settlement(known, lease, then=then)


def _completed(lease: Lease) -> Settlement:
    return Complete(lease=lease)
