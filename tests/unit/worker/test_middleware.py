"""Middleware around real runs: order, colours, lots, and what its errors come to."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from anyjob import (
    App,
    Attempt,
    Bury,
    ConfigurationError,
    Discard,
    Draft,
    EnqueueRejected,
    Failed,
    InvalidOption,
    Job,
    JobCancelled,
    JobDead,
    Middleware,
    Outcome,
    Rejected,
    RetryLater,
    Snooze,
    State,
    Succeeded,
    UnsupportedCapability,
    current_job,
)
from anyjob.core.middleware import Around
from anyjob.core.outcome import Buried, Discarded, Released, Snoozed
from tests.waiting import until

COLOURS = ["sync", "async"]


@contextmanager
def app_with(*middleware: Middleware) -> Iterator[App]:
    """An app with one task of each colour."""
    with App("memory://", middleware=middleware) as jobs:

        @jobs.task(name="sync")
        def threaded(value: str = "result") -> str:
            return value

        @jobs.task(name="async")
        async def looped(value: str = "result") -> str:
            await asyncio.sleep(0)
            return value

        yield jobs


class Noting(Middleware):
    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    def enqueue(self, draft: Draft[Any]) -> Draft[Any]:
        self.notes.append(f"{self.name} enqueue")
        return draft

    def around(self, attempt: Attempt) -> Around:
        self.notes.append(f"{self.name} in")
        outcome = yield
        assert isinstance(outcome, Succeeded)
        self.notes.append(f"{self.name} out")
        return Succeeded(f"{outcome.result} {self.name}")


class Refusing(Middleware):
    """Gives an outcome instead of a run, or instead of the task's own."""

    def __init__(self, outcome: Any, *, after: bool) -> None:
        self.outcome = outcome
        self.after = after

    def around(self, attempt: Attempt) -> Around:
        if self.after:
            yield
        return self.outcome  # type: ignore[no-any-return]


class Raising(Middleware):
    def __init__(self, error: BaseException, *, after: bool) -> None:
        self.error = error
        self.after = after

    def around(self, attempt: Attempt) -> Around:
        if not self.after:
            raise self.error
        yield
        raise self.error


@pytest.mark.parametrize("colour", COLOURS)
def test_first_middleware_is_the_outermost(colour: str) -> None:
    notes: list[str] = []
    with app_with(Noting("one", notes), Noting("two", notes)) as jobs, jobs.worker():
        result = jobs.tasks.get(colour).enqueue().result(timeout=30)

    assert result == "result two one"
    assert notes == [
        *("one enqueue", "two enqueue"),
        *("one in", "two in", "two out", "one out"),
    ]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("after", [False, True], ids=["instead of a run", "after the run"])
def test_outcome_of_a_middleware_counts(colour: str, after: bool) -> None:
    with app_with(Refusing(Succeeded("theirs"), after=after)) as jobs, jobs.worker():
        assert jobs.tasks.get(colour).enqueue().result(timeout=30) == "theirs"

    with (
        app_with(Refusing(Discarded("not today"), after=after)) as jobs,
        jobs.worker(),
        pytest.raises(JobCancelled, match="not today"),
    ):
        jobs.tasks.get(colour).enqueue().result(timeout=30)

    with (
        app_with(Refusing(Buried("for good"), after=after)) as jobs,
        jobs.worker(),
        pytest.raises(JobDead, match="for good"),
    ):
        jobs.tasks.get(colour).enqueue().result(timeout=30)

    with app_with(Refusing(Snoozed(3600), after=after)) as jobs, jobs.worker():
        job = jobs.tasks.get(colour).enqueue()
        until(lambda: job.status() is State.SCHEDULED)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("after", [False, True], ids=["before the run", "after the run"])
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_error_of_a_middleware_is_a_failed_attempt(
    colour: str, after: bool, error: type[BaseException]
) -> None:
    with app_with(Raising(error("its own"), after=after)) as jobs, jobs.worker() as worker:
        first, second = (jobs.tasks.get(colour).enqueue() for _ in range(2))
        for job in (first, second):
            with pytest.raises(JobDead, match=f"{error.__name__}: its own"):
                job.result(timeout=30)

    assert worker.exit_code == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_control_that_a_middleware_raises_means_what_it_means_in_a_task(colour: str) -> None:
    with (
        app_with(Raising(Bury("hopeless"), after=True)) as jobs,
        jobs.worker(),
        pytest.raises(JobDead, match="hopeless"),
    ):
        jobs.tasks.get(colour).enqueue().result(timeout=30)

    with (
        app_with(Raising(Discard("unwanted"), after=False)) as jobs,
        jobs.worker(),
        pytest.raises(JobCancelled, match="unwanted"),
    ):
        jobs.tasks.get(colour).enqueue().result(timeout=30)

    for control in (Snooze(3600), RetryLater(3600)):
        with app_with(Raising(control, after=False)) as jobs, jobs.worker():
            job = jobs.tasks.get(colour).enqueue()
            until(lambda job=job: job.status() is State.SCHEDULED)  # type: ignore[misc]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "outcome",
    [
        Snoozed(-1),
        Snoozed(float("nan")),
        Snoozed("soon"),  # type: ignore[arg-type]
        Released(float("inf")),
        Buried(None),  # type: ignore[arg-type]
        Discarded(7),  # type: ignore[arg-type]
        Failed("no exception"),  # type: ignore[arg-type]
        Succeeded({1j}),
        "no outcome",
    ],
    ids=repr,
)
def test_outcome_that_makes_no_sense_buries_its_job_and_no_other(colour: str, outcome: Any) -> None:
    class Sometimes(Middleware):
        def around(self, attempt: Attempt) -> Around:
            ended = yield
            return outcome if attempt.headers.get("odd") else ended

    with app_with(Sometimes()) as jobs, jobs.worker() as worker:
        task = jobs.tasks.get(colour)
        with pytest.raises(JobDead):
            task.using(headers={"odd": "yes"}).enqueue().result(timeout=30)
        assert task.enqueue().result(timeout=30) == "result"

    assert worker.exit_code == 0


