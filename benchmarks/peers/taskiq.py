"""taskiq on a Redis stream, which it acknowledges after the run; no result backend.

The broker drops a delay without a word: jobs for later are left in a source of schedules, which
`taskiq scheduler` reads. Where killed workers are looked at, others claim what was idle for some
seconds, and a lock upon that goes with its time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from benchmarks.peers.given import BACK_AFTER, COROUTINES, QUEUE, URL

# From the first message on: by default a group sees what comes after it was made.
_recovery: dict[str, Any] = {
    "idle_timeout": int(1000 * BACK_AFTER),
    "unacknowledged_lock_timeout": BACK_AFTER,
}
broker = RedisStreamBroker(
    URL, queue_name=QUEUE, consumer_id="0", **_recovery if BACK_AFTER else {}
)
_source = ListRedisScheduleSource(URL)
scheduler = TaskiqScheduler(broker, [_source])
_tasks = {name: broker.task(task_name=name)(function) for name, function in COROUTINES.items()}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await broker.startup()
    await _source.startup()
    yield
    await _source.shutdown()
    await broker.shutdown()


async def enqueue(task: str, *arguments: Any) -> None:
    await _tasks[task].kiq(*arguments)


async def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    at = datetime.now(UTC) + timedelta(seconds=delay)
    await _tasks[task].schedule_by_time(_source, at, *arguments)
