"""What `${NAME}` and `file:` stand for, in jobs that are enqueued and run."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from anyjob import App, Middleware, current_job

FILE = """
backend = "memory://"
queues = ["${OTHER}"]

[defaults]
queue = "${QUEUE}"
headers = { auth = "${TOKEN}", from = "file:origin" }
tags = ["${TOKEN}", { deep = "${QUEUE}" }]
retry = { max_attempts = 2, backoff = "${BACKOFF}" }
"""
ENVIRON = {"OTHER": "reports", "QUEUE": "mail", "TOKEN": "hunter2secret", "BACKOFF": "fixed"}


class Tagging(Middleware):
    options: ClassVar = {"tags": list}


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    (tmp_path / "anyjob.toml").write_text(FILE)
    (tmp_path / "origin").write_text("the shop\n")
    monkeypatch.chdir(tmp_path)
    for name, text in ENVIRON.items():
        monkeypatch.setenv(name, text)
    with App(middleware=[Tagging()]) as app:
        yield app


def test_job_runs_with_what_references_stand_for(jobs: App) -> None:
    seen: list[object] = []

    @jobs.task
    def look() -> None:
        attempt = current_job()
        seen.extend([attempt.queue, dict(attempt.headers), attempt.options["tags"]])

    with jobs.worker():
        look.enqueue().result(timeout=30)

    headers = {"auth": "hunter2secret", "from": "the shop"}
    assert seen == ["mail", headers, ["hunter2secret", {"deep": "mail"}]]
    assert look.options.retry is not None
    assert type(look.options.retry.backoff) is str


def test_queue_that_a_reference_names_is_served(jobs: App) -> None:
    @jobs.task
    def add(a: int) -> int:
        return a + 1

    job = add.using(queue="reports").enqueue(1)
    with jobs.worker(queues=list(jobs.config.queues)):
        assert job.result(timeout=30) == 2

    assert {type(name) for name in (*jobs.queues(), jobs.config.backend.reveal())} == {str}


def test_reference_in_the_defaults_of_an_app_is_replaced_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2secret")
    with App("memory://", defaults={"headers": {"auth": "${TOKEN}"}, "timeout": None}) as jobs:

        @jobs.task
        def look() -> str:
            return current_job().headers["auth"]

        with jobs.worker():
            assert look.enqueue().result(timeout=30) == "hunter2secret"
        assert jobs.config.defaults["timeout"] is None
        assert jobs.config.origins["defaults.headers"] == "argument"
