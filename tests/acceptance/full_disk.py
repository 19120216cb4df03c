"""A full disk under a real worker: `python -m tests.acceptance.full_disk FOLDER SMALL`.

SMALL is a file system of its own that holds the database alone; diary and logs stay on FOLDER.
Run by test_disk.py in a mount namespace, which is why it is a program. Prints "good" at the end.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from anyjob import BackendFull, Job
from tests.acceptance import program
from tests.acceptance.conftest import Site


class SmallDisk(Site):
    """A site whose database stands on a small disk."""

    def __init__(self, folder: Path, small: Path) -> None:
        super().__init__(folder)
        self.app.close()
        self.small = small
        self.url = f"sqlite:///{small / 'jobs.db'}"
        self.app = program.make(self.url)

    def fill(self) -> None:
        """Take the disk to its last block, as another program would."""
        filler = os.open(self.small / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    os.write(filler, bytes(size))
            except OSError:
                continue
        os.close(filler)

    def enqueue_until_full(self) -> list[str]:
        """Enqueue until that is refused; returns what was accepted."""
        task = self.app.tasks.get("work")
        accepted: list[str] = []
        for _ in range(100_000):
            try:
                job = task.enqueue(0.0)
            except BackendFull as error:
                sys.stdout.write(f"{error}\n")
                return accepted
            assert isinstance(job, Job)
            accepted.append(job.id)
        raise AssertionError("the disk was never full")


def main(folder: Path, small: Path) -> None:
    site = SmallDisk(folder, small)
    try:
        run(site)
    finally:
        site.close()


def run(site: SmallDisk) -> None:
    running = site.enqueue("work", 8, seconds=4.0)
    first = site.worker("-c", "8")
    site.wait(lambda: len(site.diary.open_by(first.pid)) == 8, "eight jobs begin")

    site.app.pause("default")
    site.fill()
    waiting = site.enqueue_until_full()

    # What runs is settled on the full disk, leases are kept, and the worker lives.
    site.wait(lambda: set(running) <= site.diary.ended(), "the running jobs end")
    site.wait(lambda: site.app.counts().leased == 0, "they are settled")
    assert {len(runs) for runs in site.diary.runs().values()} == {1}
    assert first.poll() is None, site.log_of(first)
    site.app.resume("default")
    site.wait(lambda: set(waiting) <= site.diary.ended(), "what was accepted runs")

    (site.small / "filler").unlink()
    site.wait(lambda: can_enqueue(site), "there is room again")
    site.wait(site.settled, "everything is settled")
    assert first.poll() is None, site.log_of(first)
    ended = site.diary.ended()
    site.diary.check(ended)
    check = sqlite3.connect(site.small / "jobs.db").execute("PRAGMA integrity_check")
    assert check.fetchone() == ("ok",)
    sys.stdout.write("good\n")


def can_enqueue(site: SmallDisk) -> bool:
    try:
        site.enqueue("work")
    except BackendFull:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
