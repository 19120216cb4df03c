"""Programs that end, or open and close again and again: no hang, no traceback, nothing left."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from anyjob import App
from tests.acceptance.conftest import Site

START = """
import asyncio, sys, threading
from tests.acceptance import program
jobs = program.make()
work, awork = jobs.tasks.get("work"), jobs.tasks.get("awork")
"""

ENDINGS = {
    "after an enqueue": "work.enqueue()",
    "after an enqueue from a loop": "asyncio.run(work.aenqueue())",
    "with an open app": "jobs.open()",
    "while a thread waits for a result": (
        "job = work.enqueue()\nthreading.Thread(target=lambda: job.result(60), daemon=True).start()"
    ),
    "with a worker inside": "jobs.worker().start(); work.enqueue().result(30)",
    "with a worker in mid-job": (
        "jobs.worker().start()\n"
        "work.enqueue(30); awork.enqueue(30)\n"
        "import time\n"
        "while jobs.counts().leased < 2: time.sleep(0.01)"
    ),
    "by sys.exit under a with": "with jobs, jobs.worker():\n    work.enqueue()\n    sys.exit(0)",
    "with a job handle in a global": "held = work.enqueue()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_interpreter_ends_without_a_hang_or_a_traceback(site: Site, ending: str) -> None:
    process = site.start([sys.executable, "-X", "dev", "-c", START + ENDINGS[ending]])

    assert process.wait(timeout=20) == 0, site.log_of(process)
    # What the tasks of a worker inside report is no complaint.
    complaints = [line for line in site.log_of(process).splitlines() if "succeeded" not in line]
    assert complaints == []


def test_coroutine_that_waits_for_a_result_is_cancelled_with_its_loop(site: Site) -> None:
    code = """
async def main():
    job = await work.aenqueue()
    try:
        async with asyncio.timeout(0.2):
            await job.aresult()
    except TimeoutError:
        print("gave up")
asyncio.run(main())
"""
    process = site.start([sys.executable, "-X", "dev", "-c", START + code])

    assert process.wait(timeout=20) == 0, site.log_of(process)
    assert site.log_of(process) == "gave up\n"


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_ten_thousand_openings_leave_no_file_and_no_thread(scheme: str, tmp_path: Path) -> None:
    url = "memory://" if scheme == "memory" else f"sqlite:///{tmp_path}/jobs.db"
    app = App(url)
    with app:
        app.counts()
    gc.collect()
    before = files(), threads()

    for _ in range(10_000):
        with app:
            app.counts()

    gc.collect()
    assert (files(), threads()) == before


def test_workers_that_come_and_go_leave_no_file_and_no_thread(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/jobs.db")

    @app.task
    def work() -> None: ...

    @app.task
    async def awork() -> None: ...

    def once() -> None:
        with app:
            work.enqueue()
            awork.enqueue()
            app.worker(burst=True).run()

    once()
    before = files(), threads()
    repeat(once, 20)

    assert (files(), threads()) == before


def repeat(action: Callable[[], None], times: int) -> None:
    for _ in range(times):
        action()


def test_program_that_forks_uses_the_app_on_both_sides(site: Site) -> None:
    code = """
import os
mine = work.enqueue()
child = os.fork()
if child == 0:
    work.enqueue()
    asyncio.run(awork.aenqueue())
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
work.enqueue()
assert jobs.counts().ready == 4, jobs.counts()
"""
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        cwd=site.folder,
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
