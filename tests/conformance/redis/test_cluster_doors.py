"""Enqueuing to a Cluster from event loops: a connection to each node, none of which waits for
another.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from anyjob import App
from anyjob.backends import (
    Accepted,
    BackendUnavailable,
    Duplicate,
    EnqueueUncertain,
    Envelope,
    Unique,
)
from anyjob.backends.redis import RedisBackend
from anyjob.core.errors import BackendCorrupt, Misuse
from anyjob.core.state import State
from tests.conformance.redis.cluster import Cluster, client, cluster, number_of, say, slot_of
from tests.conformance.redis.harness import RedisHarness
from tests.conformance.redis.test_cluster import namespace_listed_on
from tests.unit.backends.redis.loops import DEADLINE, all_of, eventually, is_any_aside, run
from tests.waiting import until

#: Far less than any deadline of ours.
SOON = 2.0
#: A failover, as these nodes do it, with what a loaded machine adds.
PATIENCE = 25.0


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """One that no test of this module stops or changes for good."""
    with cluster(RedisHarness.root) as running:
        yield running


@pytest.fixture
def lines(three: Cluster) -> list[str]:
    """A queue on each node."""
    return [three.queue_on(number) for number in range(len(three.primaries))]


@pytest.fixture
def backend(three: Cluster) -> Iterator[RedisBackend]:
    backend = RedisBackend(three.url, namespace=f"t{uuid4().hex[:12]}")
    backend.open()
    yield backend
    backend.close()


@pytest.fixture
def lame(tmp_path: Path) -> Iterator[Cluster]:
    """One whose nodes go on without each other."""
    with cluster(tmp_path) as running:
        for node in running.primaries:
            say(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        yield running


def job(queue: str, **fields: Any) -> Envelope:
    return Envelope(id=str(uuid4()), queue=queue, body=b"body", **fields)


def opened(running: Cluster, listed_on: int = 0) -> RedisBackend:
    backend = RedisBackend(running.url, namespace=namespace_listed_on(listed_on))
    backend.open()
    return backend


def scripts_run(running: Cluster) -> list[int]:
    """How often each node was asked to run a script."""
    found = []
    for node in running.primaries:
        with client(node.port) as asked:
            told = asked.info("commandstats").get("cmdstat_evalsha", {"calls": 0})
            found.append(int(told["calls"]))
    return found


def ready(backend: RedisBackend, queue: str) -> list[str]:
    return [each.id for each in backend.browse(queue, State.READY, None, 1000).records]


async def aside(work: Any, *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)


# What is stored


def test_jobs_of_one_turn_are_one_trip_to_each_node_and_start_no_thread(
    three: Cluster, backend: RedisBackend, lines: list[str]
) -> None:
    jobs = [job(line) for _ in range(50) for line in lines]

    async def main() -> tuple[Any, list[int], set[threading.Thread]]:
        await all_of(*(backend.aenqueue([job(line)]) for line in lines))
        await eventually(lambda: not is_any_aside())
        before, threads = scripts_run(three), set(threading.enumerate())
        answers = [asyncio.ensure_future(backend.aenqueue([each])) for each in jobs]
        seen = set(threading.enumerate())
        told = await all_of(*answers)
        seen |= set(threading.enumerate())
        trips = [now - then for then, now in zip(before, scripts_run(three), strict=True)]
        return told, trips, seen - threads

    told, trips, new_threads = run(main())

    assert told == [[Accepted()]] * 150
    assert max(trips) <= 2  # the first alone, and the rest
    assert new_threads == set()
    for line in lines:
        assert ready(backend, line)[1:] == [each.id for each in jobs if each.queue == line]


def test_app_goes_by_no_thread_of_its_own(three: Cluster, lines: list[str]) -> None:
    async def main() -> list[str]:
        await asyncio.gather(*(work.using(queue=line).aenqueue() for line in lines))
        return [thread.name for thread in threading.enumerate()]

    with App(three.url, namespace=f"t{uuid4().hex[:12]}", queues=lines) as app:
        work = app.task(name="work")(lambda: None)
        names = asyncio.run(main())

        assert [app.counts(line).ready for line in lines] == [1] * len(lines)
        assert "anyjob-publish" not in names


def test_call_for_several_nodes_gets_a_receipt_for_each_job(
    backend: RedisBackend, lines: list[str]
) -> None:
    holder = job(lines[2], unique=Unique("key"))
    backend.enqueue([holder])
    jobs = [job(lines[2], unique=Unique("key")), job(lines[0]), job(lines[1]), job(lines[0])]

    async def main() -> Any:
        return await backend.aenqueue(jobs), await backend.aenqueue(jobs[::-1])

    first, again = run(main())

    assert first == [Duplicate(holder.id), Accepted(), Accepted(), Accepted()]
    assert again == [*(Duplicate(each.id) for each in jobs[:0:-1]), Duplicate(holder.id)]
    assert backend.queues() == {*lines}


def test_call_of_which_a_node_refuses_a_part_is_uncertain_and_its_neighbours_are_not(
    three: Cluster, backend: RedisBackend, lines: list[str]
) -> None:
    keys = backend._link.keys  # noqa: SLF001 - no other door names keys
    jobs = [job(line) for line in lines]

    async def main() -> Any:
        lots = [jobs, [job(lines[0])], [job(lines[1])], [job(lines[1]), job(lines[2])]]
        return await all_of(*map(backend.aenqueue, lots), backend.aenqueue([job(lines[2])]))

    with client(three.node_of(lines[1]).port) as asked:
        asked.set(keys.jobs(lines[1]), b"")
        part, good, refused, other_part, last = run(main())
        asked.delete(keys.jobs(lines[1]))

    assert type(part) is type(other_part) is EnqueueUncertain
    assert part.envelopes == tuple(jobs)
    assert "a part of the jobs is stored" in str(part)
    assert type(refused) is BackendCorrupt
    assert good == last == [Accepted()]
    assert [backend.counts(line).ready for line in lines] == [2, 0, 3]


def test_call_that_is_cancelled_takes_no_reply_from_another(
    lame: Cluster,
) -> None:
    backend = opened(lame)
    line = lame.queue_on(1)
    jobs = [job(line) for _ in range(3)]
    several = [job(line), job(lame.queue_on(0))]

    async def main() -> Any:
        await all_of(*(backend.aenqueue([job(each)]) for each in (line, lame.queue_on(0))))
        lame.primaries[1].freeze()
        away, waiting, wide = (
            asyncio.ensure_future(backend.aenqueue(lot)) for lot in ([jobs[0]], [jobs[1]], several)
        )
        await asyncio.sleep(0.05)
        for each in (away, waiting, wide):
            each.cancel()
        behind = asyncio.ensure_future(backend.aenqueue([jobs[2], jobs[2]]))
        lame.primaries[1].thaw()
        return await all_of(away, waiting, wide, behind, backend.aenqueue(jobs))

    *cancelled, behind, last = run(main())

    assert [type(each) for each in cancelled] == [asyncio.CancelledError] * 3
    assert behind == [Accepted(), Duplicate(jobs[2].id)]
    assert last == [Duplicate(jobs[0].id), Accepted(), Duplicate(jobs[2].id)]
    backend.close()


# Nodes that are away


@pytest.mark.parametrize("strike", ["kill", "freeze"])
def test_node_that_is_away_holds_up_no_job_for_the_others(strike: str, lame: Cluster) -> None:
    backend = opened(lame)
    lines = [lame.queue_on(number) for number in range(3)]

    async def timed(lot: list[Envelope]) -> tuple[float, Any]:
        began = time.monotonic()
        [told] = await all_of(backend.aenqueue(lot))
        return time.monotonic() - began, told

    async def main() -> tuple[list[Any], list[Any]]:
        await all_of(*(backend.aenqueue([job(line)]) for line in lines))
        getattr(lame.primaries[1], strike)()
        bad, good = [], []
        for _ in range(10):
            bad += [asyncio.ensure_future(timed([job(lines[1])])) for _ in range(5)]
            good += [await timed([job(line)]) for line in (lines[0], lines[2])]
        return await all_of(*bad), good

    bad, good = run(main())

    assert [told for _, told in good] == [[Accepted()]] * 20
    assert max(took for took, _ in good) < SOON
    assert max(took for took, _ in bad) < DEADLINE
    assert {type(told) for _, told in bad} <= {BackendUnavailable, EnqueueUncertain}
    assert [backend.counts(line).ready for line in (lines[0], lines[2])] == [11, 11]
    lame.primaries[1].thaw() if strike == "freeze" else lame.primaries[1].restart()
    backend.close()


def test_first_jobs_of_a_queue_are_stored_while_the_node_with_the_list_is_away(
    lame: Cluster,
) -> None:
    backend = opened(lame, listed_on=1)
    line = lame.queue_on(0)
    jobs = [job(line) for _ in range(20)]

    async def main(jobs: list[Envelope]) -> tuple[float, Any]:
        began = time.monotonic()
        answers = [asyncio.ensure_future(backend.aenqueue([each])) for each in jobs]
        told = await all_of(*answers)
        return time.monotonic() - began, told

    lame.primaries[1].kill()
    took, told = run(main(jobs))

    assert told == [[Accepted()]] * 20
    assert took < DEADLINE
    assert ready(backend, line) == [each.id for each in jobs]
    lame.primaries[1].restart()
    # Listed with the next job, once the list is there again.
    until(lambda: run(main([job(line)])) and listed(backend) == {line})
    backend.close()


def listed(backend: RedisBackend) -> set[str]:
    try:
        return backend.queues()
    except BackendUnavailable:
        return set()


def test_replica_that_takes_over_gets_what_is_enqueued_from_then_on(tmp_path: Path) -> None:
    with cluster(tmp_path, replicas=True) as six:
        backend = RedisBackend(six.url)
        backend.open()
        line = six.queue_on(1)

        async def main() -> tuple[int, int]:
            await backend.aenqueue([job(line)])
            await aside(six.primaries[1].kill)
            deadline = time.monotonic() + PATIENCE
            stored = tries = 0
            while stored < 20:
                assert time.monotonic() < deadline
                told = await all_of(*(backend.aenqueue([job(line)]) for _ in range(20)))
                stored = sum(each == [Accepted()] for each in told)
                tries += 1
            before = set(threading.enumerate())
            await backend.aenqueue([job(line)])
            return tries, len(set(threading.enumerate()) - before)

        tries, threads = run(main())

        assert tries < 10
        assert threads == 0
        assert backend.counts(line).ready >= 21
        backend.close()


# Slots that move


def test_jobs_of_a_slot_that_moves_are_stored_once_and_in_order(tmp_path: Path) -> None:
    with cluster(tmp_path) as moving:
        backend = RedisBackend(moving.url)
        backend.open()
        line, other = moving.queue_on(0), moving.queue_on(1)
        jobs: list[Envelope] = []

        async def enqueue() -> Any:
            """One behind the other without waiting, so that many are under way."""
            answers = []
            while not moved.is_set():
                jobs.append(job(line))
                answers.append(asyncio.ensure_future(backend.aenqueue([jobs[-1]])))
                answers.append(asyncio.ensure_future(backend.aenqueue([job(other)])))
                await asyncio.sleep(0.002)
            return await all_of(*answers)

        async def main() -> Any:
            enqueuing = asyncio.ensure_future(enqueue())
            await asyncio.sleep(0.1)
            await aside(moving.move, line, moving.primaries[2])
            await asyncio.sleep(0.1)
            moved.set()
            told = await enqueuing
            before = scripts_run(moving)
            await asyncio.gather(*(backend.aenqueue([job(line)]) for _ in range(20)))
            return told, [now - then for then, now in zip(before, scripts_run(moving), strict=True)]

        moved = asyncio.Event()
        told, trips = run(main())

        assert told == [[Accepted()]] * len(told)
        assert ready(backend, line)[: len(jobs)] == [each.id for each in jobs]
        assert backend.counts(other).ready == len(jobs)
        # Straight to where it is now.
        assert trips[0] == trips[1] == 0
        backend.close()


def test_jobs_of_a_slot_on_the_move_wait_until_it_has_arrived(tmp_path: Path) -> None:
    with cluster(tmp_path) as moving:
        backend = RedisBackend(moving.url)
        backend.open()
        line, target = moving.queue_on(0), moving.primaries[1]
        ids = [say(node, "CLUSTER", "MYID").decode() for node in moving.primaries]
        say(target, "CLUSTER", "SETSLOT", slot_of(line), "IMPORTING", ids[0])
        say(moving.primaries[0], "CLUSTER", "SETSLOT", slot_of(line), "MIGRATING", ids[1])
        jobs = [job(line) for _ in range(10)]

        async def main() -> Any:
            answers = [asyncio.ensure_future(backend.aenqueue([each])) for each in jobs]
            # On the same node, and in a slot that stays.
            stays = next(name for name in map("stays{}".format, range(99)) if number_of(name) == 0)
            await asyncio.sleep(0.5)
            assert not any(answer.done() for answer in answers)
            for node in (target, moving.primaries[0], moving.primaries[2]):
                say(node, "CLUSTER", "SETSLOT", slot_of(line), "NODE", ids[1])
            return await all_of(*answers, backend.aenqueue([job(stays)]))

        assert run(main()) == [[Accepted()]] * 11
        assert ready(backend, line) == [each.id for each in jobs]
        backend.close()


def test_slot_that_nobody_holds_is_unavailable_and_its_neighbours_are_not(lame: Cluster) -> None:
    backend = opened(lame)
    line, other = lame.queue_on(1), lame.queue_on(0)
    for node in lame.primaries:
        say(node, "CLUSTER", "DELSLOTS", slot_of(line))

    async def main() -> Any:
        await backend.aenqueue([job(other)])
        [first] = await all_of(backend.aenqueue([job(line)]))
        # By now the map says that nobody holds it.
        again = asyncio.ensure_future(all_of(backend.aenqueue([job(line)])))
        began = time.monotonic()
        good = await backend.aenqueue([job(other)])
        return first, good, time.monotonic() - began, await again

    first, good, took, [again] = run(main())

    assert type(first) is type(again) is BackendUnavailable
    assert good == [Accepted()]
    assert took < SOON
    backend.close()


# Loops that come and go, and closing


def test_loops_that_are_gone_leave_few_connections_and_closing_none(
    backend: RedisBackend, lines: list[str]
) -> None:
    async def main() -> Any:
        return await all_of(*(backend.aenqueue([job(line)]) for line in lines))

    for _ in range(4):
        assert run(main()) == [[Accepted()]] * 3
    nodes = backend._link._nodes.values()  # type: ignore[attr-defined]  # noqa: SLF001
    left = [wire for node in nodes for wire in node._wires]  # noqa: SLF001
    backend.close()

    assert len(left) <= 12
    assert not [wire for wire in left if wire.is_whole]
    gc.collect()  # a socket that nobody closed would be told of here


def test_closing_ends_calls_that_wait_for_any_node(lame: Cluster) -> None:
    backend = opened(lame, listed_on=1)
    lines = [lame.queue_on(number) for number in range(3)]

    async def main() -> Any:
        await all_of(*(backend.aenqueue([job(line)]) for line in lines))
        for node in lame.primaries:
            node.freeze()
        under_way = [asyncio.ensure_future(backend.aenqueue([job(line)])) for line in lines]
        await asyncio.sleep(0.05)
        waiting = [asyncio.ensure_future(backend.aenqueue([job(line)])) for line in lines]
        unlisted = asyncio.ensure_future(backend.aenqueue([job("new")]))
        await asyncio.sleep(0.05)
        closing = threading.Thread(target=backend.close)
        began = time.monotonic()
        closing.start()
        told = await all_of(*under_way, *waiting, unlisted)
        took = time.monotonic() - began
        for node in lame.primaries:
            node.thaw()
        closing.join(20)
        return took, told

    took, told = run(main())

    assert [type(each) for each in told] == [Misuse] * 7
    assert took < SOON
