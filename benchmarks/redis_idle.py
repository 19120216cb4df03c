"""What a worker that has nothing to do costs itself, and its server."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks.idle import share_of_a_core
from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.server import client, server
from benchmarks.settings import Settings
from benchmarks.stage import Stage, stage

WINDOWS = 5


def measure(settings: Settings) -> list[Result]:
    """Watch an idle worker for a minute, in five windows."""
    window = 1.0 if settings.is_quick else 12.0
    with (
        server(settings.folder) as url,
        stage(settings.folder, 1, url) as here,
        worker(here.variables, log=here.log) as process,
    ):
        here.task("noop").enqueue(0)
        here.slots.wait_for(1, timeout=30, worker=process)
        time.sleep(2)
        watched = psutil.Process(process.pid)
        shares, heard = _watch(here, watched, window)
        memory = watched.memory_info().rss / 2**20
    about = f"Redis: an idle worker, over {WINDOWS * window:g} s"
    return [
        Result(
            measurement="redis_idle",
            figure="cpu",
            title=f"{about}, of a core",
            unit="%",
            samples=[100 * share for share in shares],
            target=Target("most", 1),
        ),
        Result(
            measurement="redis_idle",
            figure="requests",
            title=f"{about}, what it asks of the server",
            unit="requests/s",
            samples=[len(heard) / (WINDOWS * window)],
            target=Target("most", 1),
            seen=dict(Counter(heard)),
        ),
        Result(
            measurement="redis_idle",
            figure="memory",
            title="Redis: an idle worker's memory (RSS)",
            unit="MiB",
            samples=[memory],
            target=Target("most", 45),
        ),
    ]


def _watch(here: Stage, process: psutil.Process, window: float) -> tuple[list[float], list[str]]:
    """The part of a core in each window, and the commands in all of them."""
    with _overheard(here.url) as heard:
        shares = [share_of_a_core(process, window) for _ in range(WINDOWS)]
        return shares, list(heard)


@contextmanager
def _overheard(url: str) -> Iterator[list[str]]:
    """What clients ask of the server meanwhile; what their scripts do there is not heard."""
    heard: list[str] = []
    with client(url) as connection, connection.monitor() as monitor:

        def listen() -> None:
            while command := _next(monitor):
                heard.append(command)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield heard
        connection.ping()
        listener.join(5)


def _next(monitor: Any) -> str:
    """The next command of a client; empty for a PING, which is ours."""
    told = monitor.next_command()
    while told["client_type"] == "lua":
        told = monitor.next_command()
    name = str(told["command"]).partition(" ")[0]
    return "" if name == "PING" else name
