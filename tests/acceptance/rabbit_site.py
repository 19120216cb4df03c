"""A folder where workers work on RabbitMQ."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import Site


class RabbitSite(Site):
    """Knows what was enqueued, because a broker tells of ready jobs alone."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url)
        self.sent: set[str] = set()

    def enqueue(self, task: str, count: int = 1, **arguments: object) -> list[str]:
        ids = super().enqueue(task, count, **arguments)
        self.sent |= set(ids)
        return ids

    def settled(self, queue: str = "default") -> bool:
        counts = self.app.counts(queue)
        left = self.sent - self.diary.ended()
        return counts.ready == 0 and len(left) <= counts.dead