class Gate(Middleware):
    """Refuses by argument, a lot at a time."""

    def __init__(self, decide: Callable[[Attempt], Outcome | None]) -> None:
        self.decide = decide
        self.lots: list[list[str]] = []

    def admit(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, Outcome]:
        self.lots.append([attempt.id for attempt in attempts])
        decided = {attempt: self.decide(attempt) for attempt in attempts}
        return {attempt: outcome for attempt, outcome in decided.items() if outcome is not None}


def test_admit_sees_a_whole_lot_at_once_and_only_what_it_admits_runs() -> None:
    gate = Gate(lambda a: Discarded("odd") if a.headers["number"] in "13579" else None)
    later = Gate(lambda _: None)
    with app_with(gate, later) as jobs:
        task = jobs.tasks.get("sync")
        made = jobs.enqueue_many(task.using(headers={"number": str(n)}).job() for n in range(10))
        with jobs.worker(concurrency=10):
            for number, job in enumerate(made):
                assert isinstance(job, Job)
                if number % 2:
                    with pytest.raises(JobCancelled, match="odd"):
                        job.result(timeout=30)
                else:
                    assert job.result(timeout=30) == "result"

    assert gate.lots == [[job.id for job in made if isinstance(job, Job)]]
    assert [len(lot) for lot in later.lots] == [5]


