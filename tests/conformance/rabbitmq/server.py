"""A private RabbitMQ, and what its administrator says to it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pika
import pytest

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running

USER, PASSWORD = "anyjob", "hidden-word"
URL = f"amqp://{USER}:{PASSWORD}@{{host}}:{{port}}/"
#: What docs/how-to/rabbitmq.md recommends where thousands of jobs come due in one second.
_SETTINGS = "[{rabbit, [{dead_letter_worker_consumer_prefetch, 1000}]}]."
_START = (
    f"[ -f '{{dir}}/advanced.config' ] || printf '%s\\n' '{_SETTINGS}' >'{{dir}}/advanced.config'"
)
#: In memory, where there is a file system for that: it has nothing to do with what is tested.
ROOT = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
PROGRAM = "rabbitmq-server"
#: Of Debian's unstable release, so it may be missing even where everything has to be there.
NEWEST = "rabbitmq-server-4.3"
#: As lines of advanced.config: how often a channel looks for deliveries that nobody settled. Each
#: minute, unless it is told.
LOOKING_EACH_SECOND = "[{rabbit, [{channel_tick_interval, 1000}]}]."


class Rights(NamedTuple):
    """Patterns of names that a user may declare, write to and read from."""

    configure: str
    write: str
    read: str


def rabbitmq(program: str = PROGRAM) -> OwnProcess:
    """How to start one; it takes several seconds to be ready.

    A quorum queue that was declared within a second of a kill comes back without a leader
    (rabbitmq-server#10070).
    """
    start = f"{_START}; exec {program} '{{port}}' '{{dir}}'"
    return OwnProcess(["sh", "-c", start], url=URL, patience=180.0, calm=3.0)


def configured(settings: str = "", advanced: str = "", program: str = PROGRAM) -> Running:
    """Start one whose rabbitmq.conf and advanced.config say so as well; the caller stops it."""
    if program == NEWEST and shutil.which(NEWEST) is None:
        pytest.skip(f"UNTESTED: there is no {NEWEST}; scripts/servers.sh says why")
    recipe = rabbitmq(program)
    if not settings and not advanced:
        return recipe.start(answers, ROOT)
    running = Running(recipe, answers, ROOT)
    (running.folder / "more.conf").write_text(settings)
    if advanced:
        (running.folder / "advanced.config").write_text(advanced)
    try:
        running.run()
    except BaseException:
        running.stop()
        raise
    return running


def definitions(users: Mapping[str, Rights]) -> str:
    """A file for `load_definitions`, with these users beside the administrator; a command of
    rabbitmqctl's costs seconds.
    """
    everybody = {USER: Rights(".*", ".*", ".*"), **users}
    return json.dumps(
        {
            "vhosts": [{"name": "/"}],
            "users": [
                {
                    "name": name,
                    "password_hash": _hashed(PASSWORD),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "administrator" if name == USER else "",
                }
                for name in everybody
            ],
            "permissions": [
                {"user": name, "vhost": "/", **rights._asdict()}
                for name, rights in everybody.items()
            ],
        }
    )


def _hashed(password: str) -> str:
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def answers(running: Running) -> bool:
    """Whether it takes its administrator in."""
    with pika.BlockingConnection(pika.URLParameters(f"{running.url}%2F")):
        return True


def ctl(folder: Path, *words: str, program: str = PROGRAM) -> str:
    """What rabbitmqctl answers about the one that keeps its data in `folder`; takes a second."""
    run = subprocess.run(
        [program, str(folder), "ctl", *words],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return run.stdout


def log_of(running: Running) -> str:
    """What the broker wrote into its log."""
    with suppress(OSError):
        return "\n".join(
            path.read_text("utf-8", "replace") for path in (running.folder / "log").glob("*.log")
        )
    return ""
