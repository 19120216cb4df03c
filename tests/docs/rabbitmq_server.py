"""The private broker of a page that names `amqp://localhost:5672`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pika

from anyjob.conformance.servers.own_process import Running
from tests.conformance.rabbitmq.server import PASSWORD, ROOT, USER, rabbitmq

#: Where pages say that a broker is.
SHOWN = "amqp://localhost:5672"


@contextmanager
def rabbitmq_server() -> Iterator[str]:
    """Yields its URL; ends it on every way out. At home a missing one is a skip."""
    running = rabbitmq().start(_answers, ROOT)
    try:
        yield running.url.removesuffix("/")
    finally:
        running.stop()


def without_password(url: str) -> list[str]:
    """As errors show it, and as logs do."""
    return [url.replace(PASSWORD, "***"), url.replace(f"{USER}:{PASSWORD}@", "")]


def _answers(running: Running) -> bool:
    with pika.BlockingConnection(pika.URLParameters(f"{running.url}%2F")):
        return True
