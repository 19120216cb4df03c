"""Dramatiq: its default middleware, no results.

Where killed workers are looked at, each command looks for those whose heart has stopped, and not
one of a thousand.
"""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.given import BACK_AFTER, FUNCTIONS, QUEUE, URL

_recovery: dict[str, Any] = {
    "heartbeat_timeout": int(1000 * BACK_AFTER),
    "maintenance_chance": 1_000_000,
}
broker = RedisBroker(url=URL, **_recovery if BACK_AFTER else {})
dramatiq.set_broker(broker)
_actors = {
    name: dramatiq.actor(function, queue_name=QUEUE, actor_name=name)
    for name, function in FUNCTIONS.items()
}


def enqueue(task: str, *arguments: Any) -> None:
    _actors[task].send(*arguments)


def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    _actors[task].send_with_options(args=arguments, delay=int(1000 * delay))
