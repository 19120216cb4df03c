"""Celery on RabbitMQ: quorum queues, publishes confirmed, results off, acknowledged after the
run.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from benchmarks.peers.given import FUNCTIONS, QUEUE, URL

app = Celery("bench", broker=f"{URL}/")
app.conf.update(
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    # Quorum queues know no prefetch for a whole channel.
    worker_detect_quorum_queues=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)
_tasks = {name: app.task(name=name)(function) for name, function in FUNCTIONS.items()}


def enqueue(task: str, *arguments: Any) -> None:
    _tasks[task].delay(*arguments)
