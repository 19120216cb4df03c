"""The worker processes: real `anyjob worker` commands, each with a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.shop.errors import WorkerDied

ANYJOB = str(Path(sysconfig.get_path("scripts"), "anyjob"))
APP = "examples.shop.tasks:jobs"

#: What a worker may take to finish its running jobs once it is told to stop. On SQS it waits up to
#: 20 s for the answers to its last requests, because what they bring is to be given back.
GRACE_SECONDS = 30.0


class Workers:
    """Several worker processes, none of which outlives the `with` block.

    Each has its own process group, so that Ctrl-C reaches the demo alone, which then stops them.
    """

    def __init__(self, count: int, logs: Path) -> None:
        self._count = count
        self._logs = logs
        #: By number, from 1; the number is in the name of the log.
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            for number in range(1, self._count + 1):
                self._processes[number] = self._start(number)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise WorkerDied, with the end of its log, if a process ended by itself."""
        for number, process in self._processes.items():
            if process.poll() is not None:
                log = self._log(number).read_text(errors="replace")
                raise WorkerDied(
                    f"worker {number} ended with exit code {process.returncode}: ...{log[-2000:]}"
                )

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values()]

    def freeze(self, pid: int) -> None:
        """Stop a process where it stands, and return once it does."""
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)

    def thaw(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    def kill(self, pid: int) -> None:
        """End a process with SIGKILL, which it can neither see nor delay."""
        number = next(n for n, process in self._processes.items() if process.pid == pid)
        process = self._processes.pop(number)
        process.kill()
        process.wait()

    def close(self) -> None:
        """Stop all processes; raises WorkerDied if one did not end as it should."""
        codes = [process.returncode for process in self.stop()]
        if any(codes):
            raise WorkerDied(f"the workers ended with exit codes {codes}, which should be 0")

    def stop(self) -> list[subprocess.Popen[bytes]]:
        """Let all processes finish what they run, kill those that take too long; return all."""
        stopped = list(self._processes.values())
        for process in stopped:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in stopped:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        return stopped

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        with self._log(number).open("wb") as log:
            return subprocess.Popen(
                [ANYJOB, "worker", APP, "-q", "photos,orders", "-c", "4", "--lease", "5s"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def _log(self, number: int) -> Path:
        return self._logs / f"worker-{number}.log"
