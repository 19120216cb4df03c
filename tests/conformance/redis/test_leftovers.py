"""A server that writes its title over its environment is ended all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anyjob.conformance.servers import facts
from anyjob.conformance.servers.registry import Registry
from tests.waiting import until

PROGRAM = """
import sys
from pathlib import Path
import redis
from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.registry import Registry
from tests.conformance.redis.harness import COMMAND, PASSWORD

registry = Registry(Path(sys.argv[1]))
server = OwnProcess(COMMAND, registry=registry).start(
    lambda at: redis.Redis(port=at.port, password=PASSWORD).ping()
)
print(server.pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["exit", "SIGKILL"])
def test_server_of_a_run_that_is_over_is_ended(tmp_path: Path, end: str) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["."])},
    )
    assert run.stdin is not None
    assert run.stdout is not None
    with run:
        server = int(run.stdout.readline())
        began = facts.started(server)
        assert began is not None
        if end == "SIGKILL":
            run.send_signal(signal.SIGKILL)
        else:
            run.stdin.write(b"\n")
            run.stdin.close()
        run.wait(30)

    Registry(tmp_path).end_leftovers()

    until(lambda: facts.started(server) != began, "for the server to be gone")
