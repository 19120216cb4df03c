"""A program that enqueues for a peer whenever it is told to."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import IO, Any

from benchmarks.peers.place import ROOT, Place, kill


class Feeder:
    """The hand on `benchmarks.peers.feed` in a peer's interpreter; one thread at a time."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests = requests
        self._answers = answers
        #: Jobs that are stored.
        self.number = 0

    @classmethod
    @contextlib.contextmanager
    def of(cls, here: Place, task: str, *arguments: Any) -> Iterator[Feeder]:
        """Run the program for the length of a block; its jobs have their numbers first."""
        words = [here.peer.application, task, *map(json.dumps, arguments)]
        with here.log.open("ab") as log:
            process = subprocess.Popen(
                [here.home.python, "-m", "benchmarks.peers.feed", *words],
                env={**here.variables},
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=0,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield cls(process.stdin, process.stdout)
        finally:
            kill(process)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()

    def send(self, jobs: int) -> None:
        """Enqueue so many more, and wait until they are stored.

        Raises RuntimeError if the program has ended.
        """
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(b"%d\n" % jobs)
            self._requests.flush()
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError("what enqueues for the peer ended before its jobs were stored")
        self.number = int(answer)
