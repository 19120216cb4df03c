"""A private RabbitMQ, and what its administrator says to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pika
import pytest

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running
from tests.waiting import until

USER, PASSWORD = "anyjob", "hidden-word"
URL = f"amqp://{USER}:{PASSWORD}@{{host}}:{{port}}/"
#: What docs/how-to/rabbitmq.md recommends where thousands of jobs come due in one second.
_SETTINGS = "[{rabbit, [{dead_letter_worker_consumer_prefetch, 1000}]}]."
_START = (
    f"[ -f '{{dir}}/advanced.config' ] || printf '%s\\n' '{_SETTINGS}' >'{{dir}}/advanced.config'"
)
#: Times that a port may turn out to be taken by somebody who was faster.
_TRIES = 3
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
    for left in reversed(range(_TRIES)):
        running = Running(recipe, answers, ROOT)
        (running.folder / "more.conf").write_text(settings)
        if advanced:
            (running.folder / "advanced.config").write_text(advanced)
        try:
            running.run()
        except BaseException:
            is_port_taken = "eaddrinuse" in running.last_words()
            running.stop()
            if not left or not is_port_taken:
                raise
        else:
            return running
    raise AssertionError("unreachable")


def definitions(users: Mapping[str, Rights]) -> str:
    """A file for `load_definitions`, with these users beside the administrator; they are there
    from the beginning.
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


def told(folder: Path, code: str, program: str = PROGRAM) -> str:
    """What the one that keeps its data in `folder` answers to a line of Erlang, in milliseconds:
    rabbitmqctl starts an Erlang of its own first, and takes two seconds of a core.
    """
    found = shutil.which(program)
    assert found is not None
    root = Path(found).resolve().parents[1] / f"root{program.removeprefix(PROGRAM)}"
    [erl_call] = root.glob("usr/lib/erlang/erts-*/bin/erl_call")
    cookie = (folder / ".erlang.cookie").read_text().strip()
    run = subprocess.run(
        [str(erl_call), "-c", cookie, "-n", "anyjob@localhost", "-e"],
        input=f"{code}, ok.\n" if not code.endswith(".") else f"{code}\n",
        env={**os.environ, "ERL_EPMD_PORT": (folder / "epmd").read_text().strip()},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert run.stdout.startswith("{ok, "), run.stdout
    return run.stdout


@contextlib.contextmanager
def memory_alarm(folder: Path, program: str = PROGRAM) -> Iterator[None]:
    """The broker is told that it may use less memory than it uses."""
    limit = "vm_memory_monitor:set_vm_memory_high_watermark({{absolute, {}}})"
    told(folder, limit.format(1_000_000), program)
    try:
        # It looks at its memory every few seconds.
        until(lambda: "memory" in told(folder, "rabbit_alarm:get_alarms().", program))
        yield
    finally:
        told(folder, limit.format(1_000_000_000), program)
