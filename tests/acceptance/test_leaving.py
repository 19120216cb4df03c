"""A worker that was cut leaves in time, whatever its tasks left running."""

from __future__ import annotations

import signal
import time

import pytest

from anyjob import State
from tests.acceptance.conftest import ANYJOB, Site

#: Tasks that leave threads behind, which nobody can end.
LEFT_BEHIND = """
import asyncio, pathlib, threading, time
from anyjob import App

jobs = App()

def note(what: str) -> None:
    pathlib.Path(what).touch()

@jobs.task
async def beside() -> None:
    note("begun")
    await asyncio.to_thread(time.sleep, 60)

@jobs.task
def stuck() -> None:
    note("begun")
    time.sleep(60)

@jobs.task
async def deaf() -> None:
    note("begun")
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            note("cancelled")

@jobs.task
def leaves_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(60,)).start()
    note("begun")
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["beside", "stuck", "deaf", "leaves_a_thread"])
def test_worker_leaves_within_the_grace_and_two_seconds(site: Site, name: str) -> None:
    (site.folder / "left.py").write_text(LEFT_BEHIND)
    worker = site.start([ANYJOB, "worker", "left:jobs", "--grace", "0.3"])
    site.wait(site.app.queues, "the queue is there")
    enqueue(site, name)
    site.wait((site.folder / "begun").exists, "the job begins")

    asked = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    code = worker.wait(timeout=20)

    assert code == 1, site.log_of(worker)
    assert time.monotonic() - asked <= 0.3 + 2
    [job] = site.app.browse("default", State.READY).jobs
    assert (job.task, job.attempts, job.redeliveries) == (name, 0, 0)


def enqueue(site: Site, name: str) -> None:
    site.start([ANYJOB, "enqueue", "--app", "left:jobs", name]).wait(timeout=20)


def test_third_signal_ends_the_process_at_once_and_its_leases_run_out(site: Site) -> None:
    [job] = site.enqueue("work", seconds=60.0)
    worker = site.worker()
    site.wait(lambda: site.diary.open_by(worker.pid), "the job begins")
    for _ in range(3):
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.02)

    assert worker.wait(timeout=5) == 143, site.log_of(worker)
    site.worker()
    site.wait(lambda: len(site.diary.runs()[job]) == 2, "another worker takes it over")
