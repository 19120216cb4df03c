"""RQ: results off by a time of zero.

Where killed workers are looked at, a job may run for a second and may be retried; without retries,
RQ keeps what was cut for a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Queue, Retry

from benchmarks.peers.given import BACK_AFTER, FUNCTIONS, QUEUE, URL

_queue = Queue(QUEUE, connection=Redis.from_url(URL))
_options: dict[str, Any] = {"result_ttl": 0}
if BACK_AFTER:
    _options |= {"timeout": 1, "retry": Retry(max=3)}
_paths = {
    name: f"{function.__module__}.{function.__name__}" for name, function in FUNCTIONS.items()
}


def enqueue(task: str, *arguments: Any) -> None:
    _queue.enqueue_call(_paths[task], arguments, **_options)


def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    _queue.enqueue_in(timedelta(seconds=delay), _paths[task], *arguments, **_options)


def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    path = _paths[task]
    _queue.enqueue_many([Queue.prepare_data(path, arguments, **_options) for arguments in lot])
