"""Celery: results off, prefetch 64 a process; settlement as the variant says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from celery import Celery

from benchmarks.peers.given import CELERY_LATE, FUNCTIONS, QUEUE, URL

app = Celery("bench", broker=URL)
app.conf.update(
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_acks_late=bool(os.environ.get(CELERY_LATE)),
    task_reject_on_worker_lost=bool(os.environ.get(CELERY_LATE)),
    worker_prefetch_multiplier=64,
    broker_connection_retry_on_startup=True,
)
_tasks = {name: app.task(name=name)(function) for name, function in FUNCTIONS.items()}


def enqueue(task: str, *arguments: Any) -> None:
    _tasks[task].delay(*arguments)


def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    """In one pipeline, as kombu 5.7 offers it on Redis."""
    send = _tasks[task].apply_async
    with app.producer_pool.acquire(block=True) as producer, producer.batch():
        for arguments in lot:
            send(arguments, producer=producer)
