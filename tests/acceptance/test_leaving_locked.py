"""A worker that is told to stop while the file is locked."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.acceptance.conftest import Site


def test_worker_that_cannot_record_outcomes_says_so_and_exits_1(site: Site) -> None:
    jobs = site.enqueue("work", 4, seconds=1.0)
    worker = site.worker("-c", "4")
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "the jobs begin")

    with closing(sqlite3.connect(site.folder / "jobs.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        worker.terminate()
        code = worker.wait(timeout=40)
        foreign.execute("ROLLBACK")

    assert code == 1, site.log_of(worker)
    assert "4 outcomes could not be recorded" in site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    site.worker()
    site.wait(site.settled, "another worker runs them again")
    site.diary.check(jobs)
