"""An app and its worker on SQS: no result is kept, and what needs one is refused by name."""

from __future__ import annotations

import time

import pytest

from anyjob import App, Retry
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.state import State
from tests.conformance.sqs.service import Service
from tests.waiting import until


@pytest.fixture
def app(service: Service) -> App:
    return App(service.url, namespace=f"w{time.time_ns():x}")


def test_worker_settles_what_returns_and_what_fails(app: App) -> None:
    ran: list[int] = []

    @app.task(name="returns")
    def returns(number: int) -> int:
        ran.append(number)
        return number

    @app.task(name="fails", retry=Retry(max_attempts=2, initial=0.1, jitter=False))
    def fails() -> None:
        raise ValueError("no")

    def counted() -> tuple[int | None, ...]:
        counts = app.counts("default")
        return counts.ready, counts.leased, counts.dead

    with app, app.worker(concurrency=4):
        returns.enqueue(1)
        fails.enqueue()
        # A burial is two requests, and shows in between.
        until(lambda: counted() == (0, 0, 1))
        [dead] = app.backend.browse("default", State.DEAD, None, 10).records

    assert ran == [1]
    assert (dead.attempts, dead.reason) == (2, "attempts used up")


def test_result_and_unique_key_are_refused_by_name(app: App) -> None:
    @app.task(name="returns")
    def returns() -> int:
        return 1

    with app:
        job = returns.enqueue()
        with pytest.raises(UnsupportedCapability):
            job.result(timeout=1.0)
        with pytest.raises(UnsupportedCapability):
            job.cancel()
        with pytest.raises(UnsupportedCapability):
            returns.using(unique_key="k").enqueue()
