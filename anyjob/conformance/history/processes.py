"""Parts as processes: a new interpreter that forks one for each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.history.crew import PATIENCE, Crew
from anyjob.conformance.history.load import HarnessName
from anyjob.conformance.history.part import Order


class ProcessCrew(Crew):
    """Talks to the nursery, whose process group holds every part.

    All of them end with the nursery, and the nursery with its standard input: also when this
    process is killed.
    """

    kills_processes = True

    def __init__(self, harness: HarnessName, history: Path) -> None:
        super().__init__()
        self._errors = (history / "nursery.log").open("wb")
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "anyjob.conformance.history.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self._log = history / "nursery.log"
        try:
            self._ask(harness)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The nursery's, and its process group's."""
        return self._nursery.pid

    def pid_of(self, name: str) -> int:
        """The process of a part."""
        return int(self._ask({"do": "pid", "name": name}))

    def _start(self, order: Order) -> None:
        self._ask({"do": "start", "name": order.name, "order": order})

    def _look(self) -> dict[str, str]:
        return dict(self._ask({"do": "ended"}))

    def tell(self, name: str, word: str) -> None:
        self._ask({"do": "tell", "name": name, "word": word})

    def kill(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        self._ask({"do": "signal", "name": name, "signal": int(number)})

    def close(self) -> None:
        nursery = self._nursery
        if nursery.stdin is not None:
            nursery.stdin.close()
        try:
            nursery.wait(PATIENCE)
        finally:
            if nursery.poll() is None:
                os.killpg(nursery.pid, signal.SIGKILL)
                nursery.wait()
            if nursery.stdout is not None:
                nursery.stdout.close()
            self._errors.close()

    def _ask(self, question: Any) -> Any:
        """One line there, one line back."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        try:
            self._nursery.stdin.write(msgspec.json.encode(question) + b"\n")
            self._nursery.stdin.flush()
            line = self._nursery.stdout.readline()
        except BrokenPipeError:
            line = b""
        assert line, f"the nursery ended: {self._log.read_text('utf-8', 'replace')[-2000:]}"
        return msgspec.json.decode(line)
