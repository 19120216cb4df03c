"""A disk that is full, a file that is gone or replaced, a lock that somebody else holds."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anyjob import App, BackendUnavailable
from tests.acceptance import program
from tests.acceptance.conftest import ROOT, Site

#: A file that a worker may write no further than this, in bytes.
FAILS_BEYOND = 64 * 1024
ON_SMALL_DISK = """
set -e
mount -t tmpfs -o size=40m tmpfs "$2"
exec "$3" -m tests.acceptance.full_disk "$1" "$2"
"""


def own_mounts() -> list[str] | None:
    """How a process gets a mount namespace of its own here, if it can."""
    options = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]
    probe = ["unshare", *options, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, check=False)
    except OSError:
        return None
    return ["unshare", *options] if done.returncode == 0 else None


def test_full_disk_refuses_new_jobs_and_lets_a_worker_settle_its_own(tmp_path: Path) -> None:
    unshare = own_mounts()
    if unshare is None:
        pytest.skip("no mount namespace can be made here")
    folder, small = tmp_path / "large", tmp_path / "small"
    folder.mkdir()
    small.mkdir()

    done = subprocess.run(
        [*unshare, "sh", "-c", ON_SMALL_DISK, "sh", str(folder), str(small), sys.executable],
        cwd=ROOT,
        env={**os.environ, "PROGRAM_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.stdout.endswith("good\n"), done.stdout + done.stderr
    assert "has no room left" in done.stdout


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others are Linux's")
def test_disk_that_fails_for_a_while_loses_nothing(site: Site) -> None:
    jobs = site.enqueue("work", 2, seconds=1.5) + site.enqueue("work", 200)
    worker = site.worker("-c", "2")
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 2, "two jobs begin")
    log = site.folder / "jobs.db-wal"
    assert log.stat().st_size > 2 * FAILS_BEYOND

    # To write there is an error of input and output then, and not that the disk is full.
    _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (FAILS_BEYOND, -1))
    site.wait(lambda: "disk I/O error" in site.log_of(worker), "the worker says so")
    running = jobs[:2]
    site.wait(lambda: set(running) <= site.diary.ended(), "what runs comes to its end")
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (hard, hard))
    site.wait(site.settled, "everything is settled once the disk works")

    assert worker.poll() is None
    assert site.diary.ended() == set(jobs)
    again = {job for job, runs in site.diary.runs().items() if len(runs) > 1}
    assert again <= set(running), "what was not running ran twice"
    assert {run["attempt"] for runs in site.diary.runs().values() for run in runs} == {1}
    database = sqlite3.connect(site.folder / "jobs.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_worker_survives_the_loss_of_its_file_and_serves_the_next_one(site: Site, how: str) -> None:
    [before] = site.enqueue("work")
    worker = site.worker("-c", "2")
    site.wait(lambda: before in site.diary.ended(), "the worker works")
    site.wait(site.settled, "and settles")
    [running] = site.enqueue("work", seconds=2.0)
    site.wait(lambda: running in site.diary.runs(), "a job begins")

    site.app.close()
    lose(site.folder, how)
    site.wait(lambda: how in site.log_of(worker), "the worker sees that it is gone")
    site.app = program.make(site.url)
    after = site.enqueue("work", 3)
    site.wait(lambda: set(after) <= site.diary.ended(), "jobs of the new file run")
    site.wait(lambda: running in site.diary.ended(), "the old job ends for itself")
    site.wait(site.settled, "the new file is settled")

    assert worker.poll() is None
    assert len(site.diary.runs()[running]) == 1
    database = sqlite3.connect(site.folder / "jobs.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def lose(folder: Path, how: str) -> None:
    """Take the database away, or put a fresh one in its place, as a restored backup would be."""
    if how == "deleted":
        for path in folder.glob("jobs.db*"):
            path.unlink()
        return
    other = folder / "other"
    other.mkdir()
    with App(f"sqlite:///{other}/jobs.db") as app:
        app.counts()
    shutil.move(other / "jobs.db", folder / "jobs.db")


def test_lock_held_for_ten_seconds_loses_nothing(site: Site) -> None:
    jobs = site.enqueue("work", 4, seconds=1.0) + site.enqueue("work", 10)
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "four jobs begin")

    foreign = sqlite3.connect(site.folder / "jobs.db", check_same_thread=False)
    foreign.execute("BEGIN IMMEDIATE")
    released = threading.Timer(10.0, foreign.rollback)
    released.start()
    asked = time.monotonic()
    try:
        with pytest.raises(BackendUnavailable, match="locked by another connection"):
            site.app.tasks.get("work").enqueue()
        waited = time.monotonic() - asked
    finally:
        released.join()
        foreign.close()
    site.wait(site.settled, "everything is settled once the lock is free")

    # The call's own deadline is 5 s; it ended while the lock was still held.
    assert waited < 10
    assert worker.poll() is None
    assert set(jobs) == site.diary.ended()
    # Their leases ran out while nobody could extend them: those four may have run again.
    again = {job for job, runs in site.diary.runs().items() if len(runs) > 1}
    assert again <= set(jobs[:4])
    assert {run["attempt"] for runs in site.diary.runs().values() for run in runs} == {1}
