"""SAQ: results off by a time to live of -1.

Where killed workers are looked at, a job may run for so many seconds and is tried three times, and
what has run for longer is swept each second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue

from benchmarks.peers.given import AT_ONCE, BACK_AFTER, COROUTINES, QUEUE, URL

_queue = Queue.from_url(URL, name=QUEUE)
_options: dict[str, Any] = {"ttl": -1}
if BACK_AFTER:
    _options |= {"timeout": int(BACK_AFTER), "retries": 3}


async def noop(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["noop"](*arguments)


async def lag(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["lag"](*arguments)


async def pause(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["pause"](*arguments)


async def nap(_: Any, *, arguments: list[Any]) -> None:
    await COROUTINES["nap"](*arguments)


settings = {
    "queue": _queue,
    "functions": [noop, lag, pause, nap],
    "concurrency": AT_ONCE,
    "timers": {"sweep": 1} if BACK_AFTER else {},
}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await _queue.connect()
    yield
    await _queue.disconnect()


async def enqueue(task: str, *arguments: Any) -> None:
    await _queue.enqueue(task, arguments=arguments, **_options)


async def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    at = int(time.time() + delay)
    await _queue.enqueue(task, arguments=arguments, scheduled=at, **_options)


async def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    """It has no call for many: all of a lot at once is the fastest that it offers."""
    await asyncio.gather(*(enqueue(task, *arguments) for arguments in lot))


async def enqueue_many_later(task: str, delay: float, lot: Iterable[tuple[Any, ...]]) -> None:
    await asyncio.gather(*(enqueue_later(task, delay, *arguments) for arguments in lot))
