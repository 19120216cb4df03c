"""Where the program runs: backends and pairs, each on servers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pika
import redis

from anyjob.conformance.servers.own_process import Running
from tests.conformance.rabbitmq.server import ROOT, rabbitmq
from tests.conformance.redis.harness import RedisHarness
from tests.conformance.sqs.service import own


@dataclass(frozen=True)
class Ready:
    """One that can be used: URLs, and what kills its server and starts it again, if it has one."""

    backend: str
    store: str | None = None
    restart: Callable[[], object] | None = None


Opening = Callable[[Path], AbstractContextManager[Ready]]


@contextmanager
def memory(folder: Path) -> Iterator[Ready]:
    yield Ready("memory://")


@contextmanager
def sqlite(folder: Path) -> Iterator[Ready]:
    yield Ready(f"sqlite:///{folder / 'jobs.db'}")


@contextmanager
def redis_(folder: Path) -> Iterator[Ready]:
    with running(RedisHarness.server.start(_redis_answers, folder)) as server:
        yield Ready(server.url, restart=server.restart)


@contextmanager
def rabbit(folder: Path) -> Iterator[Ready]:
    with running(rabbitmq().start(_rabbit_answers, ROOT)) as server:
        yield Ready(server.url, restart=server.restart)


@contextmanager
def sqs(folder: Path) -> Iterator[Ready]:
    with own() as service:
        yield Ready(service.url, restart=service.running.restart)


@contextmanager
def kombu(folder: Path) -> Iterator[Ready]:
    with redis_(folder) as server:
        yield Ready(f"kombu+{server.backend}", restart=server.restart)


def paired(backend: Opening, store: Opening) -> Opening:
    """One beside the other."""

    @contextmanager
    def opening(folder: Path) -> Iterator[Ready]:
        beside = folder / "store"
        beside.mkdir()
        with ExitStack() as stack:
            first = stack.enter_context(backend(folder))
            second = stack.enter_context(store(beside))
            yield Ready(first.backend, second.backend, first.restart)

    return opening


PLACES: dict[str, Opening] = {
    "memory": memory,
    "sqlite": sqlite,
    "redis": redis_,
    "rabbitmq": rabbit,
    "sqs": sqs,
    "rabbitmq + redis": paired(rabbit, redis_),
    # By itself it has no delays, which the program's retries want.
    "kombu + redis": paired(kombu, redis_),
    "rabbitmq + sqlite": paired(rabbit, sqlite),
    "sqs + redis": paired(sqs, redis_),
}


@contextmanager
def running(server: Running) -> Iterator[Running]:
    try:
        yield server
    finally:
        server.stop()


def _redis_answers(at: Running) -> bool:
    return bool(redis.Redis.from_url(at.url, socket_timeout=5.0).ping())


def _rabbit_answers(at: Running) -> bool:
    with pika.BlockingConnection(pika.URLParameters(f"{at.url}%2F")):
        return True
