"""Dramatiq on RabbitMQ: its default middleware, no results, publishes confirmed.

It declares classic durable queues and persists its messages.
"""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.peers.given import FUNCTIONS, QUEUE, URL

broker = RabbitmqBroker(url=f"{URL}%2F", confirm_delivery=True)
dramatiq.set_broker(broker)
_actors = {
    name: dramatiq.actor(function, queue_name=QUEUE, actor_name=name)
    for name, function in FUNCTIONS.items()
}


def enqueue(task: str, *arguments: Any) -> None:
    _actors[task].send(*arguments)
