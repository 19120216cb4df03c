"""A primary, its replica and a sentinel that knows them, private, for the length of a block."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running
from tests.waiting import until

PASSWORD = "hidden-word"
NAME = "shop"
_COMMON = [
    *("--port", "{port}"),
    *("--bind", "{host}"),
    *("--dir", "{dir}"),
    *("--requirepass", PASSWORD),
    *("--masterauth", PASSWORD),
    *("--appendonly", "yes"),
    *("--save", ""),
    *("--repl-diskless-sync-delay", "0"),
]


class Pair:
    """Two servers and who watches them."""

    def __init__(self, primary: Running, replica: Running, sentinel: Running) -> None:
        self.primary = primary
        self.replica = replica
        self.sentinel = sentinel

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{PASSWORD}@127.0.0.1:{self.sentinel.port}/{NAME}/0"


@contextmanager
def pair(root: Path) -> Iterator[Pair]:
    """Start all three, and wait until the replica follows and the sentinel knows it."""
    with ExitStack() as stack:
        primary = _started(stack, ["redis-server", *_COMMON], root)
        follow = ["--replicaof", f"127.0.0.1 {primary.port}"]
        replica = _started(stack, ["redis-server", *_COMMON, *follow], root)
        until(lambda: _client(replica).info()["master_link_status"] == "up", "for the replica")
        sentinel = _started(stack, _sentinel(stack, root, primary.port), root)
        until(lambda: _knows_replica(sentinel), "for the sentinel")
        yield Pair(primary, replica, sentinel)


def _sentinel(stack: ExitStack, root: Path, port: int) -> list[str]:
    """A sentinel rewrites its configuration, so it has a file of its own."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(dir=root))
    file = Path(folder) / "sentinel.conf"
    file.write_text(
        f"sentinel monitor {NAME} 127.0.0.1 {port} 1\n"
        f"sentinel auth-pass {NAME} {PASSWORD}\n"
        f"sentinel down-after-milliseconds {NAME} 500\n"
        f"sentinel failover-timeout {NAME} 3000\n"
    )
    return ["redis-server", str(file), "--port", "{port}", "--bind", "{host}", "--sentinel"]


def _started(stack: ExitStack, command: list[str], root: Path) -> Running:
    running = OwnProcess(command).start(_answers, root)
    stack.callback(running.stop)
    return running


def _answers(running: Running) -> bool:
    return bool(_client(running).ping())


def _client(running: Running) -> Any:
    is_sentinel = "--sentinel" in running.recipe.command
    password = None if is_sentinel else PASSWORD
    return redis.Redis(port=running.port, password=password, socket_timeout=5.0)


def _knows_replica(sentinel: Running) -> bool:
    found = _client(sentinel).execute_command("SENTINEL", "replicas", NAME)
    return bool(found)
