"""A private RabbitMQ, and what its administrator says to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from anyjob.conformance import OwnProcess

USER, PASSWORD = "anyjob", "hidden-word"
URL = f"amqp://{USER}:{PASSWORD}@{{host}}:{{port}}/"
#: What docs/how-to/rabbitmq.md recommends where thousands of jobs come due in one second.
_SETTINGS = "[{rabbit, [{dead_letter_worker_consumer_prefetch, 1000}]}]."
_START = (
    f"printf '%s\\n' '{_SETTINGS}' >'{{dir}}/advanced.config'"
    " && exec rabbitmq-server '{port}' '{dir}'"
)
#: In memory, where there is a file system for that: it has nothing to do with what is tested.
ROOT = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


def rabbitmq() -> OwnProcess:
    """How to start one; it takes several seconds to be ready.

    A quorum queue that was declared within a second of a kill comes back without a leader
    (rabbitmq-server#10070).
    """
    return OwnProcess(["sh", "-c", _START], url=URL, patience=90.0, calm=3.0)


def ctl(folder: Path, *words: str) -> str:
    """What rabbitmqctl answers about the one that keeps its data in `folder`; takes a second."""
    run = subprocess.run(
        ["rabbitmq-server", str(folder), "ctl", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout
