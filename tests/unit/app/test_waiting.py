"""Waiting jobs of tasks that an app lacks."""

import uuid
from collections.abc import Iterator

import pytest

from anyjob import App
from anyjob.app.waiting import unknown_tasks
from anyjob.core.backend import Finding

PAYLOAD = 1024 * 1024


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def producer(url: str) -> Iterator[App]:
    """Another app of the same jobs, with a task that `app` lacks."""
    made = App(url, queues=["mail", "reports"])

    @made.task(queue="mail")
    def known(n: int) -> None: ...

    @made.task(queue="mail")
    def alien() -> None: ...

    with made:
        yield made


@pytest.fixture
def app(url: str, producer: App) -> Iterator[App]:
    made = App(url)

    @made.task(queue="mail")
    def known(n: int) -> None: ...

    with made:
        yield made


def store(app: App, task: str, count: int, **options: object) -> None:
    bound = app.tasks.get(task).using(**options)  # type: ignore[arg-type]
    drafts = (bound.job(n) if task == "known" else bound.job() for n in range(count))
    app.enqueue_many(drafts)


def found(app: App, budget: float) -> list[Finding]:
    return unknown_tasks(app.backend, app.tasks, PAYLOAD, budget)


@pytest.mark.parametrize("options", [{}, {"delay": 3600}], ids=["ready", "scheduled"])
def test_job_behind_thousands_of_others_is_found(
    producer: App, app: App, options: dict[str, object]
) -> None:
    store(producer, "known", 2500, **options)
    store(producer, "alien", 1, **options)

    (finding,) = found(app, budget=60)

    assert (finding.id, finding.severity) == ("task-unknown", "warning")
    assert finding.seen == "queue 'mail' holds jobs of tasks that this app lacks: alien"


def test_end_of_the_budget_is_told_with_how_far_it_got(producer: App, app: App) -> None:
    store(producer, "known", 2500)
    store(producer, "alien", 1)

    (finding,) = found(app, budget=0)

    assert (finding.id, finding.severity) == ("waiting-partly-seen", "info")
    assert finding.seen == "only the first 100 ready jobs of queue 'mail' were looked at"


def test_one_page_of_each_queue_is_read_whatever_the_budget(producer: App, app: App) -> None:
    store(producer, "known", 100)
    store(producer, "alien", 1, queue="reports", delay=60)

    (finding,) = found(app, budget=0)

    assert finding.seen.startswith("queue 'reports' holds jobs of tasks that this app lacks")


def test_app_without_tasks_lacks_none(url: str, producer: App) -> None:
    store(producer, "alien", 1)
    with App(url) as bare:
        assert found(bare, budget=60) == []
