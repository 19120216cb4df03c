"""A private RabbitMQ for the length of a measurement, and what stands in its queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running

#: The user that scripts/rabbitmq_server.sh makes; it listens on the loopback alone.
_URL = "amqp://anyjob:hidden-word@{host}:{port}/"
_COMMAND = ["rabbitmq-server", "{port}", "{dir}"]


@contextmanager
def rabbit_server(folder: Path) -> Iterator[str]:
    """Start one on a free port with its files in `folder`; the URL is valid within the block."""
    running = OwnProcess(_COMMAND, url=_URL, patience=90.0, calm=0.0).start(_answers, folder)
    try:
        yield running.url
    finally:
        running.stop()


def parameters(url: str) -> pika.URLParameters:
    return pika.URLParameters(f"{url}%2F")


def fresh() -> str:
    """A name that nobody had: what others left in the broker is in nobody's way."""
    return f"b{uuid4().hex[:12]}"


@contextmanager
def channel(url: str) -> Iterator[Any]:
    """Somebody who looks into the broker from outside."""
    with pika.BlockingConnection(parameters(url)) as connection:
        yield connection.channel()


def _answers(running: Running) -> bool:
    with channel(running.url):
        return True
