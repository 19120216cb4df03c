"""SAQ: results off by a time to live of -1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue

from benchmarks.peers.given import AT_ONCE, COROUTINES, QUEUE, URL

_queue = Queue.from_url(URL, name=QUEUE)


async def noop(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["noop"](*arguments)


async def lag(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["lag"](*arguments)


async def pause(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["pause"](*arguments)


settings = {"queue": _queue, "functions": [noop, lag, pause], "concurrency": AT_ONCE}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await _queue.connect()
    yield
    await _queue.disconnect()


async def enqueue(task: str, *arguments: Any) -> None:
    await _queue.enqueue(task, arguments=arguments, ttl=-1)


async def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    """It has no call for many: all of a lot at once is the fastest that it offers."""
    await asyncio.gather(*(enqueue(task, *arguments) for arguments in lot))
