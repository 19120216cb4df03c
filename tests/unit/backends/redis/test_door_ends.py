"""Loops that come and go, doors that are closed, processes that fork."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from anyjob.backends.redis import RedisBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Receipt
from anyjob.core.errors import Misuse
from tests.unit.backends.redis.conftest import MakeJob, Open, from_loop
from tests.unit.backends.redis.loops import all_of, is_any_aside, run, wires
from tests.waiting import until


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
    until(lambda: not is_any_aside())
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
