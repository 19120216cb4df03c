"""A database out of reach for a while: workers say so, no more than once a second, and go on."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anyjob import BackendUnavailable
from tests.acceptance import program
from tests.acceptance.conftest import Site

#: How long the database is out of reach.
OUTAGE = 4.0


class Folder(Site):
    """A site whose database has a folder of its own, which can be taken away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.app.close()
        self.place = folder / "place"
        self.place.mkdir()
        self.file = self.place / "jobs.db"
        self.url = f"sqlite:///{self.file}"
        self.app = program.make(self.url)


@pytest.fixture
def placed(tmp_path: Path) -> Iterator[Folder]:
    site = Folder(tmp_path)
    yield site
    site.close()


def seconds_computed(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def troubles(site: Site, process: subprocess.Popen[str]) -> list[str]:
    return [line for line in site.log_of(process).splitlines() if "is tried again" in line]


def take_folder_away(site: Folder) -> None:
    # Under its own name the worker could put a file into it while it is emptied.
    shutil.rmtree(site.place.rename(site.folder / "away"))


def put_garbage_in_its_place(site: Folder) -> None:
    other = site.folder / "other.db"
    other.write_bytes(b"not a database, but a long one\n" * 500)
    other.replace(site.file)


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (take_folder_away, "does not exist"),
        (put_garbage_in_its_place, "is damaged or no SQLite database"),
    ],
)
def test_lost_file_is_reported_calmly_until_another_is_there(
    placed: Folder, lose: Callable[[Folder], None], said: str
) -> None:
    # The second one lasts until its lease could not be extended.
    [first, running] = [*placed.enqueue("work"), *placed.enqueue("work", seconds=2.5)]
    worker = placed.worker()
    placed.wait(lambda: first in placed.diary.ended(), "the worker works")
    placed.wait(lambda: running in placed.diary.runs(), "a job begins")
    placed.app.close()

    computed, began = seconds_computed(worker), time.monotonic()
    lose(placed)
    placed.wait(lambda: said in placed.log_of(worker), "the worker says what is wrong")
    placed.wait(lambda: time.monotonic() - began > OUTAGE, "an outage of some seconds")
    lasted, computed = time.monotonic() - began, seconds_computed(worker) - computed
    reported = troubles(placed, worker)

    assert worker.poll() is None, placed.log_of(worker)
    assert "Traceback" not in placed.log_of(worker)
    assert len(reported) <= lasted + 1, placed.log_of(worker)
    # Trying again and again without a pause would take all of a core.
    assert computed < lasted / 4

    if placed.place.exists():
        take_folder_away(placed)
    placed.place.mkdir()
    placed.app = program.make(placed.url)
    after = placed.enqueue("work", 3)
    placed.wait(lambda: set(after) <= placed.diary.ended(), "jobs of the new file run")
    placed.wait(placed.settled, "and are settled")
    placed.wait(lambda: "answers again" in placed.log_of(worker), "the end is reported too")
    assert len(placed.diary.runs()[running]) == 1


def test_turn_held_by_another_process_delays_and_loses_nothing(site: Site) -> None:
    running = site.enqueue("work", 4, seconds=1.0)
    jobs = running + site.enqueue("work", 10)
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "four jobs begin")

    asked = time.monotonic()
    with (site.folder / "jobs.db-lock").open("r+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with pytest.raises(BackendUnavailable, match="held the turn to write"):
            site.app.tasks.get("work").enqueue()
        waited = time.monotonic() - asked
        assert worker.poll() is None
        assert len(troubles(site, worker)) <= waited + 1
    site.wait(site.settled, "everything is settled once the turn is free")

    assert 4.5 < waited < 8, "the deadline of a call is 5 s"
    site.diary.check(jobs)
    # Nobody could extend their leases, so those four may have run again, and no other.
    again = {job for job, runs in site.diary.runs().items() if len(runs) > 1}
    assert again <= set(running)


def test_worker_that_starts_while_the_file_is_locked_works_once_it_is_free(site: Site) -> None:
    [job] = site.enqueue("work")
    site.app.close()
    with closing(sqlite3.connect(site.folder / "jobs.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        worker = site.worker("--burst")
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(timeout=1.5)
        foreign.execute("ROLLBACK")
    site.wait(lambda: worker.poll() is not None, "the burst ends")

    assert worker.returncode == 0, site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    site.diary.check([job])
    assert len(site.diary.runs()[job]) == 1
