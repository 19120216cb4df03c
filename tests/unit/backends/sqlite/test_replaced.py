"""A database file that is deleted or replaced under an open backend."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import Consumer
from anyjob.core.errors import BackendCorrupt, BackendUnavailable
from anyjob.core.settlement import Answer, Complete
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]
Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def told(backend: SQLiteBackend) -> Told:
    events: Told = []

    def report(name: str, facts: Mapping[str, Any]) -> None:
        events.append((name, dict(facts)))

    backend.subscribe(report)
    return events


def test_deleted_file_is_noticed_by_an_enqueue(
    backend: SQLiteBackend, path: Path, job: MakeJob, told: Told
) -> None:
    backend.enqueue([job()])
    path.unlink()

    with pytest.raises(BackendUnavailable, match="deleted or replaced while it was open") as raised:
        backend.enqueue([job()])

    assert raised.value.retryable
    assert told == [("backend.replaced", {"path": str(path), "how": "deleted"})]


def test_next_call_after_a_deletion_uses_a_new_file(
    backend: SQLiteBackend, path: Path, url: str, opened: Open, job: MakeJob, told: Told
) -> None:
    backend.enqueue([job()])
    path.unlink()
    with pytest.raises(BackendUnavailable):
        backend.counts("mail")

    backend.enqueue([job(), job()])

    assert opened(url).counts("mail").ready == 2
    assert len(told) == 1


def test_deleted_file_is_noticed_by_a_waiting_fetch(
    backend: SQLiteBackend, consumer: Consumer, path: Path, job: MakeJob
) -> None:
    path.unlink()

    with pytest.raises(BackendUnavailable):
        consumer.fetch(1, 30)

    backend.enqueue([job()])
    assert len(consumer.fetch(1, 5)) == 1


def test_replaced_file_is_used_as_it_is(
    backend: SQLiteBackend,
    consumer: Consumer,
    path: Path,
    tmp_path: Path,
    opened: Open,
    job: MakeJob,
    told: Told,
) -> None:
    other = opened(f"sqlite:///{tmp_path}/other.db")
    other.enqueue([job(queue="another"), job(), job()])
    other.close()
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 0)

    shutil.move(tmp_path / "other.db", path)

    consumer.settle([Complete(lease=lease)])
    assert [settled.answer for settled in consumer.flush(5)] == [Answer.UNKNOWN]
    consumer.settle([Complete(lease=lease)])
    assert [settled.answer for settled in consumer.flush(5)] == [Answer.LEASE_LOST]
    assert backend.counts("mail").ready == 2
    assert backend.counts("another").ready == 1
    assert len(consumer.fetch(10, 0)) == 2
    assert [facts["how"] for _, facts in told] == ["replaced"]


def test_foreign_file_in_its_place_is_left_alone(
    backend: SQLiteBackend, path: Path, tmp_path: Path, job: MakeJob
) -> None:
    backend.enqueue([job()])
    (tmp_path / "text").write_bytes(b"not a database, but larger than a page\n" * 200)
    shutil.move(tmp_path / "text", path)

    with pytest.raises(BackendUnavailable):
        backend.enqueue([job()])
    for _ in range(2):
        with pytest.raises(BackendCorrupt):
            backend.enqueue([job()])

    assert path.read_bytes().startswith(b"not a database")


def test_folder_that_went_away_is_named_until_it_is_back(
    tmp_path: Path, opened: Open, job: MakeJob
) -> None:
    (tmp_path / "folder").mkdir()
    backend = opened(f"sqlite:///{tmp_path}/folder/jobs.db")
    shutil.rmtree(tmp_path / "folder")

    with pytest.raises(BackendUnavailable):
        backend.enqueue([job()])
    with pytest.raises(BackendUnavailable, match="does not exist") as raised:
        backend.enqueue([job()])
    assert raised.value.retryable

    (tmp_path / "folder").mkdir()
    backend.enqueue([job()])
    assert backend.counts("mail").ready == 1
