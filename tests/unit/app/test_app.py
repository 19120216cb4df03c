"""Opening, closing, looking at jobs and acting on them."""

import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from anyjob import (
    App,
    ConfigurationError,
    InvalidArguments,
    InvalidOption,
    JobDead,
    JobNotFound,
    State,
)
from anyjob.core.backend import CancelResult
from anyjob.core.errors import UnsupportedCapability
from tests.waiting import until


@pytest.fixture
def work(jobs: App) -> Any:
    @jobs.task
    def work(number: int) -> int:
        if number < 0:
            raise ValueError("a negative number")
        return number

    return work


# Looking


def test_counts_name_every_state_that_is_not_over(jobs: App, work: Any) -> None:
    work.enqueue(1)
    work.enqueue(2)
    work.using(delay=3600).enqueue(3)
    counts = jobs.counts()

    assert (counts.ready, counts.scheduled, counts.leased, counts.dead) == (2, 1, 0, 0)
    assert counts.oldest_ready_age is not None
    assert jobs.counts("mail").ready == 0


def test_get_returns_a_handle_that_knows_its_task(jobs: App, work: Any) -> None:
    job = work.enqueue(5)

    found = jobs.get(job.id)

    assert found == job
    assert found.task == "work"
    with jobs.worker():
        assert found.result(timeout=30) == 5


def test_status_follows_the_job(jobs: App, work: Any) -> None:
    ready, scheduled, dead = work.enqueue(1), work.using(delay=3600).enqueue(2), work.enqueue(-1)

    assert (ready.status(), scheduled.status()) == (State.READY, State.SCHEDULED)
    with jobs.worker():
        ready.result(timeout=30)
        until(lambda: dead.status() is State.DEAD)
    assert ready.status() is State.SUCCEEDED


def test_cancel_ends_a_waiting_job_and_leaves_others_alone(jobs: App) -> None:
    begun, go = threading.Event(), threading.Event()

    @jobs.task
    def hold() -> str:
        begun.set()
        go.wait(30)
        return "done"

    running = hold.enqueue()
    with jobs.worker(concurrency=1):
        begun.wait(30)
        waiting, delayed = hold.enqueue(), hold.using(delay=3600).enqueue()
        cancelled = [waiting.cancel(), delayed.cancel(), running.cancel()]
        go.set()
        assert running.result(timeout=30) == "done"

    assert cancelled == [True, True, False]
    assert running.cancel() is False
    assert waiting.status() is State.CANCELLED
    assert jobs.cancel([running.id, waiting.id, "0199-nowhere"]) == [
        CancelResult.ENDED,
        CancelResult.ENDED,
        CancelResult.UNKNOWN,
    ]


def test_browse_leads_through_pages(jobs: App, work: Any) -> None:
    made = [work.enqueue(number).id for number in range(25)]

    found, cursor = [], None
    while True:
        page = jobs.browse("default", State.READY, cursor, limit=10)
        found += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break

    assert found == made


def test_paused_queue_delivers_nothing_until_it_is_resumed(jobs: App, work: Any) -> None:
    jobs.pause("default")
    job = work.enqueue(1)

    with jobs.worker():
        with pytest.raises(TimeoutError):
            job.result(timeout=0.1)
        assert jobs.paused() == {"default"}
        jobs.resume("default")
        assert job.result(timeout=30) == 1
    assert jobs.paused() == set()


def test_purge_removes_what_waits(jobs: App, work: Any) -> None:
    job = work.enqueue(1)
    work.using(delay=3600).enqueue(2)

    assert jobs.purge("default", [State.SCHEDULED]) == 1
    assert jobs.purge("default") == 1
    with pytest.raises(JobNotFound):
        jobs.show(job.id)


def test_queues_are_those_of_tasks_configuration_and_backend(jobs: App) -> None:
    @jobs.task(queue="mail")
    def send() -> None: ...

    assert jobs.queues() >= {"default", "mail"}
    with pytest.raises(ConfigurationError, match="queue"):
        jobs.counts("no such queue!")


def test_names_of_tasks_and_what_the_app_is_show_in_its_repr(jobs: App, work: Any) -> None:
    jobs.open()

    assert repr(jobs) == "<App memory:// with 1 tasks>"


# Dead letters


def bury(jobs: App, work: Any) -> str:
    job = work.enqueue(-1)
    with jobs.worker(), pytest.raises(JobDead):
        job.result(timeout=30)
    return str(job.id)


