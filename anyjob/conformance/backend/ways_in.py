"""Other ways to store jobs than `enqueue`: begun and waited for later, and from an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from anyjob.conformance.backend.enqueue import bad_jobs
from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import came_or_went, in_turn
from anyjob.conformance.crash.outage import CALLS_END
from anyjob.conformance.crash.wireless import (
    MOST_REQUESTS,
    lose_answer,
    over_wire,
    stored_in_doubt,
)
from anyjob.conformance.example import shows
from anyjob.conformance.scene import Scene
from anyjob.conformance.wire import Proxy
from anyjob.core.backend import Backend
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError, EnqueueUncertain

#: Calls that one loop makes in one moment.
_AT_ONCE = 24


def begun(backend: Backend, jobs: Sequence[Envelope]) -> list[Receipt]:
    """Store by `start_enqueue`."""
    return backend.start_enqueue(jobs)()


def from_loop(backend: Backend, jobs: Sequence[Envelope]) -> list[Receipt]:
    """Store by `aenqueue`, in an event loop of its own; by `enqueue` where there is no way."""

    async def store() -> list[Receipt]:
        return await asyncio.wait_for(_awaited(backend, jobs), CALLS_END)

    return asyncio.run(store())


async def _awaited(backend: Backend, jobs: Sequence[Envelope]) -> list[Receipt]:
    answer: Awaitable[list[Receipt]] | None = backend.aenqueue(jobs)
    return backend.enqueue(jobs) if answer is None else await answer


async def _all_at_once(backend: Backend, jobs: Sequence[Envelope]) -> list[list[Receipt]]:
    calls = (_awaited(backend, [job]) for job in jobs)
    return await asyncio.wait_for(asyncio.gather(*calls), CALLS_END)


async def _cancelling_some(
    backend: Backend, jobs: Sequence[Envelope], late: Envelope
) -> tuple[list[list[Receipt] | BaseException], list[Receipt]]:
    """Store jobs by a call each, every third of which is cancelled on its way, and one more job."""
    calls = [asyncio.ensure_future(_awaited(backend, [job])) for job in jobs]
    await asyncio.sleep(0)
    for call in calls[::3]:
        call.cancel()
    ends = asyncio.gather(*calls, return_exceptions=True)
    answers = await asyncio.wait_for(ends, CALLS_END)
    return answers, await asyncio.wait_for(_awaited(backend, [late]), CALLS_END)


_WAYS: tuple[Callable[[Backend, Sequence[Envelope]], list[Receipt]], ...] = (begun, from_loop)


class WaysIn(BackendProperties):
    """What holds for `enqueue` holds for its other ways."""

    @shows("ENQ-1")
    def test_enq_1_job_stored_by_another_way_is_leased_as_it_was(self, scene: Scene) -> None:
        consumer = scene.consumer()
        for way in _WAYS:
            job = scene.job(body=bytes(range(256)), priority=7)

            assert way(scene.backend, [job]) == [ACCEPTED]
            lease = scene.one(consumer)
            scene.complete(consumer, lease)

            assert (lease.id, lease.body, lease.priority) == (job.id, job.body, 7)
            assert (lease.attempt, lease.redeliveries, lease.note) == (1, 0, b"")

    @shows("ENQ-3")
    def test_enq_3_bad_job_is_refused_by_every_way(self, scene: Scene) -> None:
        for way in _WAYS:
            for bad in bad_jobs(scene):
                with pytest.raises(AnyjobError) as refusal:
                    way(scene.backend, [bad])
                assert not refusal.value.retryable

        assert scene.counted() == (0, 0, 0, 0)
        scene.assert_idle(scene.consumer())

    @shows("ENQ-5")
    def test_enq_5_bad_job_refuses_its_whole_call_by_every_way(self, scene: Scene) -> None:
        for way in _WAYS:
            for bad in bad_jobs(scene):
                with pytest.raises(AnyjobError):
                    way(scene.backend, [scene.job(), bad, scene.job()])

        assert scene.counted() == (0, 0, 0, 0)

    @shows("ENQ-4", level="dedup")
    def test_enq_4_id_sent_again_by_another_way_makes_one_job(self, scene: Scene) -> None:
        [job] = scene.put()

        for way in _WAYS:
            assert way(scene.backend, [job]) == [Duplicate(job.id)]

        assert [lease.id for lease in scene.rest(scene.consumer())] == [job.id]

    @shows("ENQ-6", level="dedup")
    def test_enq_6_receipts_by_every_way_come_in_the_order_of_the_jobs(self, scene: Scene) -> None:
        known = scene.put(2)
        for way in _WAYS:
            most = min(scene.capabilities.max_batch, 4)
            mixed = [scene.job(), known[1], scene.job(), known[0]][:most]

            receipts = way(scene.backend, mixed)

            assert receipts == [Duplicate(job.id) if job in known else ACCEPTED for job in mixed]

    @shows("ENQ-6")
    def test_enq_6_too_many_jobs_by_any_way_store_none(self, scene: Scene) -> None:
        jobs = [scene.job() for _ in range(scene.capabilities.max_batch + 1)]

        for way in _WAYS:
            with pytest.raises(ConfigurationError):
                way(scene.backend, jobs)

        assert scene.counted() == (0, 0, 0, 0)

    @shows("ENQ-6", level="dedup")
    def test_enq_6_calls_of_one_moment_each_get_their_own_answer(self, scene: Scene) -> None:
        known = scene.put(_AT_ONCE // 4)
        jobs = [
            known[number // 4] if number % 4 == 2 else scene.job() for number in range(_AT_ONCE)
        ]

        receipts = asyncio.run(_all_at_once(scene.backend, jobs))

        assert receipts == [[Duplicate(job.id)] if job in known else [ACCEPTED] for job in jobs]

    @shows("ORD-2")
    def test_ord_2_jobs_of_one_event_loop_come_in_the_order_of_their_calls(
        self, scene: Scene
    ) -> None:
        jobs = [scene.job() for _ in range(_AT_ONCE)]

        asyncio.run(_all_at_once(scene.backend, jobs))

        found = scene.rest(scene.consumer())
        assert in_turn(scene, found) == in_turn(scene, jobs)

    @shows("ENQ-3")
    def test_enq_3_call_that_is_cancelled_disturbs_no_other(self, scene: Scene) -> None:
        jobs = [scene.job() for _ in range(_AT_ONCE)]
        late = scene.job()

        answers, after = asyncio.run(_cancelling_some(scene.backend, jobs, late))

        assert after == [ACCEPTED]
        accepted = {j.id for j, answer in zip(jobs, answers, strict=True) if answer == [ACCEPTED]}
        kept = {job.id for number, job in enumerate(jobs) if number % 3}
        assert accepted >= kept, [answer for answer in answers if isinstance(answer, Exception)]
        found = [lease.id for lease in scene.rest(scene.consumer())]
        assert len(found) == len(set(found))
        assert accepted | {late.id} <= set(found) <= {job.id for job in [*jobs, late]}

    @shows("ENQ-3", layer="crash")
    @over_wire
    def test_enq_3_what_was_begun_tells_a_refusal_from_a_doubt(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        backend = scene.fresh(proxy=proxy)
        first = scene.job()
        assert begun(backend, [first]) == [ACCEPTED]

        doubtful, doubt = stored_in_doubt(proxy, scene.job, lambda job: begun(backend, [job]))
        proxy.go_down()
        with pytest.raises(BackendUnavailable):
            begun(backend, [scene.job()])

        _check_doubt(scene, doubt, doubtful, [first, doubtful])

    @shows("ENQ-3", layer="crash")
    @over_wire
    def test_enq_3_event_loop_is_told_a_refusal_from_a_doubt(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        backend = scene.fresh(proxy=proxy)
        first = scene.job()

        found: list[tuple[Envelope, EnqueueUncertain]] = []

        async def store() -> None:
            # One loop for all, which may have a connection of its own by now.
            assert await _awaited(backend, [first]) == [ACCEPTED]
            found.append(await _in_doubt(scene, proxy, backend))
            proxy.go_down()
            with pytest.raises(BackendUnavailable):
                await _awaited(backend, [scene.job()])

        asyncio.run(store())
        [(doubtful, doubt)] = found
        _check_doubt(scene, doubt, doubtful, [first, doubtful])


async def _in_doubt(
    scene: Scene, proxy: Proxy, backend: Backend
) -> tuple[Envelope, EnqueueUncertain]:
    """As `stored_in_doubt`, from a loop."""
    for skipped in range(MOST_REQUESTS):
        doubtful = scene.job()
        lose_answer(proxy, skipped)
        try:
            await _awaited(backend, [doubtful])
        except EnqueueUncertain as doubt:
            return doubtful, doubt
        except BackendUnavailable:
            continue
        break
    raise AssertionError("a call whose answer was lost raised no EnqueueUncertain")


def _check_doubt(
    scene: Scene, doubt: EnqueueUncertain, doubtful: Envelope, stored: Sequence[Envelope]
) -> None:
    assert doubt.retryable
    assert [each.id for each in doubt.envelopes] == [doubtful.id]
    sure = [job for job in stored if job.id != doubtful.id]
    assert came_or_went(scene, scene.rest(scene.consumer()), sure, doubtful)
