"""Workers in odd surroundings: started twice, stopped at once, with streams that lead nowhere."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.acceptance.conftest import ANYJOB, PATIENCE, Site

PROGRAM = "tests.acceptance.program:make()"


def test_two_bursts_share_the_work_and_both_end(site: Site) -> None:
    jobs = site.enqueue("work", 300, seconds=0.01)

    workers = [site.worker("--burst", "-c", "2") for _ in range(2)]

    assert [worker.wait(timeout=PATIENCE) for worker in workers] == [0, 0]
    site.diary.check(jobs)
    assert site.settled()
    assert all(len(runs) == 1 for runs in site.diary.runs().values())


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.3, 0.4, 0.6])
def test_signal_while_it_starts_ends_it_and_loses_nothing(site: Site, delay: float) -> None:
    [job] = site.enqueue("work")
    worker = site.worker()

    try:
        worker.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        worker.terminate()

    assert worker.wait(timeout=PATIENCE) in (0, -signal.SIGTERM), site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    site.worker("--burst").wait(timeout=PATIENCE)
    site.diary.check([job])
    assert len(site.diary.runs()[job]) == 1


@pytest.mark.parametrize("closed", ["1", "2", "0", "0 1 2"])
def test_worker_without_standard_streams_works(site: Site, closed: str) -> None:
    jobs = site.enqueue("work", 5) + site.enqueue("failing")
    redirections = " ".join(f"{number}>&-" for number in closed.split())

    worker = site.start(["sh", "-c", f'exec "$@" {redirections}', "sh", ANYJOB, "worker", PROGRAM])
    site.wait(site.settled, "all jobs have ended")
    worker.terminate()

    assert worker.wait(timeout=PATIENCE) == 0
    assert site.diary.ended() == set(jobs[:5])
    assert site.app.counts().dead == 1


def test_log_that_nobody_reads_any_more_ends_no_worker(site: Site) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [ANYJOB, "worker", PROGRAM],
        cwd=site.folder,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
        start_new_session=True,
    ) as worker:
        os.close(writing)
        try:
            assert os.read(reading, 1)
            os.close(reading)
            jobs = site.enqueue("work", 50)
            site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end")
            worker.terminate()
            assert worker.wait(timeout=PATIENCE) == 0
        finally:
            worker.kill()
    site.diary.check(jobs)