def test_dead_job_is_revived_with_other_arguments(jobs: App, work: Any) -> None:
    id = bury(jobs, work)

    assert jobs.revive("default", [id], edit={id: {"number": 7}}) == 1
    with jobs.worker():
        assert jobs.get(id).result(timeout=30) == 7
    assert jobs.show(id).note.history[0].ended == "dead"


def test_edit_that_the_task_would_not_take_revives_nothing(jobs: App, work: Any) -> None:
    id = bury(jobs, work)

    with pytest.raises(InvalidArguments):
        jobs.revive("default", [id], edit={id: {"number": "seven"}})
    with pytest.raises(InvalidArguments):
        jobs.revive("default", [id], edit={id: {"colour": "red"}})
    with pytest.raises(JobNotFound):
        jobs.revive("default", [id], edit={"0199-nowhere": {"number": 7}})

    assert jobs.get(id).status() is State.DEAD


def test_dead_jobs_are_discarded_one_or_all(jobs: App, work: Any) -> None:
    ids = [bury(jobs, work) for _ in range(3)]

    assert jobs.discard("default", ids[:1]) == 1
    assert jobs.discard("default", None) == 2
    with pytest.raises(JobNotFound):
        jobs.get(ids[0])


# Opening and closing


def test_nothing_is_read_before_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYJOB_BACKEND", "no url at all")
    jobs = App()

    @jobs.task(queue="mail")
    def send(to: str) -> None: ...

    assert send("ann") is None
    assert "not read yet" in repr(jobs)
    with pytest.raises(ConfigurationError, match="ANYJOB_BACKEND"):
        jobs.open()


def test_app_is_closed_twice_and_opened_again(jobs: App, work: Any) -> None:
    jobs.open()
    jobs.open()
    first = jobs.backend
    jobs.close()
    jobs.close()

    assert jobs.counts().ready == 0
    assert jobs.backend is not first


def test_threads_that_race_for_the_first_use_open_one_backend(jobs: App) -> None:
    seen: set[int] = set()
    ready = threading.Barrier(8)

    def use() -> None:
        ready.wait(30)
        seen.add(id(jobs.backend))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 1


def test_app_that_cannot_open_leaves_nothing_open(tmp_path: Any) -> None:
    jobs = App(f"sqlite:///{tmp_path}/jobs.db", store="sqlit://x")

    with pytest.raises(ConfigurationError):
        jobs.open()

    assert not any(t.name.startswith("anyjob") for t in threading.enumerate())


# Workers


def test_setting_that_no_worker_has_is_refused_with_a_suggestion(jobs: App) -> None:
    with pytest.raises(ConfigurationError, match="no setting 'concurency' of a worker.*concurrenc"):
        jobs.worker(concurency=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 0},
        {"lease": 0.5},
        {"grace": -1},
        {"cancel_grace": float("nan")},
        {"max_redeliveries": -1},
        {"concurrency": "many"},
        {"concurrency": True},
        {"queues": ["no such queue!"]},
    ],
)
def test_setting_out_of_range_is_refused(jobs: App, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        jobs.worker(**settings)


def test_worker_compiles_every_task_before_it_starts(jobs: App) -> None:
    @jobs.task
    def odd(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match="Nowhere"):
        jobs.worker()


@pytest.mark.parametrize("allowed", [False, True])
def test_task_that_outlasts_its_lease_is_refused_unless_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    with App("memory://", allow_long_jobs=allowed) as jobs:
        short = replace(jobs.backend.capabilities, max_lease=600.0)
        monkeypatch.setattr(type(jobs.backend), "capabilities", short)

        @jobs.task(timeout=600)
        def long() -> None: ...

        if allowed:
            jobs.worker()
            return
        with pytest.raises(UnsupportedCapability, match="task 'long' may run for 600 s"):
            jobs.worker()


def test_result_limit_is_never_larger_than_what_the_backend_holds(jobs: App) -> None:
    worker = jobs.worker(max_result=10**12)

    assert worker.settings.max_result < jobs.backend.capabilities.max_payload


def test_app_that_a_task_keeps_from_opening_leaves_nothing_open(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/jobs.db")

    @app.task(delay=60, expires=5)
    def stillborn() -> None: ...

    with pytest.raises(InvalidOption, match="would expire"):
        app.open()

    log = tmp_path / "jobs.db-wal"
    assert (tmp_path / "jobs.db").exists()
    assert not log.exists(), "whoever closes the file last removes its log"
