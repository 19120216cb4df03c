"""An app on a backend that can do little, with a store and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from anyjob import App, Job, JobCancelled, Retry, UnsupportedCapability
from anyjob.backends.paired import PairedBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.state import State
from tests.conformance.paired import schemes
from tests.waiting import until


@pytest.fixture(autouse=True)
def _schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "thin", f"{schemes.__name__}:Thin")
    monkeypatch.setitem(BACKENDS, "pair", f"{schemes.__name__}:CheckedPair")


@pytest.fixture
def jobs() -> Iterator[App]:
    app = App("thin://jobs", store="memory://state")
    yield app
    app.close()


def test_store_makes_one_backend_of_both(jobs: App) -> None:
    @jobs.task
    def double(number: int) -> int:
        return 2 * number

    with jobs.worker():
        job = double.enqueue(21)
        assert job.result(timeout=20) == 42

    assert isinstance(jobs.backend, PairedBackend)
    assert job.status() is State.SUCCEEDED


def test_what_only_a_store_gives_works(jobs: App) -> None:
    ran: list[str] = []

    @jobs.task(retry=Retry(max_attempts=2, backoff="fixed", initial=0.05))
    def note(name: str) -> None:
        ran.append(name)
        if ran.count(name) == 1 and name == "again":
            raise ValueError(name)

    late = note.using(delay=timedelta(seconds=0.4)).enqueue("late")
    cancelled = note.using(delay=timedelta(hours=1)).enqueue("never")
    first = note.using(unique_key="key").enqueue("unique")
    second = note.using(unique_key="key").enqueue("unique")
    again = note.enqueue("again")
    assert cancelled.cancel()
    with jobs.worker():
        for job in (first, again, late):
            assert job.result(timeout=20) is None
        with pytest.raises(JobCancelled):
            cancelled.result(timeout=20)

    assert second.id == first.id
    assert not second.created
    assert sorted(ran) == ["again", "again", "late", "unique"]


def test_worker_keeps_its_side_of_the_contract() -> None:
    schemes.CheckedPair.made.clear()
    with App("pair://checked") as jobs:
        ran: list[int] = []

        @jobs.task(retry=Retry(max_attempts=3, backoff="fixed", initial=0.02))
        def flaky(number: int) -> None:
            ran.append(number)
            if number % 5 == 0 and ran.count(number) < 3:
                raise ValueError(number)

        with jobs.worker(concurrency=4):
            made = jobs.enqueue_many(flaky.job(number) for number in range(100))
            until(
                lambda: all(
                    isinstance(job, Job) and job.status() is State.SUCCEEDED for job in made
                )
            )

    assert len(ran) == 100 + 2 * 20
    [checked] = schemes.CheckedPair.made
    checked.check()


@pytest.mark.parametrize(
    ("options", "name"),
    [({"delay": 5.0}, "delay"), ({"unique_key": "key"}, "unique")],
)
def test_without_a_store_what_is_missing_is_named_at_once(
    options: dict[str, Any], name: str
) -> None:
    with App("thin://alone") as jobs:

        @jobs.task
        def work() -> None: ...

        with pytest.raises(UnsupportedCapability, match=r"add store=\.\.\.") as refused:
            work.using(**options).enqueue()

    assert refused.value.name == name
