"""Waiting for results in a file: one poller for all, which looks when something was committed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from anyjob import App, BackendUnavailable, Job
from anyjob.app.waiters import Waiters
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import JobRecord
from tests.unit.backends.sqlite.conftest import MakeJob
from tests.waiting import PATIENCE


class Counting(SQLiteBackend):
    """Counts the looks."""

    looks = 0

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        self.looks += 1
        return super().get(queue, ids, wait)


def test_hundred_coroutines_look_when_something_was_committed_and_not_before(
    url: str, opened: Callable[..., SQLiteBackend], job: MakeJob
) -> None:
    backend, elsewhere = Counting(url), opened(url)
    backend.open()
    waiters = Waiters(backend, net=3600.0)
    made = [job(queue) for queue in ("mail", "sums", "images") for _ in range(33)]
    backend.enqueue(made)

    async def main() -> None:
        with App(url) as app:
            waits = [
                asyncio.ensure_future(waiters.await_for(Job(app, one.id, one.queue), None))
                for one in made
            ]
            await asyncio.sleep(1.0)
            assert backend.looks == 3
            assert [t.name for t in threading.enumerate()].count("anyjob-results") == 1
            for queue in ("mail", "sums", "images"):
                elsewhere.cancel(queue, [one.id for one in made if one.queue == queue])
            await asyncio.gather(*waits)

    asyncio.run(main())
    # After each of the three commits at the most.
    assert backend.looks <= 3 + 3 * 3
    backend.close()


def test_file_that_goes_away_is_an_error_for_who_waits(
    backend: SQLiteBackend, path: Path, job: MakeJob
) -> None:
    waiters = Waiters(backend, net=0.05)
    backend.enqueue([one := job()])

    async def main() -> None:
        with App("memory://") as app:
            wait = asyncio.ensure_future(waiters.await_for(Job(app, one.id, one.queue), PATIENCE))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(path.unlink)
            with pytest.raises(BackendUnavailable, match="deleted or replaced"):
                await wait

    asyncio.run(main())
