"""Workers that die, freeze and stop at bad moments: nothing accepted is lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from anyjob import State
from anyjob.core.failpoints import FAILPOINTS
from tests.acceptance.conftest import LEASE, RECOVERY, Site
from tests.acceptance.family import CHILDREN, children_of

#: What one worker may have finished and not yet settled when it dies.
LOT = 1000


def test_job_of_a_killed_worker_is_run_by_another(site: Site) -> None:
    [job] = site.enqueue("work", seconds=2.0)
    first = site.worker()
    site.wait(lambda: site.diary.open_by(first.pid), "the job begins")

    first.kill()
    killed = time.clock_gettime(time.CLOCK_MONOTONIC)
    site.worker()
    site.wait(lambda: job in site.diary.ended(), "another worker ends the job")

    runs = site.diary.runs()[job]
    assert [(run["attempt"], run["redeliveries"]) for run in runs] == [(1, 0), (1, 1)]
    assert runs[1]["at"] - killed <= RECOVERY
    site.wait(lambda: site.diary.lines("reclaimed"), "it is told")
    told = [(line["job"], line["redeliveries"]) for line in site.diary.lines("reclaimed")]
    assert told == [(job, 1)]
    site.diary.check([job])


def test_effect_happens_once_when_the_worker_dies_before_it_settles(site: Site) -> None:
    [job] = site.enqueue("effect", key=7)
    first = site.worker(ANYJOB_FAILPOINT="worker.settle.before:kill")
    assert first.wait(timeout=20) == -signal.SIGKILL

    site.worker()
    site.wait(lambda: len(site.diary.lines("end")) == 2, "the job runs again")
    site.wait(site.settled, "the job is settled")

    effects = sqlite3.connect(site.folder / "effects.db")
    assert effects.execute("SELECT count(*) FROM effects").fetchone() == (1,)
    effects.close()
    assert len(site.diary.runs()[job]) == 2


def test_unbegun_jobs_of_a_killed_worker_lose_no_attempt(site: Site) -> None:
    jobs = site.enqueue("work", 3, seconds=5.0) + site.enqueue("work", 47)
    first = site.worker("-c", "3")
    site.wait(lambda: len(site.diary.open_by(first.pid)) == 3, "three jobs begin")
    first.kill()
    begun = site.diary.begun_by(first.pid)

    site.worker("-c", "50")
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end")
    site.wait(site.settled, "all jobs are settled")

    assert len(begun) == 3
    site.diary.check(jobs)
    assert all(run["attempt"] == 1 for runs in site.diary.runs().values() for run in runs)


#: The failpoints that a worker does not reach: who does.
PRODUCER = {name for name in FAILPOINTS if ".enqueue." in name}
FAMILY = {name for name in FAILPOINTS if ".children." in name}


@pytest.mark.parametrize("name", sorted(FAILPOINTS - PRODUCER - FAMILY))
def test_worker_killed_at_a_failpoint_loses_nothing(site: Site, name: str) -> None:
    ends_dead = {"retry": "failing", "bury": "buried"}
    task = ends_dead.get(name.split(".")[1], "work")
    jobs = site.enqueue(task, 20)
    doomed = site.worker(ANYJOB_FAILPOINT=f"{name}:kill")
    assert doomed.wait(timeout=20) == -signal.SIGKILL, site.log_of(doomed)

    site.worker("-c", "4")
    site.wait(site.settled, "every job has ended")

    runs = site.diary.runs()
    assert set(runs) == set(jobs)
    if task in ends_dead.values():
        site.diary.check_numbers()
        assert site.app.counts().dead == len(jobs)
    else:
        site.diary.check(jobs)
    again = [job for job in jobs if len({run["pid"] for run in runs[job]}) > 1]
    assert set(again) <= site.diary.begun_by(doomed.pid)


@pytest.mark.parametrize("name", ["sqlite.settle.after_commit", "worker.settle.after"])
def test_settled_job_never_runs_again_when_the_worker_dies_before_it_hears_of_it(
    site: Site, name: str
) -> None:
    jobs = site.enqueue("work", 200)
    doomed = site.worker(ANYJOB_FAILPOINT=f"{name}:kill")
    assert doomed.wait(timeout=20) == -signal.SIGKILL, site.log_of(doomed)
    settled = {job for job in jobs if site.app.get(job).status() is State.SUCCEEDED}

    site.worker("-c", "4")
    site.wait(site.settled, "every job has ended")

    assert settled
    site.diary.check(jobs)
    assert {job for job, runs in site.diary.runs().items() if len(runs) > 1}.isdisjoint(settled)


@pytest.mark.parametrize(
    "name", sorted([*FAMILY, "sqlite.settle.before_commit", "sqlite.settle.after_commit"])
)
def test_kill_around_children_leaves_each_job_with_all_of_its_children_or_none(
    site: Site, name: str
) -> None:
    parents = site.enqueue("work", 5)
    family = [sys.executable, "-m", "tests.acceptance.family"]
    doomed = site.start(family, ANYJOB_FAILPOINT=f"{name}:kill")
    assert doomed.wait(timeout=20) == -signal.SIGKILL, site.log_of(doomed)
    born = site.app.counts("a").ready
    over = sum(site.app.get(job).status() is State.SUCCEEDED for job in parents)

    heir = site.start(family)
    assert heir.wait(timeout=20) == 0, site.log_of(heir)
    site.worker()
    site.wait(lambda: site.settled() and site.settled("a"), "parents and children have ended")

    assert born == over * CHILDREN
    assert over == (len(parents) if name.endswith("after_commit") else 0)
    children = [child for job in parents for child in children_of(job)]
    site.diary.check([*parents, *children])
    assert all(len(site.diary.runs()[child]) == 1 for child in children)


@pytest.mark.parametrize("name", sorted(PRODUCER))
def test_producer_killed_at_a_failpoint_stores_all_or_nothing(site: Site, name: str) -> None:
    code = (
        "from tests.acceptance import program\n"
        "jobs = program.make()\n"
        "work = jobs.tasks.get('work')\n"
        "jobs.enqueue_many(work.job() for _ in range(20))\n"
    )
    producer = site.start([sys.executable, "-c", code], ANYJOB_FAILPOINT=f"{name}:kill")
    assert producer.wait(timeout=20) == -signal.SIGKILL, site.log_of(producer)

    stored = site.app.counts().ready
    site.worker("--burst")
    site.wait(site.settled, "what was stored has run")

    assert stored == (20 if name.endswith("after_commit") else 0)
    assert len(site.diary.ended()) == stored


def test_frozen_worker_drops_what_another_took_over(site: Site) -> None:
    [job] = site.enqueue("work", seconds=0.5)
    first = site.worker()
    site.wait(lambda: site.diary.open_by(first.pid), "the job begins")
    os.kill(first.pid, signal.SIGSTOP)

    second = site.worker()
    site.wait(lambda: job in site.diary.ended(), "another worker ends the job")
    site.wait(site.settled, "it is settled by that worker")
    os.kill(first.pid, signal.SIGCONT)
    site.wait(lambda: "was lost" in site.log_of(first), "the thawed worker hears of it")
    site.wait(lambda: site.diary.lines("lease.lost"), "and tells")

    told = [(line["pid"], line["job"]) for line in site.diary.lines("lease.lost")]
    assert told == [(first.pid, job)]
    assert site.app.get(job).status() is State.SUCCEEDED
    [later] = site.enqueue("work")
    second.terminate()
    site.wait(lambda: later in site.diary.ended(), "the thawed worker goes on")
    assert first.poll() is None
    site.diary.check([job, later])


@pytest.mark.parametrize(
    ("slots", "is_looked_at"),
    [(8, False), (8, True), (4, False)],
    ids=["idle slots", "idle slots, leases taken back meanwhile", "no idle slot"],
)
def test_lone_worker_frozen_past_its_lease_begins_nothing_twice(
    site: Site, slots: int, is_looked_at: bool
) -> None:
    long = 2 * LEASE + 3.0
    jobs = site.enqueue("work", 2, seconds=long) + site.enqueue("awork", 2, seconds=long)
    worker = site.worker("-c", str(slots))
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 4, "all jobs begin")

    os.kill(worker.pid, signal.SIGSTOP)
    frozen = time.monotonic()
    site.wait(lambda: time.monotonic() > frozen + 2 * LEASE, "twice the lease passes")
    taken_back = site.app.counts().ready if is_looked_at else 0
    os.kill(worker.pid, signal.SIGCONT)
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end")
    site.wait(site.settled, "all jobs are settled")

    assert taken_back == (4 if is_looked_at else 0)
    assert [len(runs) for runs in site.diary.runs().values()] == [1, 1, 1, 1]
    assert all(site.app.get(job).status() is State.SUCCEEDED for job in jobs)


def test_task_that_holds_the_interpreter_longer_than_the_lease_ends_as_poison_between_two_workers(
    site: Site,
) -> None:
    [job] = site.enqueue("clutch", seconds=4.0)
    hurried = {"ANYJOB_LEASE": "1", "ANYJOB_MAX_REDELIVERIES": "1"}
    workers = [site.worker(**hurried) for _ in range(2)]
    site.wait(lambda: site.app.counts().dead == 1, "the job is buried", patience=60)
    site.wait(lambda: len(site.diary.lines("end")) == 2, "both runs end")
    site.wait(lambda: all("was lost" in site.log_of(w) for w in workers), "both are refused")

    runs = site.diary.runs()[job]
    assert [(run["attempt"], run["redeliveries"]) for run in runs] == [(1, 0), (1, 1)]
    assert {run["pid"] for run in runs} == {worker.pid for worker in workers}
    assert site.app.show(job).reason == "poison"


def test_task_that_holds_the_interpreter_longer_than_the_lease_ends_once_in_a_lone_worker(
    site: Site,
) -> None:
    [job] = site.enqueue("clutch", seconds=4.0)
    site.worker(ANYJOB_LEASE="1")
    site.wait(lambda: job in site.diary.ended(), "the run ends")
    site.wait(site.settled, "it is settled")

    assert len(site.diary.runs()[job]) == 1
    assert site.app.get(job).status() is State.SUCCEEDED


def test_terminated_worker_finishes_what_runs_and_releases_the_rest(site: Site) -> None:
    jobs = site.enqueue("work", 2, seconds=1.5) + site.enqueue("work", 10)
    worker = site.worker("-c", "2", "--grace", "10")
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 2, "two jobs begin")

    worker.terminate()
    site.wait(lambda: site.app.counts().ready == 10, "the unbegun are ready", patience=1.0)

    assert worker.wait(timeout=10) == 0, site.log_of(worker)
    assert site.diary.ended() == set(jobs[:2])
    assert site.app.counts().leased == 0
    record = site.app.show(jobs[-1])
    assert (record.attempts, record.redeliveries) == (0, 0)


def test_job_over_the_grace_is_released_without_an_attempt(site: Site) -> None:
    [job] = site.enqueue("work", seconds=60.0)
    worker = site.worker("--grace", "0.5")
    site.wait(lambda: site.diary.open_by(worker.pid), "the job begins")

    worker.terminate()

    assert worker.wait(timeout=2.5 + 2) == 1, site.log_of(worker)
    record = site.app.show(job)
    assert (record.state, record.attempts, record.redeliveries) == (State.READY, 0, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_the_worker_at_once(
    site: Site, number: signal.Signals, code: int
) -> None:
    jobs = site.enqueue("work", seconds=60.0) + site.enqueue("awork", seconds=60.0)
    worker = site.worker()
    site.wait(lambda: len(site.diary.open_by(worker.pid)) == 2, "the jobs begin")

    os.killpg(worker.pid, number)
    site.wait(lambda: "stopping" in site.log_of(worker), "it drains")
    os.killpg(worker.pid, number)

    assert worker.wait(timeout=4) == code, site.log_of(worker)
    for job in jobs:
        record = site.app.show(job)
        assert (record.state, record.attempts, record.redeliveries) == (State.READY, 0, 0)


def test_twenty_kills_under_load_lose_nothing(site: Site) -> None:
    rng = random.Random(20)
    jobs = site.enqueue("work", 4000, seconds=0.002)
    held: set[str] = set()
    for _ in range(20):
        worker = site.worker("-c", "8")
        begun = len(site.diary.lines("begin"))
        site.wait(
            lambda begun=begun: len(site.diary.lines("begin")) > begun or site.settled(),  # type: ignore[misc]
            "the worker runs jobs",
        )
        time.sleep(rng.uniform(0.0, 0.1))
        worker.kill()
        worker.wait()
        held |= site.diary.begun_by(worker.pid)

    site.worker("-c", "32")
    site.wait(site.settled, "all jobs end", patience=60)

    site.diary.check(jobs)
    runs = site.diary.runs()
    again = {job for job in jobs if len(runs[job]) > 1}
    assert again <= held
    for worker_runs in _again_by_dead_process(runs).values():
        assert worker_runs <= 8 + LOT


def _again_by_dead_process(runs: dict[str, list[dict[str, object]]]) -> dict[object, int]:
    """How many runs of each process had to be repeated by a later one."""
    repeated: dict[object, int] = {}
    for beginnings in runs.values():
        for earlier in beginnings[:-1]:
            repeated[earlier["pid"]] = repeated.get(earlier["pid"], 0) + 1
    return repeated


def test_processes_on_one_file_share_it_under_random_kills(site: Site, tmp_path: Path) -> None:
    rng = random.Random(4)
    producers = [
        site.start([sys.executable, "-m", "tests.acceptance.producer", str(number), "600"])
        for number in range(2)
    ]
    workers = [site.worker("-c", "2") for _ in range(4)]
    for victim in (0, 2, 1):
        site.wait(lambda v=victim: len(site.diary.begun_by(workers[v].pid)) > 5, "it works")  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.3))
        workers[victim].kill()
        workers[victim] = site.worker("-c", "2")

    site.wait(lambda: all(p.poll() is not None for p in producers), "producers end", 60)
    accepted = {
        line
        for number in range(2)
        for line in (tmp_path / f"outbox-{number}.txt").read_text().split()
    }
    site.wait(lambda: accepted <= site.diary.ended(), "all accepted jobs end", patience=60)
    site.wait(site.settled, "all accepted jobs are settled")

    assert [p.returncode for p in producers] == [0, 0]
    site.diary.check(accepted)


def test_four_workers_get_fair_shares_of_one_file(site: Site) -> None:
    workers = [site.worker("-c", "4") for _ in range(4)]
    warm_up = site.enqueue("work", 400, seconds=0.005)
    site.wait(lambda: set(warm_up) <= site.diary.ended(), "every worker is awake")
    site.wait(lambda: len(site.diary.by_process()) == 4, "every worker has begun to work")
    before = site.diary.by_process()

    jobs = site.enqueue("work", 2000, seconds=0.01)
    site.wait(lambda: set(jobs) <= site.diary.ended(), "all jobs end", patience=60)

    after = site.diary.by_process()
    shares = [after.get(w.pid, 0) - before.get(w.pid, 0) for w in workers]
    assert min(shares) >= len(jobs) / 4 / 2, shares


def test_lease_is_kept_while_a_job_runs_longer_than_it(site: Site) -> None:
    [job] = site.enqueue("work", seconds=LEASE * 2.5)
    site.worker()
    site.worker()

    site.wait(lambda: job in site.diary.ended(), "the job ends")
    site.wait(site.settled, "it is settled")

    assert len(site.diary.runs()[job]) == 1
