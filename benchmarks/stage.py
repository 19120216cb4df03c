"""A database of its own, with the tasks' application and slots, for one round of a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from anyjob import App
from anyjob.core.task import Task
from benchmarks.bodies import JOURNAL, SLOTS
from benchmarks.processes import environment
from benchmarks.slots import Slots, make
from benchmarks.tasks import application, task


class Stage(msgspec.Struct, frozen=True):
    """Where one round plays: `app` enqueues, a worker process with `variables` runs."""

    folder: Path
    url: str
    slots: Slots
    app: App
    variables: dict[str, str]

    @property
    def database(self) -> Path:
        """The file of an SQLite stage."""
        return self.folder / "jobs.db"

    def task(self, name: str) -> Task[..., Any]:
        return task(self.app, name)

    def fill(self, name: str, jobs: int, *arguments: Any) -> None:
        """Enqueue so many jobs of a task, numbered from 0."""
        filled = self.task(name)
        self.app.enqueue_many(filled.job(number, *arguments) for number in range(jobs))

    @property
    def log(self) -> Path:
        """For what a worker says that is known, such as that nothing is kept on disk."""
        return self.folder / "log"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"


@contextmanager
def stage(parent: Path, jobs: int, url: str = "") -> Iterator[Stage]:
    """Make slots for so many jobs in `parent`, which go with the block, and a fresh database.

    That is an SQLite file beside the slots, or the Redis of `url`, which is emptied before.
    """
    if url:
        # Only here: what measures SQLite needs no driver of Redis.
        from benchmarks.server import empty

        empty(url)
    with stage_at(parent, jobs, url) as here:
        yield here


@contextmanager
def stage_at(parent: Path, jobs: int, url: str, *, namespace: str | None = None) -> Iterator[Stage]:
    """The same on what there is at `url`; a namespace of its own takes the place of emptying it."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name).resolve()
        url = url or f"sqlite:///{folder / 'jobs.db'}"
        slots = make(folder / "slots", jobs)
        more = {} if namespace is None else {"ANYJOB_NAMESPACE": namespace}
        with application(url, namespace=namespace) as app:
            yield Stage(
                folder=folder,
                url=url,
                slots=slots,
                app=app,
                variables=environment(
                    ANYJOB_BACKEND=url,
                    **more,
                    **{SLOTS: folder / "slots", JOURNAL: folder / "journal"},
                ),
            )
