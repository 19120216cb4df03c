"""Dramatiq: its default middleware, no results."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.given import FUNCTIONS, QUEUE, URL

broker = RedisBroker(url=URL)
dramatiq.set_broker(broker)
_actors = {
    name: dramatiq.actor(function, queue_name=QUEUE, actor_name=name)
    for name, function in FUNCTIONS.items()
}


def enqueue(task: str, *arguments: Any) -> None:
    _actors[task].send(*arguments)
