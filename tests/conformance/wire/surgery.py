"""A backend on SQLite whose steps are torn apart: each is right when it is whole, and loses or
doubles something when its process dies in the middle.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from msgspec import structs

from anyjob.conformance import Harness, Site
from anyjob.core.backend import Backend
from anyjob.core.clock import SystemClock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.settlement import Bury, Complete, Lease, Retry, Settled, Settlement
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.zoo.wrapped import Memory, WrappedBackend, WrappedConsumer

_SQLITE = SQLiteHarness()
Row = tuple[Any, ...]


class File:
    """The file of a site, past the backend."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take_out(self, id: str) -> tuple[Row, Row]:
        """Remove a job and its body, for good until they are put back."""
        with self._open() as connection:
            job = connection.execute("SELECT * FROM anyjob_jobs WHERE id=?", (id,)).fetchone()
            body = connection.execute(
                "SELECT * FROM anyjob_bodies WHERE seq=?", (job[0],)
            ).fetchone()
            connection.execute("DELETE FROM anyjob_jobs WHERE seq=?", (job[0],))
            connection.execute("DELETE FROM anyjob_bodies WHERE seq=?", (job[0],))
        return job, body

    def put_back(self, rows: tuple[Row, Row]) -> None:
        with self._open() as connection:
            for table, row in zip(("anyjob_jobs", "anyjob_bodies"), rows, strict=True):
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)

    def free_key(self, id: str) -> None:
        with self._open() as connection:
            connection.execute("UPDATE anyjob_jobs SET ukey=NULL WHERE id=?", (id,))

    def ids(self) -> list[str]:
        with self._open() as connection:
            found = connection.execute("SELECT id FROM anyjob_jobs WHERE state=0 ORDER BY place")
            return [id for (id,) in found]

    @contextlib.contextmanager
    def _open(self) -> Any:
        connection = sqlite3.connect(self._path)
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()


class TornConsumer(WrappedConsumer):
    """Settles at the flush, after `before` and before `after`."""

    @property
    def file(self) -> File:
        file: File = self.memory.kept["file"]
        return file

    def flush(self, deadline: float) -> list[Settled]:
        self.before(list(self._originals.values()))
        settled = super().flush(deadline)
        self.after([each.settlement for each in settled])
        return settled

    def before(self, settlements: Sequence[Settlement]) -> None: ...

    def after(self, settlements: Sequence[Settlement]) -> None: ...


class TornBackend(WrappedBackend):
    consumer: ClassVar[type[WrappedConsumer]] = TornConsumer

    @property
    def file(self) -> File:
        file: File = self.memory.kept["file"]
        return file


class PopsThenRecords(TornBackend):
    """A fetch takes the first job out, and puts it back as the one that is leased."""

    class Consumer(TornConsumer):
        def fetch(
            self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
        ) -> list[Lease]:
            for id in self.file.ids()[:1]:
                self.file.put_back(self.file.take_out(id))
            return super().fetch(credit, timeout, limits)

    consumer = Consumer


class RemovesBeforeItAddsAgain(TornBackend):
    """A retry takes the job out, and puts it back to be tried again."""

    class Consumer(TornConsumer):
        def before(self, settlements: Sequence[Settlement]) -> None:
            for each in settlements:
                if isinstance(each, Retry):
                    self.file.put_back(self.file.take_out(each.lease.id))

    consumer = Consumer


class DeletesThenBuries(TornBackend):
    """A burial takes the job out, and puts it back among the dead."""

    class Consumer(TornConsumer):
        def before(self, settlements: Sequence[Settlement]) -> None:
            for each in settlements:
                if isinstance(each, Bury):
                    self.file.put_back(self.file.take_out(each.lease.id))

    consumer = Consumer


class SettlesBeforeItsChildren(TornBackend):
    """Children are enqueued when their parent is settled already."""

    class Consumer(TornConsumer):
        def settling(self, settlement: Settlement) -> Settlement:
            return structs.replace(settlement, then=())

        def after(self, settlements: Sequence[Settlement]) -> None:
            children = [child for each in settlements for child in each.then]
            backend: Backend = self.memory.kept["backend"]
            backend.enqueue(children)

    consumer = Consumer


class FreesTheKeyFirst(TornBackend):
    """A completion frees the unique key, and then ends the job."""

    class Consumer(TornConsumer):
        def before(self, settlements: Sequence[Settlement]) -> None:
            for each in settlements:
                if isinstance(each, Complete):
                    self.file.free_key(each.lease.id)

    consumer = Consumer


class StoresABatchOneByOne(TornBackend):
    """Declares that a batch is all or nothing, and stores it job by job."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        if len(jobs) <= 1 or transaction is not None:
            return super().enqueue(jobs, transaction=transaction)
        return [receipt for job in jobs for receipt in super(type(self), self).enqueue([job])]


class RevivesByRemoving(TornBackend):
    """A dead job is taken out, and put back to be revived."""

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        for id in ids or []:
            self.file.put_back(self.file.take_out(id))
        return super().revive(queue, ids, edit=edit)


class AsksOnceMore(TornBackend):
    """Right, and with one more request in an enqueue."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self.file.ids()
        return super().enqueue(jobs, transaction=transaction)


def harness_of(kind: type[TornBackend]) -> Harness:
    """A harness whose backends are of that kind."""

    class TornHarness(Harness):
        root = SQLiteHarness.root

        def backend(self, site: Site) -> Backend:
            memory = Memory(clock=site.clock or SystemClock())
            inner = _SQLITE.backend(site)
            memory.kept.update(file=File(site.folder / "jobs.db"), backend=inner)
            return kind(inner, memory)

    return TornHarness()
