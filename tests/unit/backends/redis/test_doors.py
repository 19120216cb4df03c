"""Enqueuing from event loops: by a connection of the loop's own, lot by lot, never blocking it."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.doors import Doors
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.url import parse_url
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Duplicate, Receipt, Unique
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain
from anyjob.core.state import State
from tests.unit.backends.redis.conftest import (
    PASSWORD,
    SOCKET,
    MakeJob,
    Open,
    StartServer,
    everything_told,
    from_loop,
    raw,
)
from tests.unit.backends.redis.impostor import posing
from tests.unit.backends.redis.loops import DEADLINE, all_of, door_to, eventually, is_any_aside, run


def calls(admin: redis.Redis) -> int:
    """How often the server was asked to run a script."""
    found: dict[str, Any] = admin.info("commandstats").get("cmdstat_evalsha", {"calls": 0})
    return int(found["calls"])


# What is stored


def test_jobs_of_one_turn_leave_together_and_in_order(
    backend: RedisBackend, admin: redis.Redis, job: MakeJob
) -> None:
    jobs = [job() for _ in range(100)]

    async def main() -> tuple[list[list[Receipt]], int]:
        await from_loop(backend, [job("other")])
        before = calls(admin)
        receipts = await asyncio.gather(*(from_loop(backend, [each]) for each in jobs))
        return receipts, calls(admin) - before

    receipts, trips = run(main())

    assert receipts == [[ACCEPTED]] * 100
    assert trips <= 3  # the first alone, the rest, and perhaps one that lists the queue
    found = backend.browse("mail", State.READY, None, 1000).records
    assert [each.id for each in found] == [each.id for each in jobs]


def test_each_call_gets_the_receipts_of_its_own_jobs(backend: RedisBackend, job: MakeJob) -> None:
    holder, rival = (job(unique=Unique("key")) for _ in range(2))
    late, files, known = job(due=60), job("files", priority=9), job()
    backend.enqueue([known])

    async def main() -> Any:
        lots = [[holder], [late, rival], [files, known], [job()]]
        return await asyncio.gather(*(from_loop(backend, lot) for lot in lots))

    assert run(main()) == [
        [ACCEPTED],
        [ACCEPTED, Duplicate(holder.id)],
        [ACCEPTED, Duplicate(known.id)],
        [ACCEPTED],
    ]
    assert (backend.counts("mail").ready, backend.counts("mail").scheduled) == (3, 1)
    assert backend.queues() == {"mail", "files"}


def test_jobs_come_by_a_socket_of_the_machine(server: Running, opened: Open, job: MakeJob) -> None:
    with closing(raw(server)) as admin:
        folder = admin.config_get("dir")["dir"]
    backend = opened(f"unix://:{PASSWORD}@{folder}/{SOCKET}")

    async def main() -> list[Receipt]:
        return await from_loop(backend, [job()])

    assert run(main()) == [ACCEPTED]


def test_no_thread_is_left_nor_started_for_a_job(backend: RedisBackend, job: MakeJob) -> None:
    async def main() -> set[threading.Thread]:
        await from_loop(backend, [job()])
        await eventually(lambda: not is_any_aside())
        seen = set(threading.enumerate())
        for _ in range(20):
            await from_loop(backend, [job()])
            seen |= set(threading.enumerate())
        return seen

    before = set(threading.enumerate())

    assert run(main()) == before


# Who gives up


def test_cancelled_call_takes_no_reply_from_another(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    jobs = [job() for _ in range(4)]

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        spare.freeze()
        # The first leaves alone, and the others when it is answered.
        away, waiting = (asyncio.ensure_future(from_loop(backend, [each])) for each in jobs[:2])
        await asyncio.sleep(0.05)
        away.cancel()
        waiting.cancel()
        behind = asyncio.ensure_future(from_loop(backend, [jobs[2], jobs[2]]))
        spare.thaw()
        return await all_of(away, waiting, behind, from_loop(backend, [jobs[3], *jobs[:2]]))

    away, waiting, behind, last = run(main())

    assert isinstance(away, asyncio.CancelledError)
    assert isinstance(waiting, asyncio.CancelledError)
    assert behind == [ACCEPTED, Duplicate(jobs[2].id)]
    assert last == [ACCEPTED, Duplicate(jobs[0].id), ACCEPTED]


def test_calls_that_are_too_many_for_a_lot_make_several(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> Any:
        lots = [[job() for _ in range(count)] for count in (200, 400, 500, 1)]
        return await all_of(*(from_loop(backend, lot) for lot in lots))

    assert run(main()) == [[ACCEPTED] * count for count in (200, 400, 500, 1)]
    assert backend.counts("mail").ready == 1101


def test_call_that_is_cancelled_before_it_left_stores_nothing(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> Any:
        first = from_loop(backend, [job()])
        gone = asyncio.ensure_future(from_loop(backend, [job()]))
        gone.cancel()
        return await all_of(first, gone, from_loop(backend, [job()]))

    first, gone, last = run(main())

    assert first == last == [ACCEPTED]
    assert isinstance(gone, asyncio.CancelledError)
    assert backend.counts("mail").ready == 2


# Servers that go, come back, or say nothing


def test_server_that_dies_with_jobs_under_way_leaves_them_uncertain(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    jobs = [job(), job()]

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        spare.freeze()
        sent = [asyncio.ensure_future(from_loop(backend, [each])) for each in jobs]
        await asyncio.sleep(0.05)
        spare.kill()
        refused = await all_of(*sent, from_loop(backend, [job()]))
        spare.restart()
        return refused, await from_loop(backend, [job()])

    refused, receipts = run(main())

    # The first went alone, and what came behind it never left.
    assert [type(each) for each in refused] == [
        EnqueueUncertain,
        BackendUnavailable,
        BackendUnavailable,
    ]
    assert refused[0].envelopes == (jobs[0],)
    assert receipts == [ACCEPTED]
    assert PASSWORD not in "".join(map(everything_told, refused))


def outlast_freshness() -> None:
    """A connection that was used a moment ago is taken to be open; a restart may be faster."""
    time.sleep(0.1)


def test_server_that_was_restarted_while_idle_costs_no_uncertain_answer(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)

    async def main() -> list[Receipt]:
        await from_loop(backend, [job()])
        # Blocks the loop, which then cannot have seen the end of the connection.
        spare.restart()
        outlast_freshness()
        return await from_loop(backend, [job()])

    assert run(main()) == [ACCEPTED]
    assert backend.counts("mail").ready == 2


def test_server_without_its_data_is_reported_and_knows_the_queues_again(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    told: list[str] = []
    backend = opened(spare.url)
    backend.subscribe(lambda name, facts: told.append(name))

    async def main() -> None:
        await from_loop(backend, [job()])
        with closing(raw(spare)) as admin:
            admin.flushall()
        spare.restart()
        outlast_freshness()
        await from_loop(backend, [job()])

    run(main())

    assert told == ["store.reset_detected"]
    assert backend.queues() == {"mail"}


def test_frozen_server_is_told_of_by_the_deadline_and_blocks_no_loop(
    start_server: StartServer, opened: Open, job: MakeJob
) -> None:
    spare = start_server()
    backend = opened(spare.url)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.05)

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        spare.freeze()
        ticking = asyncio.ensure_future(tick())
        began = time.monotonic()
        # More than a socket holds, so that it is left in the middle of writing.
        sent = asyncio.ensure_future(from_loop(backend, [job(body=bytes(8_000_000))]))
        await asyncio.sleep(0.05)
        refused = await all_of(sent, from_loop(backend, [job()]))
        took = time.monotonic() - began
        ticking.cancel()
        spare.thaw()
        return took, refused, await from_loop(backend, [job()])

    took, refused, receipts = run(main())

    assert [type(each) for each in refused] == [EnqueueUncertain, BackendUnavailable]
    # Eight megabytes have two seconds more than a few bytes have.
    assert took < DEADLINE + 2
    assert ticks > 20
    assert receipts == [ACCEPTED]
    assert backend.counts("mail").ready <= 2


def test_server_that_says_nothing_while_it_is_connected_to_blocks_no_loop(job: MakeJob) -> None:
    async def main(doors: Doors) -> Any:
        began = time.monotonic()
        answers = asyncio.ensure_future(all_of(doors.enqueue([job()]), doors.enqueue([job()])))
        ticks = 0
        while not answers.done():
            ticks += 1
            await asyncio.sleep(0.05)
        return time.monotonic() - began, ticks, answers.result()

    with posing(lambda words: None) as impostor:
        link = Link(parse_url(impostor.url), "names", None)
        link.open(lambda: None)
        doors = Doors(link)
        took, ticks, refused = run(main(doors))
        doors.close()
        link.close()

    assert took < DEADLINE
    assert ticks > 20
    assert [type(each) for each in refused] == [BackendUnavailable] * 2


def test_call_that_came_to_its_turn_too_late_is_not_sent(job: MakeJob) -> None:
    late = threading.Event()
    heard: list[bytes] = []

    def answer(words: list[bytes]) -> bytes:
        heard.append(words[-1][:4])
        # In time for the first, which is large, and not for the second.
        late.wait(4.95)
        return b"*1\r\n:1\r\n"

    async def main(doors: Doors) -> Any:
        sent = asyncio.ensure_future(doors.enqueue([job(body=bytes(8_000_000))]))
        await eventually(lambda: heard)
        return await all_of(sent, doors.enqueue([job(body=b"late")]))

    with door_to(answer) as doors:
        began = time.monotonic()
        sent, refusal = run(main(doors))
        took = time.monotonic() - began
        late.set()

    assert sent == [ACCEPTED]
    assert type(refusal) is BackendUnavailable
    assert took < DEADLINE + 2
    assert heard == [bytes(4)]


def test_machine_without_room_for_a_thread_is_told_of(
    backend: RedisBackend, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            refused = await all_of(from_loop(backend, [job()]))
        return refused, await from_loop(backend, [job()])

    [refusal], receipts = run(main())

    assert type(refusal) is BackendUnavailable
    assert receipts == [ACCEPTED]


def test_large_jobs_are_written_as_the_server_takes_them(
    backend: RedisBackend, job: MakeJob
) -> None:
    jobs = [job(body=bytes([number]) * 5_000_000) for number in range(4)]

    async def main() -> Any:
        return await asyncio.gather(*(from_loop(backend, [each]) for each in jobs))

    assert run(main()) == [[ACCEPTED]] * 4
    found = backend.get("mail", [each.id for each in jobs])
    assert [each.body for each in found if each is not None] == [each.body for each in jobs]
