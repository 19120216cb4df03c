"""The app at one place, its diary and its workers: processes, or a thread where memory is all."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anyjob import App, UnsupportedCapability
from anyjob.core.capabilities import Capabilities
from tests.acceptance.conftest import ANYJOB, LEASE, ROOT
from tests.acceptance.diary import Diary
from tests.acceptance.everywhere import program
from tests.acceptance.everywhere.places import Ready

#: What a busy machine, a lease that has to end and a server that starts again may take together.
PATIENCE = 90.0


class Workplace:
    """One place, as the journey uses it."""

    def __init__(self, folder: Path, ready: Ready) -> None:
        self.folder = folder
        self.ready = ready
        self.diary = Diary(folder)
        self.is_shared = not ready.backend.startswith("memory:")
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PROGRAM_FOLDER": str(folder),
            "ANYJOB_BACKEND": ready.backend,
            "ANYJOB_LEASE": str(LEASE),
            "PYTHONPATH": str(ROOT),
        }
        if ready.store is not None:
            self.environment["ANYJOB_STORE"] = ready.store
        self.app = self._made()

    @property
    def capabilities(self) -> Capabilities:
        return self.app.backend.capabilities

    def _made(self) -> App:
        """The app; without the task that retries, where a backend refuses that by name."""
        with environment(self.environment):
            app = program.make()
            try:
                app.open()
            except UnsupportedCapability as refusal:
                app.close()
                if refusal.name != "delay":
                    raise
            else:
                return app
        self.environment["EVERYWHERE_RETRIES"] = "no"
        with environment(self.environment):
            return program.make()

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker process that runs one job at a time."""
        with (self.folder / f"log-{len(self._processes)}.txt").open("wb") as log:
            process = subprocess.Popen(
                [ANYJOB, "worker", "tests.acceptance.everywhere.program:make()", "-c", "1"],
                cwd=self.folder,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def wait(self, done: Callable[[], object], what: str) -> None:
        """Poll until `done`; fails with the logs after `PATIENCE`."""
        until = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > until:
                logs = [path.read_text()[-2000:] for path in sorted(self.folder.glob("log-*.txt"))]
                raise AssertionError("\n".join([f"not within {PATIENCE:g} s: {what}", *logs]))
            time.sleep(0.05)

    def begun(self, job: str) -> list[int]:
        """The attempts of a job that began, in order."""
        return [int(run["attempt"]) for run in self.diary.runs().get(job, [])]

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.app.close()


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """A block in which the environment of this process has these too."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
