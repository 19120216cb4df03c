"""Real worker processes, as an operator starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

APPLICATION = "benchmarks.worker:jobs"


def environment(**variables: str | Path) -> dict[str, str]:
    """This process's environment with quiet logs and these variables."""
    return {
        **os.environ,
        "ANYJOB_WORKER_LOG_LEVEL": "warning",
        **{name: str(value) for name, value in variables.items()},
    }


def start(
    variables: dict[str, str],
    *options: str,
    log: Path | None = None,
    application: str = APPLICATION,
) -> subprocess.Popen[bytes]:
    """Start `anyjob worker` on the benchmarks' tasks; what it says goes into `log`."""
    program = str(Path(sys.executable).with_name("anyjob"))
    return start_program([program, "worker", application, *options], variables, log)


def start_program(
    command: Sequence[str], variables: dict[str, str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start any worker, in a group of its own if it has a log of its own."""
    if log is None:
        return subprocess.Popen(command, env=variables)
    with log.open("ab") as output:
        return subprocess.Popen(
            command, env=variables, stdout=output, stderr=output, process_group=0
        )


def memory(process: psutil.Process) -> float:
    """MiB of a process (RSS), and of its children what they do not share (USS)."""
    own = sum(each.memory_full_info().uss for each in process.children(recursive=True))
    return float(process.memory_info().rss + own) / 2**20


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a worker in order, and by force if it does not."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def worker(
    variables: dict[str, str],
    *options: str,
    log: Path | None = None,
    application: str = APPLICATION,
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for the length of a block; an error that ends the block tells what it said."""
    process = start(variables, *options, log=log, application=application)
    try:
        yield process
    except BaseException as error:
        if log is not None:
            error.add_note(log.read_text(errors="replace")[-1000:])
        raise
    finally:
        end(process)
