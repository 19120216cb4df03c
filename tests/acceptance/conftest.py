"""Real worker processes on a SQLite file or a private Redis, lease 3 s, judged by a diary outside
the product.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from anyjob import Job
from anyjob.conformance.servers.own_process import Running
from tests.acceptance import program
from tests.acceptance.diary import Diary
from tests.conformance.redis.harness import RedisHarness

#: What `make certify` runs.
collect_ignore_glob = [] if os.environ.get("CERTIFY") == "1" else ["test_*_nightly_*.py"]

ROOT = Path(__file__).parents[2]
LEASE = 3.0
#: Within this time of a crash, what its worker held is being run again.
RECOVERY = LEASE + 6.0
PATIENCE = 30.0
#: What a busy machine adds.
BUSY = 5.0
#: Within this time of a server's return, every worker works again.
RESUMED = 10.0 + BUSY
#: What a call takes at the most that nobody answers.
CALL = 5.0 + BUSY
ANYJOB = str(Path(sys.executable).with_name("anyjob"))


class Site:
    """A folder with a diary, where jobs wait (a database in it, unless told), and the processes
    that work there.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.url = url or f"sqlite:///{folder / 'jobs.db'}"
        self.diary = Diary(folder)
        self.app = program.make(self.url)
        self._processes: list[subprocess.Popen[str]] = []

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith("ANYJOB_")}
        own = {
            "PROGRAM_FOLDER": str(self.folder),
            "ANYJOB_BACKEND": self.url,
            "ANYJOB_LEASE": str(LEASE),
            "PYTHONPATH": str(ROOT),
        }
        return kept | own | variables

    def enqueue(self, task: str, count: int = 1, **arguments: object) -> list[str]:
        """Enqueue jobs of a task of the program; returns the accepted ids."""
        known = self.app.tasks.get(task)
        answers = self.app.enqueue_many(known.job(**arguments) for _ in range(count))
        assert all(isinstance(answer, Job) for answer in answers), answers
        return [answer.id for answer in answers if isinstance(answer, Job)]

    def worker(self, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Start `anyjob worker` in a session of its own; its log is in `log_of`."""
        command = [ANYJOB, "worker", "tests.acceptance.program:make()", *options]
        return self.start(command, **variables)

    def start(self, command: list[str], **variables: str) -> subprocess.Popen[str]:
        log = (self.folder / f"log-{len(self._processes)}.txt").open("w")
        with log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log_of(self, process: subprocess.Popen[str]) -> str:
        return (self.folder / f"log-{self._processes.index(process)}.txt").read_text()

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.app.close()

    def wait(self, done: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Poll until `done`; fails with the logs after `patience` seconds."""
        until = time.monotonic() + patience
        while not done():
            if time.monotonic() > until:
                logs = "\n".join(self.log_of(process)[-2000:] for process in self._processes)
                raise AssertionError(f"not within {patience:g} s: {what}\n{logs}")
            time.sleep(0.02)

    def settled(self, queue: str = "default") -> bool:
        """Whether nothing of a queue is left but dead letters."""
        counts = self.app.counts(queue)
        return (counts.ready, counts.scheduled, counts.leased) == (0, 0, 0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A private Redis that writes an append-only file."""
    running = RedisHarness.server.start(lambda at: bool(client(at).ping()), tmp_path)
    yield running
    running.stop()


@pytest.fixture
def redis_site(tmp_path: Path, server: Running) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder, server.url)
    yield site
    site.close()


def client(server: Running) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=5.0)
