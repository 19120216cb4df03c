"""Celery: results off, prefetch 64 a process; settlement as the variant says.

Where killed workers are looked at, what nobody acknowledged for some seconds is sent again, and no
worker prefetches more than it would have begun by then.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from celery import Celery

from benchmarks.peers.given import BACK_AFTER, CELERY_LATE, FUNCTIONS, QUEUE, URL

app = Celery("bench", broker=URL)
app.conf.update(
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_acks_late=bool(os.environ.get(CELERY_LATE)),
    task_reject_on_worker_lost=bool(os.environ.get(CELERY_LATE)),
    worker_prefetch_multiplier=1 if BACK_AFTER else 64,
    broker_connection_retry_on_startup=True,
)
if BACK_AFTER:
    app.conf.broker_transport_options = {
        "visibility_timeout": BACK_AFTER,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # One that is killed while it restores keeps the others from it, by default for 5 minutes.
        "unacked_mutex_expire": 1,
    }
_tasks = {name: app.task(name=name)(function) for name, function in FUNCTIONS.items()}


def enqueue(task: str, *arguments: Any) -> None:
    _tasks[task].delay(*arguments)


def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    _tasks[task].apply_async(arguments, countdown=delay)


def enqueue_many(task: str, lot: Iterable[tuple[Any, ...]]) -> None:
    """In one pipeline, as kombu 5.7 offers it on Redis."""
    enqueue_many_later(task, None, lot)


def enqueue_many_later(task: str, delay: float | None, lot: Iterable[tuple[Any, ...]]) -> None:
    send = _tasks[task].apply_async
    with app.producer_pool.acquire(block=True) as producer, producer.batch():
        for arguments in lot:
            send(arguments, producer=producer, countdown=delay)
