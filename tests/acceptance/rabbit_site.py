"""A folder where workers work on RabbitMQ, in a namespace of its own."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from tests.acceptance import program
from tests.acceptance.conftest import Site

_numbers = itertools.count(1)


class RabbitSite(Site):
    """Knows what was enqueued, because a broker tells of ready jobs alone."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url)
        self.namespace = f"t{os.getpid()}-{next(_numbers)}"
        self.app = program.make(url, namespace=self.namespace)
        self.sent: set[str] = set()

    def environment(self, **variables: str) -> dict[str, str]:
        return super().environment(**{"ANYJOB_NAMESPACE": self.namespace, **variables})

    def enqueue(self, task: str, count: int = 1, **arguments: object) -> list[str]:
        ids = super().enqueue(task, count, **arguments)
        self.sent |= set(ids)
        return ids

    def settled(self, queue: str = "default") -> bool:
        counts = self.app.counts(queue)
        left = self.sent - self.diary.ended()
        return counts.ready == 0 and len(left) <= counts.dead
