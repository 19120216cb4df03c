"""Parts as processes: a new interpreter that forks one for each, and serves many runs."""

from __future__ import annotations

import atexit
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

import msgspec

from anyjob.conformance.harness import Harness
from anyjob.conformance.history.crew import PATIENCE, Crew, ThreadCrew
from anyjob.conformance.history.naming import HarnessName, name_of
from anyjob.conformance.history.part import Order

_crews = itertools.count(1)
#: By harness; each is imported once, and serves every run on it.
_nurseries: dict[HarnessName, Nursery] = {}


def crew_for(harness: Harness, reach: str) -> Crew:
    """Processes where they can reach the jobs, else threads."""
    name = None if reach == "process" else name_of(harness)
    return ThreadCrew(harness) if name is None else ProcessCrew(name)


class ProcessCrew(Crew):
    """Asks a nursery for parts, each in a process of its own."""

    kills_processes = True

    def __init__(self, harness: HarnessName) -> None:
        super().__init__()
        self._nursery = nursery_for(harness)
        # Beside those of other runs.
        self._prefix = f"{next(_crews)}/"

    def pid_of(self, name: str) -> int:
        """The process of a part."""
        return int(self._ask("pid", name))

    def _start(self, order: Order) -> None:
        self._ask("start", order.name, order=order)

    def _look(self) -> dict[str, str]:
        ended: dict[str, str] = self._nursery.ask({"do": "ended"})
        return {
            name.removeprefix(self._prefix): how
            for name, how in ended.items()
            if name.startswith(self._prefix)
        }

    def tell(self, name: str, word: str) -> None:
        self._ask("tell", name, word=word)

    def kill(self, name: str) -> None:
        self._ask("signal", name, signal=int(signal.SIGKILL))

    def freeze(self, name: str) -> None:
        self._ask("signal", name, signal=int(signal.SIGSTOP))

    def thaw(self, name: str) -> None:
        self._ask("signal", name, signal=int(signal.SIGCONT))

    def close(self) -> None:
        self._nursery.ask({"do": "end", "prefix": self._prefix})

    def _ask(self, what: str, name: str, **more: Any) -> Any:
        return self._nursery.ask({"do": what, "name": self._prefix + name, **more})


def nursery_for(harness: HarnessName) -> Nursery:
    """The nursery of that harness; a new one unless one is alive."""
    nursery = _nurseries.get(harness)
    if nursery is None or not nursery.is_alive:
        nursery = _nurseries[harness] = Nursery(harness)
    return nursery


class Nursery:
    """A new interpreter that imports a harness, and forks processes when it is asked to.

    Its process group holds them all. They end with it, and it ends with its standard input: when
    this process does, in whatever way. Any thread may ask.
    """

    def __init__(self, harness: HarnessName) -> None:
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the nursery
        self._process = subprocess.Popen(
            [sys.executable, "-m", "anyjob.conformance.history.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        atexit.register(self.close)
        try:
            self.ask(harness)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Its own, and its process group's."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: Any) -> Any:
        """One line there, one line back."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            try:
                process.stdin.write(msgspec.json.encode(question) + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except (BrokenPipeError, ValueError):
                line = b""
        assert line, f"the nursery of the harness's processes ended: {self._last_words()}"
        return msgspec.json.decode(line)

    def close(self) -> None:
        """End it, and every process that it made."""
        atexit.unregister(self.close)
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-2000:]
