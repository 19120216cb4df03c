"""streaQ: results off by a time to live of zero, and no log line a task.

Where killed workers are looked at, others claim what was idle for some seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from streaq import Worker

from benchmarks.peers.given import AT_ONCE, BACK_AFTER, COROUTINES, QUEUE, URL

worker: Any = Worker(
    redis_url=URL, queue_name=QUEUE, concurrency=AT_ONCE, idle_timeout=BACK_AFTER or 60
)
_tasks = {
    name: worker.task(name=name, ttl=0, silent=True)(function)
    for name, function in COROUTINES.items()
}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    async with worker:
        yield


async def enqueue(task: str, *arguments: Any) -> None:
    await _tasks[task].enqueue(*arguments)


async def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    await _tasks[task].enqueue(*arguments).start(delay=int(delay))


async def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    await worker.enqueue_many([_tasks[task].enqueue(*arguments) for arguments in lot])


async def enqueue_many_later(task: str, delay: float, lot: Iterable[tuple[Any, ...]]) -> None:
    jobs = [_tasks[task].enqueue(*arguments).start(delay=int(delay)) for arguments in lot]
    await worker.enqueue_many(jobs)
