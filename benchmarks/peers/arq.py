"""arq: results off, and a look for work every 10 ms in place of every 500.

Where killed workers are looked at, a job may run for a second: what was begun is kept from others
for that and ten seconds more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from arq import create_pool, func
from arq.connections import RedisSettings

from benchmarks.peers.given import AT_ONCE, BACK_AFTER, COROUTINES, LOOK_EVERY, URL

_settings = RedisSettings.from_dsn(URL)
_pool: Any = None
#: For its option --custom-log-dict.
QUIET = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"arq": {"level": "WARNING"}},
}


async def noop(_: Any, *arguments: Any) -> None:
    await COROUTINES["noop"](*arguments)


async def lag(_: Any, *arguments: Any) -> None:
    await COROUTINES["lag"](*arguments)


async def pause(_: Any, *arguments: Any) -> None:
    await COROUTINES["pause"](*arguments)


async def nap(_: Any, *arguments: Any) -> None:
    await COROUTINES["nap"](*arguments)


class WorkerSettings:
    functions = tuple(func(function, keep_result=0) for function in (noop, lag, pause, nap))
    redis_settings = _settings
    max_jobs = AT_ONCE
    poll_delay = LOOK_EVERY
    job_timeout = 1 if BACK_AFTER else 300
    log_results = False


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    global _pool  # noqa: PLW0603 - its pool can only be made within a loop
    _pool = await create_pool(_settings)
    yield
    await _pool.aclose()


async def enqueue(task: str, *arguments: Any) -> None:
    await _pool.enqueue_job(task, *arguments)


async def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    await _pool.enqueue_job(task, *arguments, _defer_by=delay)
