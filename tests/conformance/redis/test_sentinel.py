"""A primary that dies, and the replica that its sentinel makes the next one."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from anyjob.backends import (
    Accepted,
    BackendError,
    BackendUnavailable,
    Complete,
    ConfigurationError,
    Consumer,
    EnqueueUncertain,
    Envelope,
    QueueShare,
)
from anyjob.backends.redis import RedisBackend
from tests.conformance.redis.pair import Pair, pair

#: A failover, as these sentinels do it, with what a loaded machine adds.
PATIENCE = 30.0


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as running:
        yield running


def job() -> Envelope:
    return Envelope(id=str(uuid4()), queue="line", body=b"body")


def test_jobs_that_reached_a_replica_survive_the_primary_and_the_change_is_told(two: Pair) -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    backend = RedisBackend(f"{two.url}?wait_replicas=1")
    backend.subscribe(lambda name, facts: told.append((name, facts)))
    backend.open()
    try:
        jobs = [job() for _ in range(20)]
        assert backend.enqueue(jobs) == [Accepted()] * 20
        consumer = backend.consume([QueueShare("line")], lease=3.0, worker="w")
        held = consumer.fetch(5, 5.0)

        two.primary.kill()

        done = drained(backend, consumer, {each.id for each in jobs} - {each.id for each in held})
        # What was held when the primary died comes back when its leases have run out.
        done |= drained(backend, consumer, {each.id for each in held})
        assert done == {each.id for each in jobs}
        assert told == [
            (
                "backend.failover",
                {
                    "from": f"127.0.0.1:{two.primary.port}",
                    "to": f"127.0.0.1:{two.replica.port}",
                },
            )
        ]
        consumer.close(release=True)
    finally:
        backend.close()


def test_loop_finds_the_primary_that_its_sentinel_made(two: Pair) -> None:
    backend = RedisBackend(two.url)
    backend.open()

    async def main() -> int:
        """How many were stored after the primary died."""
        await stored(backend)
        two.primary.kill()
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            try:
                await stored(backend)
            except BackendError:
                continue
            return backend.counts("line").ready
        raise AssertionError("nobody took a job any more")

    try:
        assert asyncio.run(main()) >= 1
    finally:
        backend.close()


async def stored(backend: RedisBackend) -> None:
    answer = backend.aenqueue([job()])
    assert answer is not None
    assert await answer == [Accepted()]


def test_enqueue_that_no_replica_hears_of_is_uncertain_and_stored_once(two: Pair) -> None:
    backend = RedisBackend(f"{two.url}?wait_replicas=1")
    backend.open()
    try:
        two.replica.kill()
        one = job()

        with pytest.raises(EnqueueUncertain, match="have not reached 1 replicas"):
            backend.enqueue([one])

        with pytest.raises(EnqueueUncertain):
            backend.enqueue([one])
        assert backend.counts("line").ready == 1
    finally:
        backend.close()


def test_primary_that_no_sentinel_knows_is_named(two: Pair) -> None:
    backend = RedisBackend(two.url.replace("/shop/", "/ship/"))

    with pytest.raises(BackendUnavailable, match="known to no sentinel as 'ship'"):
        backend.open()


def test_sentinel_may_want_a_user_of_its_own_who_may_ask_one_thing(two: Pair) -> None:
    asked = redis.Redis(port=two.sentinel.port, socket_timeout=5.0)
    rights = ["+sentinel|get-master-addr-by-name"]
    asked.acl_setuser("watcher", enabled=True, passwords=["+watch-word"], commands=rights)
    asked.acl_setuser("default", enabled=False)
    backend = RedisBackend(f"{two.url}?sentinel_user=watcher&sentinel_password=watch-word")

    backend.open()

    assert backend.enqueue([job()]) == [Accepted()]
    backend.close()
    for options in ("", "?sentinel_user=watcher&sentinel_password=wrong-word"):
        with pytest.raises((ConfigurationError, BackendUnavailable)) as raised:
            RedisBackend(f"{two.url}{options}").open()
        assert "word" not in str(raised.value).replace("password", "")


def test_sentinel_that_is_silent_leaves_time_for_the_others(two: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{two.sentinel.port}"
        url = two.url.replace(f"127.0.0.1:{two.sentinel.port}", hosts)
        backend = RedisBackend(url)
        backend.open()
        try:
            assert backend.enqueue([job()]) == [Accepted()]
            # Whoever answered is asked first from then on.
            began = time.monotonic()
            other = RedisBackend(url)
            other.open()
            other.close()
            assert time.monotonic() - began < 1.0
        finally:
            backend.close()


def test_sentinel_that_is_taken_for_a_server_is_refused_at_open(two: Pair) -> None:
    backend = RedisBackend(f"redis://127.0.0.1:{two.sentinel.port}/0")

    with pytest.raises(ConfigurationError, match="is a sentinel, which keeps no jobs"):
        backend.open()


def test_replica_is_refused_at_open(two: Pair) -> None:
    backend = RedisBackend(f"redis://:hidden-word@127.0.0.1:{two.replica.port}/0")

    with pytest.raises((ConfigurationError, BackendUnavailable), match="replica"):
        backend.open()


def drained(backend: RedisBackend, consumer: Consumer, wanted: set[str]) -> set[str]:
    """Complete jobs until all of these have come, as a worker does that tries again."""
    done: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while not wanted <= done:
        assert time.monotonic() < deadline, f"{len(wanted - done)} jobs never came"
        leases = tried(lambda: consumer.fetch(10, 0.5)) or []
        consumer.settle([Complete(lease=lease) for lease in leases])
        consumer.flush(5.0)
        done |= {lease.id for lease in leases}
    return done


def tried(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BackendError:
        time.sleep(0.05)
        return None
