"""A backend that goes away and comes back: nothing is lost, and the log stays short."""

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest

from anyjob import App, State
from anyjob.conformance import Checked
from anyjob.core.backend import QueueShare
from anyjob.core.clock import SystemClock
from anyjob.core.errors import BackendUnavailable
from anyjob.core.events import Event, Subscribers
from anyjob.worker import Ground, Worker, WorkerSettings
from anyjob.worker.log import Log
from anyjob.worker.outage import SLOW, Outage
from tests.unit.worker.conftest import Heard
from tests.unit.worker.flaky import FlakyBackend, Line
from tests.waiting import until

URL = "memory://behind-a-line"


@pytest.fixture
def app() -> Iterator[App]:
    with App(URL) as jobs:
        yield jobs


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def told() -> Heard:
    return Heard()


def no_errors(event: Event, error: BaseException) -> None:
    raise AssertionError(event) from error


@pytest.fixture
def worker(app: App, line: Line, told: Heard) -> Iterator[Worker]:
    backend = Checked(FlakyBackend(URL, line))
    backend.open()
    subscribers = Subscribers(no_errors)
    subscribers.add("*", told.append)
    settings = WorkerSettings(shares=(QueueShare("default"),), lease=1, grace=5)
    made = Worker(
        [Ground("", backend, None, settings)],
        registry=app.tasks,
        middleware=(),
        subscribers=subscribers,
        settings=settings,
        clock=SystemClock(),
        random=Random(1),
    )
    yield made
    line.cut.clear()
    made.stop()
    backend.close()
    backend.check()
    backend.close()


def times(line: Line, name: str) -> int:
    return line.tried.get(name, 0)


@pytest.mark.parametrize("operation", ["fetch", "flush", "extend", "maintain"])
def test_worker_outlives_an_outage_of_each_operation(
    app: App, worker: Worker, line: Line, told: Heard, operation: str
) -> None:
    go = threading.Event()

    @app.task
    def hold() -> str:
        go.wait(30)
        return "held"

    @app.task
    def work() -> str:
        return "done"

    worker.start()
    held = hold.enqueue()
    until(lambda: held.status() is State.LEASED)
    line.cut = {operation}
    job = work.enqueue()
    before = times(line, operation)
    until(lambda: times(line, operation) > before + 1, "for it to be tried again")
    until(lambda: told.named("backend.down"))
    line.cut = set()

    assert job.result(timeout=30) == "done"
    until(lambda: told.named("backend.up"))
    go.set()
    assert held.result(timeout=30) == "held"
    assert len(told.named("backend.down")) == len(told.named("backend.up")) == 1


@pytest.mark.parametrize("operation", ["extend", "maintain"])
def test_slow_answer_is_told_once(
    app: App,
    worker: Worker,
    line: Line,
    told: Heard,
    caplog: pytest.LogCaptureFixture,
    operation: str,
) -> None:
    go = threading.Event()

    @app.task
    def hold() -> str:
        go.wait(30)
        return "held"

    line.delays = {operation: SLOW}
    worker.start()
    held = hold.enqueue()
    until(lambda: times(line, operation) > 2)
    until(lambda: told.named("backend.slow"))
    go.set()
    held.result(timeout=30)

    [event] = told.named("backend.slow")
    assert event.facts["doing"] == operation
    assert event.facts["seconds"] >= SLOW
    assert f"{operation} took" in caplog.text
    assert not told.named("backend.down")


def test_answer_in_time_is_not_told(app: App, worker: Worker, line: Line, told: Heard) -> None:
    line.delays = {"maintain": SLOW / 10}
    worker.start()
    until(lambda: times(line, "maintain") > 2)

    assert not told.named("backend.slow")


def test_settlement_without_an_answer_is_sent_again_and_counted_once(
    app: App, worker: Worker, line: Line, told: Heard
) -> None:
    @app.task
    def work() -> str:
        return "done"

    line.loses_answers = True
    job = work.enqueue()
    worker.start()

    assert job.result(timeout=30) == "done"
    # The first was carried out, so the second is told that the lease is gone.
    until(lambda: told.named("lease.lost"))
    assert not line.loses_answers
    assert work.enqueue().result(timeout=30) == "done"


def test_outage_is_one_event_and_at_most_a_line_a_second(
    app: App, worker: Worker, line: Line, told: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    line.cut = {"fetch", "maintain"}
    worker.start()
    until(lambda: times(line, "fetch") > 5)
    until(lambda: told.named("backend.down"))
    lines = [r for r in caplog.records if "failed and is tried again" in r.getMessage()]
    span = caplog.records[-1].created - caplog.records[0].created

    assert len(told.named("backend.down")) == 1
    assert len(lines) <= span + 1
    assert all(record.levelno == logging.WARNING for record in lines)


def test_worker_ends_though_its_backend_does_not_answer(
    app: App, worker: Worker, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    @app.task
    def work() -> str:
        return "done"

    worker.start()
    assert work.enqueue().result(timeout=30) == "done"
    line.cut = {"fetch", "close", "maintain"}

    assert worker.stop() == 0
    assert "leases that are left run out" in caplog.text


def test_death_of_a_broker_thread_ends_the_worker_with_1(
    app: App, worker: Worker, line: Line, told: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    class Surprise(Exception):
        pass

    def surprise(name: str) -> None:
        raise Surprise(name)

    line.through = surprise  # type: ignore[method-assign]
    worker.start()
    until(lambda: told.named("worker.stopped"))

    assert worker.stop() == 1
    assert "thread died" in caplog.text


def test_outage_that_several_threads_meet_at_once_is_told_once() -> None:
    told: list[str] = []
    both = threading.Barrier(2, timeout=0.5)

    def tell(name: str, **facts: object) -> None:
        told.append(name)
        with suppress(threading.BrokenBarrierError):
            both.wait()  # a subscriber takes its time, and the other thread fails meanwhile

    outage = Outage(Log(lambda: 0.0), tell, Random(1))
    threads = [
        threading.Thread(target=outage.failed, args=(doing, BackendUnavailable("gone")))
        for doing in ("fetch", "settle")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for doing in ("fetch", "settle"):
        outage.ended(doing)

    assert told == ["backend.down", "backend.up"]
