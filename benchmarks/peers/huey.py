"""Huey: a blocking pop, and None as a result, which it does not keep."""

from __future__ import annotations

from typing import Any

from huey import RedisHuey

from benchmarks.peers.given import FUNCTIONS, QUEUE, URL

huey = RedisHuey(QUEUE, url=URL)
_tasks = {name: huey.task(name=name)(function) for name, function in FUNCTIONS.items()}


def enqueue(task: str, *arguments: Any) -> None:
    _tasks[task](*arguments)


def enqueue_later(task: str, delay: float, *arguments: Any) -> None:
    _tasks[task].schedule(arguments, delay=delay)
