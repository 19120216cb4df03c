"""Real worker processes, as an operator starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

APPLICATION = "benchmarks.worker:jobs"


def environment(**variables: str | Path) -> dict[str, str]:
    """This process's environment with quiet logs and these variables."""
    return {
        **os.environ,
        "ANYJOB_WORKER_LOG_LEVEL": "warning",
        **{name: str(value) for name, value in variables.items()},
    }


def start(variables: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    """Start `anyjob worker` on the benchmarks' tasks."""
    command = [str(Path(sys.executable).with_name("anyjob")), "worker", APPLICATION, *options]
    return subprocess.Popen(command, env=variables)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a worker in order, and by force if it does not."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def worker(variables: dict[str, str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for the length of a block."""
    process = start(variables, *options)
    try:
        yield process
    finally:
        end(process)
