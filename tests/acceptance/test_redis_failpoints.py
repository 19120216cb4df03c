"""Workers on Redis that are killed in each window between two steps."""

from __future__ import annotations

import signal

from anyjob.core.failpoints import FAILPOINTS
from tests.acceptance.conftest import Site

#: What lies between a worker's requests; within one, its script is carried out or it is not.
OF_WORKERS = sorted(name for name in FAILPOINTS if name.startswith("worker."))
TASKS = {"retry": "failing", "bury": "buried"}


def test_workers_killed_one_after_the_other_at_every_failpoint_lose_nothing(
    redis_site: Site,
) -> None:
    site = redis_site
    # Each of them may lose a lease of the same job.
    variables = {"ANYJOB_MAX_REDELIVERIES": "20"}
    jobs: dict[str, list[str]] = {"work": [], "failing": [], "buried": []}
    doomed = set[int]()
    for name in OF_WORKERS:
        task = TASKS.get(name.split(".")[1], "work")
        jobs[task] += site.enqueue(task, 20)
        worker = site.worker("-c", "2", ANYJOB_FAILPOINT=f"{name}:kill", **variables)
        assert worker.wait(timeout=30) == -signal.SIGKILL, site.log_of(worker)
        doomed.add(worker.pid)

    site.worker("-c", "4", **variables)
    site.wait(site.settled, "every job has ended")

    assert len(doomed) == len(OF_WORKERS) > 5
    assert set(jobs["work"]) <= site.diary.ended()
    assert site.app.counts().dead == len(jobs["failing"]) + len(jobs["buried"])
    site.diary.check_numbers()
    runs = site.diary.runs()
    assert set(runs) == {job for some in jobs.values() for job in some}
    for job in jobs["work"] + jobs["buried"]:
        # Whatever ran again had been in the hands of one that was killed.
        assert {run["pid"] for run in runs[job][:-1]} <= doomed
    for job in jobs["failing"]:
        assert runs[job][-1]["attempt"] == 3
