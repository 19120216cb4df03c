"""The turn at writing between processes."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.connection import BUSY_SECONDS
from anyjob.backends.sqlite.lock import FileLock
from anyjob.core.backend import QueueShare
from anyjob.core.errors import BackendUnavailable
from tests.unit.backends.sqlite.conftest import MakeJob, Start

Open = Callable[..., SQLiteBackend]

HOLD_DATABASE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
"""
HOLD_TURN = """
import fcntl, sys
file = open(sys.argv[1] + "-lock", "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
file.close()
print("free", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("holder", [HOLD_DATABASE, HOLD_TURN])
def test_frozen_holder_hangs_nobody_and_the_same_object_recovers(
    backend: SQLiteBackend, path: Path, job: MakeJob, start: Start, holder: str
) -> None:
    child = start(holder, path)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    began, errors = time.monotonic(), []

    def enqueue() -> None:
        try:
            backend.enqueue([job()])
        except BackendUnavailable as error:
            errors.append((error, time.monotonic() - began))

    threads = [threading.Thread(target=enqueue) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(errors) == 4
    assert all(error.retryable for error, _ in errors)
    assert all(4.5 < seconds < 7 for _, seconds in errors)
    assert backend.counts("mail").ready == 0
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "free\n"
    backend.enqueue([job()])
    assert backend.counts("mail").ready == 1


@contextmanager
def a_lock(path: Path) -> Iterator[FileLock]:
    lock = FileLock(path)
    try:
        yield lock
    finally:
        lock.close()


def test_turn_that_comes_too_late_is_given_back(tmp_path: Path) -> None:
    with a_lock(tmp_path / "lock") as first, a_lock(tmp_path / "lock") as second:
        assert first.acquire(time.monotonic() + 1)

        assert not second.acquire(time.monotonic() + 0.05)
        first.release()

        # The thread that still waited for `second` takes its turn and gives it back.
        assert first.acquire(time.monotonic() + 5)
        first.release()
        assert second.acquire(time.monotonic() + 5)


def test_waiting_turn_comes_when_the_holder_lets_go(tmp_path: Path) -> None:
    with a_lock(tmp_path / "lock") as first, a_lock(tmp_path / "lock") as second:
        assert first.acquire(time.monotonic() + 1)
        timer = threading.Timer(0.05, first.release)
        timer.start()

        assert second.acquire(time.monotonic() + 10)

        timer.join()


def test_turn_of_a_killed_process_is_free(
    backend: SQLiteBackend, path: Path, job: MakeJob, start: Start
) -> None:
    child = start(HOLD_TURN, path)
    assert child.stdout is not None
    child.stdout.readline()

    child.kill()

    backend.enqueue([job()])


FORK_AND_LIVE_ON = """
import os, sys, time
from anyjob.backends.sqlite.connection import BUSY_SECONDS
from anyjob.backends.sqlite.lock import FileLock
from pathlib import Path
lock = FileLock(Path(sys.argv[1] + "-lock"))
assert lock.acquire(time.monotonic() + 1)
if os.fork() == 0:
    print("held", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.kill(os.getpid(), 9)
"""


def test_forked_child_keeps_no_turn_of_its_dead_parent(
    backend: SQLiteBackend, path: Path, job: MakeJob, start: Start
) -> None:
    child = start(FORK_AND_LIVE_ON, path)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert child.wait(timeout=10) == -9

    backend.enqueue([job()])

    assert backend.counts("mail").ready == 1


def test_callers_own_transaction_that_is_open_is_waited_for(
    backend: SQLiteBackend, path: Path, job: MakeJob
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as own:
        own.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.4, own.execute, ["COMMIT"])
        timer.start()

        backend.enqueue([job()])

        timer.join()
    assert backend.counts("mail").ready == 1


def test_opening_waits_for_a_transaction_of_somebody_else(
    backend: SQLiteBackend, path: Path, url: str, opened: Open, job: MakeJob, start: Start
) -> None:
    child = start(HOLD_DATABASE, path)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    # Longer than one attempt to write waits inside SQLite.
    release = threading.Timer(
        3 * BUSY_SECONDS, print, ["free it"], {"file": child.stdin, "flush": True}
    )
    release.start()

    other = opened(url)

    assert child.stdout.readline() == "free\n"
    assert len(other.enqueue([job()])) == 1
    release.join()


def test_settlement_that_finds_the_file_locked_is_unknown_and_can_be_repeated(
    backend: SQLiteBackend, path: Path, job: MakeJob, start: Start
) -> None:
    from anyjob.core.settlement import Answer, Complete

    backend.enqueue([job()])
    consumer = backend.consume([QueueShare("mail")], lease=60, worker="w")
    [lease] = consumer.fetch(1, 0)
    child = start(HOLD_DATABASE, path)
    assert child.stdout is not None
    child.stdout.readline()

    consumer.settle([Complete(lease=lease)])
    answers = [settled.answer for settled in consumer.flush(0.5)]
    child.kill()
    child.wait()
    consumer.settle([Complete(lease=lease)])

    assert answers == [Answer.UNKNOWN]
    assert [settled.answer for settled in consumer.flush(5)] == [Answer.DONE]
