"""No exception of the driver's leaves the backend."""

import sqlite3
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.errors import is_uncertain, translated
from anyjob.backends.sqlite.writer import Uncertain
from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    EnqueueUncertain,
    Misuse,
    PayloadTooLarge,
)
from tests.unit.backends.sqlite.conftest import MakeJob


def failure(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("the driver's words")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (sqlite3.SQLITE_BUSY, BackendUnavailable, True),
        (sqlite3.SQLITE_BUSY | 2 << 8, BackendUnavailable, True),
        (sqlite3.SQLITE_LOCKED, BackendUnavailable, True),
        (sqlite3.SQLITE_PROTOCOL, BackendUnavailable, True),
        (sqlite3.SQLITE_FULL, BackendFull, True),
        (sqlite3.SQLITE_IOERR | 3 << 8, BackendUnavailable, True),
        (sqlite3.SQLITE_CANTOPEN, BackendUnavailable, True),
        (sqlite3.SQLITE_READONLY, BackendUnavailable, True),
        (sqlite3.SQLITE_CORRUPT, BackendCorrupt, False),
        (sqlite3.SQLITE_NOTADB, BackendCorrupt, False),
        (sqlite3.SQLITE_TOOBIG, PayloadTooLarge, False),
        (sqlite3.SQLITE_MISUSE, Misuse, False),
        (sqlite3.SQLITE_ERROR, BackendError, False),
        (sqlite3.SQLITE_CONSTRAINT, BackendError, False),
    ],
)
def test_failure_of_the_driver_becomes_an_error_of_ours(
    path: Path, code: int, kind: type[AnyjobError], retryable: bool
) -> None:
    error = translated(failure(code), path)

    assert type(error) is kind
    assert error.retryable is retryable
    assert not str(error).endswith(".")


def test_closed_connection_is_misuse(path: Path) -> None:
    assert type(translated(sqlite3.ProgrammingError("closed"), path)) is Misuse
    assert type(translated(OSError(5, "Input/output error"), path)) is BackendUnavailable


def test_commit_that_could_not_be_forced_to_the_disk_is_uncertain() -> None:
    assert is_uncertain(failure(sqlite3.SQLITE_IOERR | 4 << 8))
    assert not is_uncertain(failure(sqlite3.SQLITE_FULL))
    assert not is_uncertain(sqlite3.ProgrammingError("closed"))


def test_uncertain_commit_is_said_of_the_jobs(
    backend: SQLiteBackend, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.enqueue([job()])
    sent = [job(), job()]

    def lost(*_: object, **__: object) -> None:
        raise Uncertain("nobody knows")

    monkeypatch.setattr(backend._database, "write", lost)  # noqa: SLF001 - the disk's part

    with pytest.raises(EnqueueUncertain) as raised:
        backend.enqueue(sent)
    assert raised.value.envelopes == tuple(sent)
    assert raised.value.retryable
