"""What is lost, and what runs twice, when workers on Redis are killed under load."""

from __future__ import annotations

from benchmarks.kills import kill_on
from benchmarks.result import Result
from benchmarks.server import server
from benchmarks.settings import Settings


def measure(settings: Settings) -> list[Result]:
    """Kill workers of a private server."""
    with server(settings.folder) as url:
        return kill_on(settings, "redis_kills", "Redis", url)
