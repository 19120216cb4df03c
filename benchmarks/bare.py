"""Bare loops of redis-py over the scripts that ship: the limit for whoever speaks to the server so.

Nothing is around the calls: no worker, no decoding, no task; what they are made of is what anyjob
sends for the same jobs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from itertools import count
from typing import Any

import msgspec
import redis
import redis.asyncio

from anyjob.backends.redis.encode import milliseconds
from anyjob.backends.redis.keys import Keys
from anyjob.backends.redis.resp import Word
from anyjob.backends.redis.scripts import ENQUEUE_READY, FETCH, SETTLE, Call, Script
from anyjob.backends.redis.url import DEDUP_WINDOW
from anyjob.core.envelope import DEFAULT_PRIORITY
from anyjob.core.options import DEFAULT_QUEUE
from benchmarks.server import client
from benchmarks.sides import Figures
from benchmarks.tasks import application, task

LOT = 100
AT_ONCE = 100
_LEASE = 60.0
#: What scripts begin with: the server's own clock, and the window.
_HEAD: tuple[Word, ...] = (b"", milliseconds(DEDUP_WINDOW))
#: In a stored value, the priority and six bytes of time come before the body.
_PRIORITY, _BODY = slice(0, 1), slice(7, None)


class Loop(msgspec.Struct):
    """The keys of one of anyjob's queues in one server."""

    url: str
    keys: Keys
    queue: str = DEFAULT_QUEUE

    @classmethod
    def at(cls, url: str, queue: str = DEFAULT_QUEUE) -> Loop:
        with client(url) as server:
            for script in (ENQUEUE_READY, FETCH, SETTLE):
                server.script_load(script.text)
        return cls(url, Keys("anyjob"), queue)

    def body(self) -> bytes:
        """The body of a job, as anyjob stores it; the server is left empty."""
        with application(self.url) as app, client(self.url) as server:
            job = task(app, "noop").enqueue(0)
            value: Any = server.hget(self.keys.jobs(DEFAULT_QUEUE).decode(), job.id)
            server.flushall()
        return bytes(value[_BODY])

    def stores(self) -> Iterator[tuple[Any, ...]]:
        """The arguments of EVALSHA that store a job each."""
        keys = self.keys.for_ready(self.queue, DEFAULT_PRIORITY)
        body = self.body()
        start = (ENQUEUE_READY.sha, len(keys), *keys, *_HEAD, DEFAULT_PRIORITY)
        for number in count():
            yield (*start, f"01890000-0000-7000-8000-{number:012x}", body)

    def fetch(self, token: int, credit: int = LOT) -> Call:
        """Lease so many jobs under a token."""
        share = (credit + 1, 1, 0, 0, 0)
        return self._call(FETCH, (credit, milliseconds(_LEASE), b"%016x" % token, 0, *share))

    def settle(self, ids: list[bytes], values: list[bytes], token: int) -> Call:
        """Complete what was leased under a token."""
        words: list[Word] = [len(ids), 0, 0]
        end = b":%016x" % token
        for id, value in zip(ids, values, strict=True):
            words.append(id)
            words.append(value[_PRIORITY] + end)
        return self._call(SETTLE, words)

    def _call(self, script: Script, words: Any) -> Call:
        return Call(script, self.keys.of(self.queue), [*_HEAD, *words])


def enqueue(url: str, seconds: float) -> Figures:
    """One by one, for so long."""
    loop = Loop.at(url)
    stores = loop.stores()
    with client(url) as server:
        server.evalsha(*next(stores))
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            server.evalsha(*next(stores))
            number += 1
        return {"rate": number / (time.perf_counter() - began)}


def aenqueue(url: str, seconds: float, at_once: int) -> Figures:
    """From an event loop, so many at a time."""
    return asyncio.run(_aenqueue(url, seconds, at_once))


async def _aenqueue(url: str, seconds: float, at_once: int) -> Figures:
    stores = Loop.at(url).stores()
    async with redis.asyncio.Redis.from_url(url) as server:

        def store() -> Awaitable[Any]:
            return server.evalsha(*next(stores))

        await asyncio.gather(*(store() for _ in range(at_once)))
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            if at_once == 1:
                await store()
            else:
                await asyncio.gather(*(store() for _ in range(at_once)))
            number += at_once
        return {"rate": number / (time.perf_counter() - began)}


def drain(url: str, jobs: int) -> Figures:
    """Fetch and settle by 100 until nothing is ready; one round trip does both."""
    with application(url) as app, client(url) as server:
        server.flushall()
        noop = task(app, "noop")
        app.enqueue_many(noop.job(number) for number in range(jobs))
    loop = Loop.at(url)
    with client(url) as server:
        connection = server.connection_pool.get_connection()
        try:
            began = time.perf_counter()
            settled = _drain(loop, connection)
            spent = time.perf_counter() - began
        finally:
            server.connection_pool.release(connection)
    if settled != jobs:
        raise RuntimeError(f"{jobs} jobs were ready and {settled} were settled")
    return {"rate": jobs / spent, "seconds": spent}


def _drain(loop: Loop, connection: Any) -> int:
    """Returns how many leases were answered as settled."""
    settled, token = 0, 1
    data = loop.fetch(token).packed()
    awaited = 1
    while True:
        connection.send_packed_command([data], check_health=False)
        if awaited == 2:
            settled += connection.read_response(disable_decoding=True).count(b"1")
        reply = connection.read_response(disable_decoding=True)
        ids, values = reply[4][3], reply[4][4]
        if not ids:
            return settled
        settling = loop.settle(ids, values, token).packed()
        token += 1
        data, awaited = settling + loop.fetch(token).packed(), 2
