"""taskiq on a Redis stream, which it acknowledges after the run; no result backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from taskiq_redis import RedisStreamBroker

from benchmarks.peers.given import COROUTINES, QUEUE, URL

# From the first message on: by default a group sees what comes after it was made.
broker = RedisStreamBroker(URL, queue_name=QUEUE, consumer_id="0")
_tasks = {name: broker.task(task_name=name)(function) for name, function in COROUTINES.items()}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def enqueue(task: str, *arguments: Any) -> None:
    await _tasks[task].kiq(*arguments)
