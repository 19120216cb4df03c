"""What the tests of the Redis backend share: private servers, backends on them, jobs."""

from __future__ import annotations

import contextlib
import secrets
import socket
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.envelope import Envelope

#: In no text of ours, however it comes about.
PASSWORD = "hidden-word"
SOCKET = "redis.sock"
_OPTIONS = [
    *("--port", "{port}"),
    *("--bind", "{host}"),
    *("--dir", "{dir}"),
    *("--unixsocket", f"{{dir}}/{SOCKET}"),
    *("--requirepass", PASSWORD),
    *("--appendonly", "yes"),
    *("--save", ""),
    *("--loglevel", "warning"),
]
_FAST = Path("/dev/shm") if Path("/dev/shm").is_dir() else None

MakeJob = Callable[..., Envelope]
Open = Callable[..., RedisBackend]
StartServer = Callable[..., Running]


def raw(server: Running) -> redis.Redis:
    """A client of the administrator's, past the backend."""
    return redis.Redis(
        host="127.0.0.1", port=server.port, password=PASSWORD, socket_timeout=10.0, protocol=2
    )


def say(client: redis.Redis, *words: str | bytes | int) -> Any:
    """The answer to a command as it stands."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _answers(server: Running) -> bool:
    with contextlib.closing(raw(server)) as client, contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


@contextlib.contextmanager
def serving(*options: str, program: str = "redis-server") -> Iterator[Running]:
    """A server, while the block lasts."""
    url = f"redis://:{PASSWORD}@{{host}}:{{port}}/0"
    running = OwnProcess([program, *_OPTIONS, *options], url=url).start(_answers, _FAST)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """One that all tests share; none may stop, empty or reconfigure it."""
    with serving() as running:
        yield running


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers of the test's own, with more options."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(serving(*options))


@pytest.fixture
def spare(start_server: StartServer) -> Running:
    """A server of the test's own, to be treated badly."""
    return start_server()


@pytest.fixture
def admin(server: Running) -> Iterator[redis.Redis]:
    with contextlib.closing(raw(server)) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def opened(namespace: str) -> Iterator[Open]:
    """Opens backends that are closed in the end."""
    with ExitStack() as stack:

        def open_(url: str, **options: Any) -> RedisBackend:
            backend = RedisBackend(url, **{"namespace": namespace, **options})
            stack.callback(backend.close)
            backend.open()
            return backend

        yield open_


@pytest.fixture
def backend(opened: Open, server: Running) -> RedisBackend:
    return opened(server.url)


@pytest.fixture
def consumer(backend: RedisBackend) -> Iterator[Consumer]:
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
    yield consumer
    consumer.close(release=False)


@pytest.fixture
def job() -> MakeJob:
    """Makes an envelope of its own id."""

    def make(queue: str = "mail", body: bytes = b"body", **fields: Any) -> Envelope:
        return Envelope(id=str(uuid.uuid4()), queue=queue, body=body, **fields)

    return make


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def everything_told(error: BaseException) -> str:
    """All that a log could hold of an error, what it came from included."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return "".join(traceback.format_exception(error)) + "\n".join(map(repr, chain))
