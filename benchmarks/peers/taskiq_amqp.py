"""taskiq on RabbitMQ by aio-pika, acknowledged after the run; no result backend.

Its channels confirm what is published. It declares classic durable queues.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from taskiq_aio_pika import AioPikaBroker

from benchmarks.peers.given import AT_ONCE, COROUTINES, QUEUE, URL

broker = AioPikaBroker(f"{URL}%2F", qos=AT_ONCE, queue_name=QUEUE, exchange_name=QUEUE)
_tasks = {name: broker.task(task_name=name)(function) for name, function in COROUTINES.items()}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def enqueue(task: str, *arguments: Any) -> None:
    await _tasks[task].kiq(*arguments)
