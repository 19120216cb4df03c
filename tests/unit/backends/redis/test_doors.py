"""Enqueuing from event loops: by a connection of the loop's own, lot by lot, never blocking it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.doors import Doors
from anyjob.backends.redis.facts import MAX_PAYLOAD
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.url import parse_url
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Unique
from anyjob.core.errors import (
    BackendCorrupt,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    EnqueueUncertain,
    InvalidOption,
    Misuse,
    PayloadTooLarge,
)
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
    say,
)
from tests.unit.backends.redis.impostor import posing
from tests.unit.backends.redis.loops import DEADLINE, all_of, eventually, run
from tests.waiting import until


def wires(backend: RedisBackend) -> set[Any]:
    return backend._link._wires  # noqa: SLF001 - no other door tells of connections


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


def test_wrong_job_is_refused_at_once_and_spoils_no_other(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        good = from_loop(backend, [job()])
        with pytest.raises(PayloadTooLarge):
            from_loop(backend, [job(body=bytes(MAX_PAYLOAD + 1))])
        with pytest.raises(InvalidOption):
            from_loop(backend, [job(priority=10)])
        return await good

    assert run(main()) == [ACCEPTED]
    assert backend.counts("mail").ready == 1


def test_text_that_nobody_can_write_is_refused_to_its_own_call_alone(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> Any:
        bad = Envelope("\ud800", "mail", b"")
        lots = [[job()], [bad], [job(), bad], [job("files")]]
        together = await all_of(*(from_loop(backend, lot) for lot in lots))
        return together, await all_of(from_loop(backend, [bad]), from_loop(backend, [job()]))

    together, later = run(main())

    assert [type(each) for each in [*together[1:3], later[0]]] == [InvalidOption] * 3
    assert [together[0], together[3], later[1]] == [[ACCEPTED]] * 3
    assert (backend.counts("mail").ready, backend.counts("files").ready) == (2, 1)


def test_no_thread_is_left_nor_started_for_a_job(backend: RedisBackend, job: MakeJob) -> None:
    async def main() -> set[threading.Thread]:
        await from_loop(backend, [job()])
        await eventually(lambda: "anyjob-redis-aside" not in map(name_of, threading.enumerate()))
        seen = set(threading.enumerate())
        for _ in range(20):
            await from_loop(backend, [job()])
            seen |= set(threading.enumerate())
        return seen

    before = set(threading.enumerate())

    assert run(main()) == before


def name_of(thread: threading.Thread) -> str:
    return thread.name


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


# What the server refuses


def test_full_server_refuses_each_and_takes_them_once_there_is_room(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)

    async def main(admin: redis.Redis) -> Any:
        admin.config_set("maxmemory", 1)
        refused = await all_of(*(from_loop(backend, [job()]) for _ in range(3)))
        admin.config_set("maxmemory", 0)
        return refused, await from_loop(backend, [job()])

    with closing(raw(spare)) as admin:
        refused, receipts = run(main(admin))

    assert [type(each) for each in refused] == [BackendFull] * 3
    assert receipts == [ACCEPTED]
    assert backend.counts("mail").ready == 1


def test_flushed_scripts_cost_nothing(
    backend: RedisBackend, admin: redis.Redis, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        found = []
        for _ in range(3):
            admin.script_flush()
            found += await from_loop(backend, [job()])
            found += await from_loop(backend, [job(due=60)])
        return found

    assert run(main()) == [ACCEPTED] * 6


@contextmanager
def door_to(answer: Callable[[list[bytes]], bytes | None]) -> Iterator[Doors]:
    """Doors to an impostor, who answers a script about the queue `mail` so, and else as if there
    were nothing.
    """

    def answer_all(words: list[bytes]) -> bytes | None:
        is_job = words[0].startswith(b"EVAL") and b"{mail}" in b"".join(words)
        return answer(words) if is_job else b"$-1\r\n"

    with posing(answer_all) as impostor:
        link = Link(parse_url(impostor.url), "names", None)
        link.open(lambda: None)
        doors = Doors(link)
        try:
            yield doors
        finally:
            doors.close()
            link.close()


def test_refusal_that_passes_is_waited_for(job: MakeJob) -> None:
    refusals = iter([b"-LOADING it reads\r\n"] * 3)

    async def main(doors: Doors) -> list[Receipt]:
        return await doors.enqueue([job()])

    with door_to(lambda words: next(refusals, b"*1\r\n:1\r\n")) as doors:
        assert run(main(doors)) == [ACCEPTED]


def test_replica_is_left_for_whoever_is_the_primary(job: MakeJob) -> None:
    refusals = iter([b"-READONLY a replica\r\n"] * 2)

    async def main(doors: Doors) -> Any:
        [refusal] = await all_of(doors.enqueue([job()]))
        return refusal, await doors.enqueue([job()])

    with door_to(lambda words: next(refusals, b"*1\r\n:1\r\n")) as doors:
        refusal, receipts = run(main(doors))

    assert type(refusal) is BackendUnavailable
    assert "it is a replica" in str(refusal)
    assert receipts == [ACCEPTED]


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad\r\n", b"*1\r\n:1\r\n*1\r\n:0\r\n"])
def test_connection_with_a_reply_that_nobody_asked_for_is_given_up(
    reply: bytes, job: MakeJob
) -> None:
    replies = iter([reply])

    async def main(doors: Doors) -> Any:
        await all_of(doors.enqueue([job()]))
        return await doors.enqueue([job()])

    with door_to(lambda words: next(replies, b"*1\r\n:1\r\n")) as doors:
        assert run(main(doors)) == [ACCEPTED]


def test_missing_right_is_named(spare: Running, opened: Open, job: MakeJob) -> None:
    with closing(raw(spare)) as admin:
        say(admin, "ACL", "SETUSER", "few", "on", ">few", "~*", "&*", "+@all")
        backend = opened(spare.url.replace(f":{PASSWORD}@", "few:few@"))

        async def main() -> Any:
            await from_loop(backend, [job()])
            say(admin, "ACL", "SETUSER", "few", "-rpush")
            return await all_of(from_loop(backend, [job()]))

        [refusal] = run(main())

    assert type(refusal) is ConfigurationError
    assert "+rpush" in str(refusal)


def test_key_of_another_type_refuses_the_calls_that_need_it_alone(
    backend: RedisBackend, admin: redis.Redis, namespace: str, job: MakeJob
) -> None:
    jobs = [job(), job(priority=3), job("files"), job(), job(priority=3), job("post")]
    lots = [*([each] for each in jobs), [job(), job(priority=3)]]
    for key in ("{mail}:r3", "{post}:jobs"):
        admin.set(f"{namespace}:{key}", "somebody else's")

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        return await all_of(*(from_loop(backend, lot) for lot in lots))

    told = run(main())

    assert [each if isinstance(each, list) else type(each) for each in told] == [
        [ACCEPTED],
        BackendCorrupt,
        [ACCEPTED],
        [ACCEPTED],
        BackendCorrupt,
        BackendCorrupt,
        BackendCorrupt,
    ]
    admin.delete(f"{namespace}:{{mail}}:r3", f"{namespace}:{{post}}:jobs")
    found = backend.browse("mail", State.READY, None, 10).records
    assert [each.id for each in found] == [jobs[0].id, jobs[3].id]
    assert (backend.counts("files").ready, backend.counts("post").ready) == (1, 0)


def test_missing_right_to_a_queue_is_told_to_the_calls_that_need_it_alone(
    spare: Running, opened: Open, namespace: str, job: MakeJob
) -> None:
    with closing(raw(spare)) as admin:
        keys = [f"~{namespace}:{{mail}}:*", f"~{namespace}:queues", f"~{namespace}:epoch"]
        say(admin, "ACL", "SETUSER", "few", "on", ">few", *keys, "&*", "+@all")
    backend = opened(spare.url.replace(f":{PASSWORD}@", "few:few@"))

    async def main() -> Any:
        lots = [[job()], [job("files")], [job()], [job("post")]]
        return await all_of(*(from_loop(backend, lot) for lot in lots))

    first, refused, last, other = run(main())

    assert [first, last] == [[ACCEPTED]] * 2
    assert type(refused) is type(other) is ConfigurationError
    assert f"~{namespace}:*" in str(refused)


def test_full_server_is_asked_once_for_a_lot(spare: Running, opened: Open, job: MakeJob) -> None:
    backend = opened(spare.url)

    async def main(admin: redis.Redis) -> int:
        await from_loop(backend, [job()])
        admin.config_set("maxmemory", 1)
        before = refusals(admin)
        await all_of(*(from_loop(backend, [job()]) for _ in range(50)))
        admin.config_set("maxmemory", 0)
        return refusals(admin) - before

    with closing(raw(spare)) as admin:
        assert run(main(admin)) <= 2


def refusals(admin: redis.Redis) -> int:
    """How many errors the server answered with."""
    return int(admin.info("stats")["total_error_replies"])


def test_jobs_that_reach_no_replica_are_uncertain_each_to_its_caller(
    server: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(f"{server.url}?wait_replicas=1")
    jobs = [job(), job()]

    async def main() -> Any:
        return await all_of(*(from_loop(backend, [each]) for each in jobs))

    refusals = run(main())

    assert [type(each) for each in refusals] == [EnqueueUncertain] * 2
    assert [each.envelopes for each in refusals] == [(jobs[0],), (jobs[1],)]
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


# Loops that come and go, and closing


def test_loop_that_is_gone_leaves_one_connection_at_most(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        return await from_loop(backend, [job()])

    assert [run(main()) for _ in range(5)] == [[ACCEPTED]] * 5
    assert len(wires(backend)) <= 3
    left = wires(backend)
    backend.close()
    assert not [wire for wire in left if wire.is_whole]
    gc.collect()  # a socket that nobody closed would be told of here


def test_loops_of_many_threads_have_a_connection_each(backend: RedisBackend, job: MakeJob) -> None:
    async def main() -> None:
        for _ in range(20):
            assert (
                await all_of(*(from_loop(backend, [job()]) for _ in range(5))) == [[ACCEPTED]] * 5
            )

    threads = [threading.Thread(target=run, args=[main()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert backend.counts("mail").ready == 400


def test_closing_from_another_thread_ends_calls_that_wait(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        spare.freeze()
        sent = asyncio.ensure_future(from_loop(backend, [job()]))
        await asyncio.sleep(0.05)
        waiting = asyncio.ensure_future(from_loop(backend, [job()]))
        began = time.monotonic()
        closing_it = threading.Thread(target=backend.close)
        closing_it.start()
        refused = await all_of(sent, waiting)
        took = time.monotonic() - began
        closing_it.join(20)
        spare.thaw()
        with pytest.raises(Misuse):
            from_loop(backend, [job()])
        return took, refused

    took, refused = run(main())

    assert [type(each) for each in refused] == [Misuse] * 2
    assert took < 4


def test_closing_in_the_loop_ends_calls_that_wait_and_it_may_be_opened_again(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> Any:
        connecting = from_loop(backend, [job()])
        backend.close()
        refused = await all_of(connecting)
        backend.open()
        return refused, await from_loop(backend, [job()])

    [refusal], receipts = run(main())

    assert type(refusal) is Misuse
    assert receipts == [ACCEPTED]


def test_closing_while_the_loop_stands_still_leaves_nothing_open(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        return await from_loop(backend, [job()])

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(main()) == [ACCEPTED]
    left = wires(backend)
    backend.close()

    with pytest.raises(Misuse):
        loop.run_until_complete(main())
    loop.close()
    assert not [wire for wire in left if wire.is_whole]
    gc.collect()


def test_loop_that_is_closed_while_it_connects_leaves_nothing_open(
    server: Running, namespace: str, job: MakeJob
) -> None:
    backend = RedisBackend(server.url, namespace=namespace)
    backend.open()

    async def main() -> None:
        from_loop(backend, [job()])
        await asyncio.sleep(0)

    with suppress(asyncio.CancelledError):
        run(main())
    until(lambda: "anyjob-redis-aside" not in map(name_of, threading.enumerate()))
    left = wires(backend)
    backend.close()

    assert not [wire for wire in left if wire.is_whole]
    gc.collect()


def test_before_open_and_without_a_loop_it_is_misused(server: Running, job: MakeJob) -> None:
    async def main() -> None:
        with pytest.raises(Misuse, match="not open"):
            from_loop(RedisBackend(server.url), [job()])

    run(main())


FORKED = """
import asyncio, os, signal, sys, uuid
from anyjob.backends.redis import RedisBackend
from anyjob.core.envelope import ACCEPTED, Envelope
from anyjob.core.errors import Misuse

def job(): return Envelope(str(uuid.uuid4()), "mail", b"body")

async def in_child():
    try:
        backend.aenqueue([job()])
    except Misuse as error:
        return "fork" in str(error)

async def main():
    assert await backend.aenqueue([job()]) == [ACCEPTED]
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # it outlives nobody who waits for it
        asyncio.events._set_running_loop(None)
        refused = asyncio.run(in_child())
        backend.close()
        os._exit(0 if refused else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    for _ in range(3):
        assert await backend.aenqueue([job()]) == [ACCEPTED]

backend = RedisBackend(sys.argv[1], namespace=sys.argv[2]); backend.open()
asyncio.run(main())
assert backend.counts("mail").ready == 4
backend.close()
print("good")
"""


def test_forked_child_is_refused_and_leaves_its_parent_alone(
    server: Running, namespace: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, server.url, namespace],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.stdout == "good\n", done.stderr
