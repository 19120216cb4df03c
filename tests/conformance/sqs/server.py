"""The emulator and the proxy in front of it, as one program that tests start, kill and freeze:
`ministack-python -m tests.conformance.sqs.server PORT FOLDER [LONGEST_WAIT]`.

What is killed is the front. The emulator behind it goes on: of a service in many data centers, no
machine that ends takes a message along, and ministack keeps them in memory. It ends with the front
of its folder when that is stopped for good, by the token in its environment, or when its folder is
removed.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.conformance.sqs import proxy
from tests.conformance.sqs.moved import MovedClock

HOST = "127.0.0.1"
_PATIENCE = 60.0


def run(port: int, folder: Path, longest_wait: int = 20) -> None:
    proxy.serve(port, _emulator(folder), MovedClock(folder), longest_wait)


def _emulator(folder: Path) -> int:
    """The port of the emulator that keeps this folder's queues, started if need be."""
    note = folder / "emulator"
    with contextlib.suppress(OSError, ValueError):
        known = int(note.read_text())
        with socket.create_connection((HOST, known), 5.0):
            return known
    port = _free_port()
    emulator = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.sqs.emulator", str(port), str(folder)],
        start_new_session=True,
    )
    deadline = time.monotonic() + _PATIENCE
    while not _listens(port):
        if emulator.poll() is not None:
            raise SystemExit(f"the emulator ended with {emulator.returncode} before it listened")
        if time.monotonic() >= deadline:
            emulator.kill()
            raise SystemExit("the emulator does not listen")
        time.sleep(0.02)
    note.write_text(str(port))
    return port


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1.0):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
