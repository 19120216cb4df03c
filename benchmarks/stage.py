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
from benchmarks.processes import environment
from benchmarks.slots import Slots, make
from benchmarks.tasks import JOURNAL, SLOTS, application, task


class Stage(msgspec.Struct, frozen=True):
    """Where one round plays: `app` enqueues, a worker process with `variables` runs."""

    folder: Path
    url: str
    slots: Slots
    app: App
    variables: dict[str, str]

    @property
    def database(self) -> Path:
        return self.folder / "jobs.db"

    def task(self, name: str) -> Task[..., Any]:
        return task(self.app, name)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"


@contextmanager
def stage(parent: Path, jobs: int) -> Iterator[Stage]:
    """Make a fresh database and slots for so many jobs in `parent`; they go with the block."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name).resolve()
        url = f"sqlite:///{folder / 'jobs.db'}"
        slots = make(folder / "slots", jobs)
        with application(url) as app:
            yield Stage(
                folder=folder,
                url=url,
                slots=slots,
                app=app,
                variables=environment(
                    ANYJOB_BACKEND=url,
                    **{SLOTS: folder / "slots", JOURNAL: folder / "journal"},
                ),
            )
