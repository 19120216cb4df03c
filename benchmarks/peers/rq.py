"""RQ: results off by a time of zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis
from rq import Queue

from benchmarks.peers.given import FUNCTIONS, QUEUE, URL

_queue = Queue(QUEUE, connection=Redis.from_url(URL))
_paths = {
    name: f"{function.__module__}.{function.__name__}" for name, function in FUNCTIONS.items()
}


def enqueue(task: str, *arguments: Any) -> None:
    _queue.enqueue_call(_paths[task], arguments, result_ttl=0)


def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    path = _paths[task]
    _queue.enqueue_many([Queue.prepare_data(path, arguments, result_ttl=0) for arguments in lot])
