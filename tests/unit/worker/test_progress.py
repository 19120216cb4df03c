"""How far a job has come."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from anyjob import App, Misuse, Progress, current_job
from tests.unit.worker.conftest import Heard
from tests.waiting import until


def test_newest_progress_is_seen_while_the_job_runs_and_after(jobs: App) -> None:
    steps, go = threading.Semaphore(0), threading.Event()

    @jobs.task
    def count() -> None:
        current_job().progress(1, 10, "begun")
        steps.acquire(timeout=30)
        for done in range(2, 11):
            current_job().progress(done, 10)
        go.wait(30)

    job = count.enqueue()
    assert job.progress() is None
    with jobs.worker():
        until(lambda: job.progress() is not None)
        first = job.progress()
        steps.release()
        until(lambda: (job.progress() or Progress(0)).done == 10)
        go.set()
        job.result(timeout=30)
    last = job.progress()

    assert first is not None
    assert (first.done, first.total, first.text) == (1, 10, "begun")
    assert last is not None
    assert (last.done, last.total, last.text) == (10, 10, "")
    assert last.at > 0


def test_progress_of_a_job_that_ends_at_once_is_not_lost(jobs: App) -> None:
    @jobs.task
    def quick(number: int) -> None:
        current_job().progress(number)

    made = [quick.enqueue(n) for n in range(50)]
    with jobs.worker():
        for job in made:
            job.result(timeout=30)

    assert [(job.progress() or Progress(-1)).done for job in made] == list(range(50))


def test_coroutine_reports_too_and_long_text_is_cut(jobs: App) -> None:
    @jobs.task
    async def tell() -> None:
        await asyncio.sleep(0)
        current_job().progress(0.5, text="x" * 1000)

    job = tell.enqueue()
    with jobs.worker():
        job.result(timeout=30)

    progress = job.progress()
    assert progress is not None
    assert (progress.done, progress.total, len(progress.text)) == (0.5, None, 200)


def test_progress_never_blocks_the_task(jobs: App, heard: Heard) -> None:
    @jobs.task
    def chatty() -> int:
        for number in range(10_000):
            current_job().progress(number)
        return 1

    with jobs.worker():
        job = chatty.enqueue()
        assert job.result(timeout=30) == 1
    progress = job.progress()
    assert progress is not None
    assert progress.done == 9999


def test_current_job_outside_a_task_is_a_misuse() -> None:
    with pytest.raises(Misuse, match="call it inside a task"):
        current_job()


def test_progress_is_kept_in_the_store_that_is_named(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/jobs.db", store=f"sqlite:///{tmp_path}/progress.db")

    @app.task
    def count() -> None:
        current_job().progress(3, 10)

    with app:
        job = count.enqueue()
        app.worker(burst=True).run()
        seen = job.progress()

    assert (seen and seen.done) == 3
    assert (entries(tmp_path / "progress.db"), entries(tmp_path / "jobs.db")) == (1, 0)


def entries(path: Path) -> int:
    """How much the store in a file holds."""
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute("SELECT count(*) FROM anyjob_values").fetchone()[0])
