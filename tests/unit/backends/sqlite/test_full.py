"""A full disk: nobody enqueues, and running jobs settle."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.ballast import SIZE, Ballast
from anyjob.core.backend import Consumer
from anyjob.core.errors import BackendFull
from anyjob.core.settlement import Answer, Bury, Complete, Retry
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]

#: Runs in a mount namespace of its own, on a file system of 40 MiB.
ON_SMALL_DISK = """
import sys, uuid
from pathlib import Path
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import BackendFull
from anyjob.core.settlement import Answer, Bury, Complete, Retry

folder = Path(sys.argv[1])
backend = SQLiteBackend(f"sqlite:///{folder}/jobs.db"); backend.open()
other = SQLiteBackend(f"sqlite:///{folder}/jobs.db"); other.open()

def jobs(count): return [Envelope(str(uuid.uuid4()), "mail", bytes(2000)) for _ in range(count)]

backend.enqueue(jobs(1000))
consumer = backend.consume([QueueShare("mail")], lease=60, worker="w")
leases = consumer.fetch(1000, 0)
assert len(leases) == 1000
stored = 0
with open(folder / "filler", "wb", buffering=0) as filler:
    # Fill the disk to the last block, as another program would.
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
refused = 0
for _ in range(300):
    try:
        stored += len(backend.enqueue(jobs(20)))
    except BackendFull:
        refused += 1
assert refused, "the disk was never full"
assert not (folder / "jobs.db-ballast").exists()
for backend_ in (backend, other):
    try:
        backend_.enqueue(jobs(1))
    except BackendFull as error:
        assert error.retryable
    else:
        raise AssertionError("enqueued on a full disk")
kinds = [lambda lease: Complete(lease=lease, outcome=b"done", keep=600),
         lambda lease: Retry(lease=lease, delay=600, note=b"n" * 1000),
         lambda lease: Bury(lease=lease, reason="why", note=b"n" * 1000)]
consumer.settle([kinds[number % 3](lease) for number, lease in enumerate(leases)])
answers = {settled.answer for settled in consumer.flush(5)}
assert answers == {Answer.DONE}, answers
counts = backend.counts("mail")
assert (counts.ready, counts.scheduled, counts.dead) == (stored, 333, 333), counts
rest = 0
while leases := consumer.fetch(500, 0):
    rest += len(leases)
    consumer.settle([Complete(lease=lease) for lease in leases])
assert {settled.answer for settled in consumer.flush(5)} <= {Answer.DONE}
assert rest == stored
(folder / "filler").unlink()
import time
time.sleep(1.1)
assert len(backend.enqueue(jobs(5))) == 5
assert (folder / "jobs.db-ballast").stat().st_size == 8 * 1024 * 1024
assert len(other.enqueue(jobs(5))) == 5
import sqlite3
assert sqlite3.connect(folder / "jobs.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
backend.close(); other.close()
print("all settled", refused, stored)
"""

WRAPPER = """
set -e
mount -t tmpfs -o size=40m tmpfs "$1"
exec "$2" -c "$3" "$1"
"""


def unshare() -> list[str] | None:
    """How a process gets a mount namespace of its own here, if it can."""
    options = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]
    probe = ["unshare", *options, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, check=False)
    except OSError:
        return None
    return ["unshare", *options] if done.returncode == 0 else None


def test_full_disk_refuses_jobs_and_lets_running_ones_settle(tmp_path: Path) -> None:
    own_mounts = unshare()
    if own_mounts is None:
        pytest.skip("no mount namespace can be made here")

    done = subprocess.run(
        [*own_mounts, "sh", "-c", WRAPPER, "sh", str(tmp_path), sys.executable, ON_SMALL_DISK],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout.startswith("all settled"), done.stdout + done.stderr


def test_file_at_its_largest_refuses_jobs_and_lets_running_ones_settle(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    backend.enqueue([job() for _ in range(300)])
    leases = consumer.fetch(300, 0)
    limit_pages(backend, 8)

    stored = 0

    def fill() -> None:
        nonlocal stored
        for _ in range(1000):
            stored += len(backend.enqueue([job(body=bytes(1000))]))

    with pytest.raises(BackendFull, match="running jobs still settle"):
        fill()

    consumer.settle(
        [
            *(Complete(lease=lease) for lease in leases[:100]),
            *(Retry(lease=lease, delay=600) for lease in leases[100:200]),
            *(Bury(lease=lease, reason="why") for lease in leases[200:]),
        ]
    )
    assert {settled.answer for settled in consumer.flush(5)} == {Answer.DONE}
    counts = backend.counts("mail")
    assert (counts.ready, counts.scheduled, counts.dead) == (stored, 100, 100)


def limit_pages(backend: SQLiteBackend, more: int) -> None:
    """Let the file grow by so many pages only, as if the disk ended there."""
    store = backend.store()

    def work(connection: object) -> None:
        execute = connection.execute  # type: ignore[attr-defined]
        pages = execute("PRAGMA page_count").fetchone()[0]
        execute(f"PRAGMA max_page_count={pages + more}")

    store._space.database.write(work)  # noqa: SLF001 - a small disk for who may not mount one


def test_ballast_is_taken_aboard_and_given_up(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast")

    assert ballast.take_aboard()
    assert ballast.is_aboard()
    assert (tmp_path / "ballast").stat().st_size == SIZE
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= SIZE

    ballast.give_up()
    assert not (tmp_path / "ballast").exists()
    ballast.give_up()


def test_missing_ballast_refuses_jobs_in_every_process_until_there_is_room(
    backend: SQLiteBackend, path: Path, job: MakeJob
) -> None:
    aboard = path.with_name("jobs.db-ballast")
    aboard.unlink()
    aboard.mkdir()  # cannot be allocated, whatever room there is

    with pytest.raises(BackendFull):
        backend.enqueue([job()])
    with pytest.raises(BackendFull):
        backend.enqueue([job()])

    aboard.rmdir()
    backend.maintain(0.1)
    while True:
        try:
            backend.enqueue([job()])
            break
        except BackendFull:  # it looks at the disk once a second
            pass
    assert aboard.stat().st_size == SIZE


FAILING_DISK = """
import resource, signal, sys, uuid
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain
from anyjob.core.settlement import Answer, Complete

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
backend = SQLiteBackend(sys.argv[1]); backend.open()
def jobs(count): return [Envelope(str(uuid.uuid4()), "mail", bytes(2000)) for _ in range(count)]
backend.enqueue(jobs(10))
consumer = backend.consume([QueueShare("mail")], lease=60, worker="w")
leases = consumer.fetch(5, 0)
# Every write past the first block of a file fails, as on a disk with a bad region.
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        backend.enqueue(jobs(10))
    except (BackendUnavailable, EnqueueUncertain) as error:
        assert error.retryable and error.__cause__ is not None
    else:
        raise AssertionError("stored on a failing disk")
consumer.settle([Complete(lease=lease) for lease in leases])
assert {settled.answer for settled in consumer.flush(2)} == {Answer.UNKNOWN}
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
backend.enqueue(jobs(10))
consumer.settle([Complete(lease=lease) for lease in leases])
assert {settled.answer for settled in consumer.flush(2)} == {Answer.DONE}
assert backend.counts("mail").ready == 15, backend.counts("mail")
backend.close()
import sqlite3
path = sys.argv[1].removeprefix("sqlite:///")
assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
print("recovered")
"""


def test_disk_that_fails_is_reported_and_the_same_object_recovers(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_DISK, url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout == "recovered\n", done.stdout + done.stderr