def test_admit_may_put_off_a_job_without_an_attempt() -> None:
    gate = Gate(lambda _: Released(3600))
    with app_with(gate) as jobs, jobs.worker():
        job = jobs.tasks.get("sync").enqueue()
        until(lambda: job.status() is State.SCHEDULED)
        shown = jobs.show(job.id)

    assert (shown.attempts, shown.redeliveries) == (0, 0)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_admit_that_raises_puts_the_lot_off_without_an_attempt(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def decide(_: Attempt) -> Outcome | None:
        raise error("the limiter is down")

    with app_with(Gate(decide)) as jobs, jobs.worker() as worker:
        job = jobs.tasks.get("sync").enqueue()
        until(lambda: job.status() is State.SCHEDULED)
        shown = jobs.show(job.id)

    assert (shown.attempts, shown.redeliveries) == (0, 0)
    assert "the limiter is down" in caplog.text
    assert worker.exit_code == 0


@pytest.mark.parametrize("answer", [None, "nothing", {"a": 1}])
def test_admit_that_answers_nonsense_puts_the_lot_off(answer: Any) -> None:
    class Nonsense(Middleware):
        def admit(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, Outcome]:
            return answer  # type: ignore[no-any-return]

    with app_with(Nonsense()) as jobs, jobs.worker():
        job = jobs.tasks.get("sync").enqueue()
        until(lambda: job.status() is State.SCHEDULED)


def test_blocking_middleware_steps_off_the_event_loop() -> None:
    class Blocking(Middleware):
        blocking = True

        def __init__(self) -> None:
            self.threads: set[str] = set()
            self.entered = threading.Barrier(3)

        def around(self, attempt: Attempt) -> Around:
            self.threads.add(threading.current_thread().name)
            # Three at once, which one loop could not do.
            self.entered.wait(30)
            outcome = yield
            self.threads.add(threading.current_thread().name)
            return outcome

    blocking = Blocking()
    with app_with(blocking) as jobs, jobs.worker():
        made = [jobs.tasks.get("async").enqueue() for _ in range(3)]
        assert [job.result(timeout=30) for job in made] == ["result"] * 3

    assert "anyjob-loop" not in blocking.threads


def test_middleware_that_does_not_block_runs_on_the_loop() -> None:
    threads: set[str] = set()

    class Quick(Middleware):
        def around(self, attempt: Attempt) -> Around:
            threads.add(threading.current_thread().name)
            return (yield)

    with app_with(Quick()) as jobs, jobs.worker():
        jobs.tasks.get("async").enqueue().result(timeout=30)

    assert threads == {"anyjob-loop"}


def test_coroutine_cancelled_while_a_blocking_middleware_steps_in_is_released() -> None:
    entered, go = threading.Event(), threading.Event()

    class Blocking(Middleware):
        blocking = True

        def around(self, attempt: Attempt) -> Around:
            entered.set()
            go.wait(30)
            return (yield)

    with app_with(Blocking()) as jobs:
        job = jobs.tasks.get("async").enqueue()
        worker = jobs.worker()
        worker.start()
        entered.wait(30)
        worker.cut()
        code = worker.stop()
        go.set()

        assert code == 1
        assert job.status() is State.READY
        assert (jobs.show(job.id).attempts, jobs.show(job.id).redeliveries) == (0, 0)


class Tenant(Middleware):
    options: ClassVar[Mapping[str, type]] = {"tenant": str}

    def enqueue(self, draft: Draft[Any]) -> Draft[Any] | Rejected:
        tenant = draft.options.get("tenant", "nobody")
        if tenant == "banned":
            return Rejected("the tenant is banned")
        return draft.using(priority=9, headers={"tenant": tenant})


def test_producer_side_changes_a_draft_or_refuses_it() -> None:
    with App("memory://", middleware=[Tenant()]) as jobs:

        @jobs.task
        def told() -> tuple[int, str, str]:
            attempt = current_job()
            return attempt.priority, attempt.headers["tenant"], attempt.options["tenant"]

        with jobs.worker():
            job = told.using(tenant="acme").enqueue()
            assert tuple(job.result(timeout=30)) == (9, "acme", "acme")
        with pytest.raises(EnqueueRejected, match="the tenant is banned"):
            told.using(tenant="banned").enqueue()
        answers = jobs.enqueue_many([told.using(tenant=t).job() for t in ("acme", "banned")])

    assert isinstance(answers[0], Job)
    assert answers[1] == Rejected("the tenant is banned")


def test_misspelt_or_mistyped_option_of_a_middleware_fails_at_once() -> None:
    with App("memory://", middleware=[Tenant()]) as jobs:

        @jobs.task
        def told() -> None: ...

        with pytest.raises(InvalidOption, match="no option 'tennant'; did you mean 'tenant'"):
            told.using(tennant="acme")
        with pytest.raises(InvalidOption, match="expected tenant to be str, got 7"):
            told.using(tenant=7)
        with pytest.raises(InvalidOption, match="no option 'tennant'"):
            jobs.task(name="other", tennant="acme")(lambda: None)
        assert jobs.counts().ready == 0


@pytest.mark.parametrize("name", ["priority", "tenant"])
def test_option_that_is_taken_is_refused_when_the_app_is_made(name: str) -> None:
    class Second(Middleware):
        options: ClassVar[Mapping[str, type]] = {name: str}

    with pytest.raises(ConfigurationError, match=f"declares the option '{name}', which is taken"):
        App("memory://", middleware=[Tenant(), Second()])


def test_capability_that_a_middleware_needs_is_checked_when_the_app_opens() -> None:
    class Transactional(Middleware):
        needs: ClassVar[Sequence[str]] = ["transaction"]

    with pytest.raises(UnsupportedCapability, match="middleware Transactional needs transaction"):
        App("memory://", middleware=[Transactional()]).open()
