"""Storing jobs: one, one from a loop, many; and what is refused before any effect."""

import asyncio
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anyjob import (
    App,
    BackendUnavailable,
    ConfigurationError,
    InvalidArguments,
    InvalidOption,
    Job,
    Misuse,
    PayloadTooLarge,
    Rejected,
    Retry,
    State,
    UnsupportedCapability,
)
from anyjob.conformance.clock import FakeClock
from anyjob.core.draft import AnyDraft
from tests.waiting import until


@pytest.fixture
def emails(jobs: App) -> Any:
    """A task with a positional, a keyword-only and a default argument."""

    @jobs.task(queue="mail")
    def send(to: str, *, copies: int = 1) -> str:
        return f"{to} x {copies}"

    return send


def stored(jobs: App) -> int:
    return sum(
        counts.ready + (counts.scheduled or 0)
        for counts in map(jobs.counts, ("default", "mail", "other"))
    )


# One


def test_job_is_stored_with_its_arguments_and_options(jobs: App, emails: Any) -> None:
    job = emails.using(priority=9, headers={"plan": "free"}).enqueue("ann", copies=2)

    shown = jobs.show(job.id, "mail")
    assert job.created
    assert (job.queue, job.task) == ("mail", "send")
    assert (shown.state, shown.priority, dict(shown.headers)) == (State.READY, 9, {"plan": "free"})
    assert shown.arguments == '{"to":"ann","copies":2}'


def test_delay_run_at_and_expiry_are_stored(jobs: App, emails: Any) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)

    delayed = emails.using(delay=timedelta(hours=1)).enqueue("ann")
    dated = emails.using(run_at=soon).enqueue("ann")
    expiring = emails.using(expires=soon).enqueue("ann")

    assert [job.status() for job in (delayed, dated, expiring)] == [
        State.SCHEDULED,
        State.SCHEDULED,
        State.READY,
    ]
    assert jobs.show(dated.id, "mail").due == pytest.approx(soon.timestamp(), abs=0.01)
    assert jobs.show(expiring.id, "mail").expires == pytest.approx(soon.timestamp())


def test_unique_key_gives_the_holder(jobs: App, emails: Any) -> None:
    first = emails.using(unique_key="welcome ann").enqueue("ann")
    second = emails.using(unique_key="welcome ann").enqueue("ann")

    assert (first.created, second.created) == (True, False)
    assert first == second
    assert stored(jobs) == 1


def test_default_queue_is_called_default(jobs: App) -> None:
    @jobs.task
    def work() -> None: ...

    assert work.enqueue().queue == "default"


def test_options_of_app_task_and_call_are_merged_by_the_nearest() -> None:
    with App("memory://", defaults={"priority": 2, "timeout": 60}) as jobs:

        @jobs.task(priority=4)
        def work() -> None: ...

        assert (work.options.priority, work.options.timeout) == (4, 60)
        assert jobs.show(work.enqueue().id).priority == 4
        assert jobs.show(work.using(priority=8).enqueue().id).priority == 8


# What is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"priority": 10}, "expected priority to be an int from 0 to 9, higher first, got 10"),
        ({"priority": -1}, "from 0 to 9"),
        ({"priority": "high"}, "got 'high'"),
        ({"delay": -1}, "delay"),
        ({"delay": timedelta(seconds=-1)}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"run_at": datetime(2026, 1, 1)}, "naive"),
        ({"expires": datetime(2026, 1, 1)}, "naive"),
        ({"expires": 0}, "expires"),
        ({"timeout": 0}, "timeout"),
        ({"delay": 1, "run_at": datetime(2026, 1, 1, tzinfo=UTC)}, "delay or run_at, got both"),
        ({"queue": "no such queue!"}, "queue"),
        ({"unique_key": ""}, "unique_key"),
        ({"unique_ttl": 5}, "unique_ttl together with unique_key"),
        ({"headers": {"a": 1}}, "headers"),
        ({"retry": 3}, "expected retry to be a Retry or None, got 3"),
        ({"retry": Retry(on=(ValueError,))}, "put on=, never=, when= and rules= on the task"),
        ({"prioritty": 3}, "no option 'prioritty'; did you mean 'priority'"),
        ({"keep": -1}, "keep"),
    ],
)
def test_option_out_of_range_is_refused_before_any_effect(
    jobs: App, emails: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        emails.using(**options).enqueue("ann")

    assert stored(jobs) == 0


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        (("ann", "bob"), {}),
        (("ann",), {"colour": "red"}),
        ((7,), {}),
        (("ann",), {"copies": "many"}),
        (("ann",), {"copies": None}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_any_effect(
    jobs: App, emails: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArguments):
        emails.enqueue(*args, **kwargs)
    with pytest.raises(InvalidArguments):
        asyncio.run(emails.aenqueue(*args, **kwargs))
    [answer] = jobs.enqueue_many([emails.job("ann")])
    assert isinstance(answer, Job)
    jobs.purge("mail")

    assert stored(jobs) == 0


def test_queue_that_nobody_declared_is_refused_with_a_suggestion(jobs: App, emails: Any) -> None:
    with pytest.raises(ConfigurationError, match="queue 'mial', which nobody declared.*'mail'"):
        emails.using(queue="mial").enqueue("ann")

    assert stored(jobs) == 0


def test_queue_of_another_task_or_of_the_app_is_declared(emails: Any) -> None:
    with App("memory://", queues=["other"]) as jobs:

        @jobs.task
        def work() -> None: ...

        assert work.using(queue="other").enqueue().queue == "other"


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_largest_job_that_is_allowed_is_exact(over: int) -> None:
    # A clock that stands still, because the time is written into each job.
    clock = FakeClock()
    with App("memory://", clock=clock) as probe:
        size = len(probe.show(named(probe).enqueue("").id).body or b"")
    with App("memory://", clock=clock, max_payload=1000) as jobs:
        work = named(jobs)
        text = "x" * (1000 - size + over)
        if over > 0:
            with pytest.raises(PayloadTooLarge, match="takes 1001 bytes, more than the 1000"):
                work.enqueue(text)
            assert jobs.counts().ready == 0
        else:
            body = jobs.show(work.enqueue(text).id).body
            assert len(body or b"") == 1000 + over


def named(jobs: App) -> Any:
    @jobs.task
    def work(text: str) -> None: ...

    return work


def test_transaction_on_a_backend_without_them_is_refused(jobs: App, emails: Any) -> None:
    with pytest.raises(UnsupportedCapability):
        emails.using(transaction=object()).enqueue("ann")
    with pytest.raises(ConfigurationError, match="cannot be used from a coroutine"):
        asyncio.run(emails.using(transaction=object()).aenqueue("ann"))

    assert stored(jobs) == 0


# From a loop


def test_loop_enqueues_by_one_thread_without_being_blocked(jobs: App, emails: Any) -> None:
    threads: set[str] = set()

    async def main() -> list[Job[str]]:
        made = await asyncio.gather(*(emails.aenqueue(str(n)) for n in range(500)))
        threads.update(t.name for t in threading.enumerate())
        return list(made)

    jobs.open()
    made = asyncio.run(main())

    assert len({job.id for job in made}) == 500
    assert jobs.counts("mail").ready == 500
    assert [name for name in threads if name.startswith("anyjob")] == ["anyjob-publish"]
    assert not [name for name in threads if "ThreadPool" in name or "asyncio" in name]


def test_jobs_of_a_loop_leave_in_lots_and_in_order(jobs: App, emails: Any) -> None:
    lots: list[int] = []
    jobs.open()
    enqueue = jobs.backend.enqueue

    def counted(envelopes: Any, **options: Any) -> Any:
        lots.append(len(envelopes))
        return enqueue(envelopes, **options)

    jobs.backend.enqueue = counted  # type: ignore[method-assign, assignment]

    async def main() -> None:
        await asyncio.gather(*(emails.aenqueue(str(n)) for n in range(1000)))

    asyncio.run(main())

    assert sum(lots) == 1000
    assert len(lots) < 100
    page = jobs.browse("mail", State.READY, limit=1000)
    assert [job.arguments for job in page.jobs] == [f'{{"to":"{n}"}}' for n in range(1000)]


def test_cancelled_enqueue_leaves_the_publisher_alive(jobs: App, emails: Any) -> None:
    async def main() -> Job[str]:
        task = asyncio.ensure_future(emails.aenqueue("ann"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await emails.aenqueue("bob")  # type: ignore[no-any-return]

    assert asyncio.run(main()).status() is State.READY


def test_publisher_serves_loop_after_loop(jobs: App, emails: Any) -> None:
    made = [asyncio.run(emails.aenqueue(str(n))) for n in range(5)]

    assert len({job.id for job in made}) == 5


def test_error_of_the_backend_reaches_each_coroutine(jobs: App, emails: Any) -> None:
    class Surprise(Exception):
        pass

    jobs.open()

    def fail(*_: Any, **__: Any) -> Any:
        raise Surprise

    jobs.backend.enqueue = fail  # type: ignore[method-assign]

    async def main() -> list[Any]:
        return await asyncio.gather(
            *(emails.aenqueue(str(n)) for n in range(3)), return_exceptions=True
        )

    assert [type(answer) for answer in asyncio.run(main())] == [Surprise] * 3


def test_close_stores_what_a_loop_still_wished_for(jobs: App, emails: Any) -> None:
    async def main() -> None:
        for n in range(100):
            asyncio.ensure_future(emails.aenqueue(str(n)))  # noqa: RUF006 - nobody waits for it
        await asyncio.sleep(0)

    jobs.open()
    backend = jobs.backend
    asyncio.run(main())
    until(lambda: backend.counts("mail").ready == 100)
    jobs.close()
    assert not any(t.name == "anyjob-publish" for t in threading.enumerate())


# Many


def test_generator_is_stored_lot_by_lot_as_it_comes(jobs: App, emails: Any) -> None:
    seen: list[int] = []

    def drafts() -> Iterator[AnyDraft]:
        for number in range(1200):
            seen.append(jobs.counts("mail").ready)
            yield emails.job(str(number))

    answers = jobs.enqueue_many(drafts())

    assert len(answers) == 1200
    assert set(seen) == {0, 500, 1000}
    assert [jobs.show(a.id, "mail").arguments for a in answers[::400] if isinstance(a, Job)] == [
        '{"to":"0"}',
        '{"to":"400"}',
        '{"to":"800"}',
    ]


def test_mixed_tasks_and_options_give_a_job_or_a_reason_each(jobs: App, emails: Any) -> None:
    @jobs.task
    async def rates() -> float:
        return 1.5

    answers = jobs.enqueue_many(
        [
            emails.job("ann"),
            rates.job(),
            emails.using(queue="mial").job("bob"),
            emails.using(priority=9).job("cid"),
            emails.job("x" * 2_000_000),
            rates.using(unique_key="rates").job(),
            rates.using(unique_key="rates").job(),
        ]
    )

    kinds = [type(answer) for answer in answers]
    assert kinds == [Job, Job, Rejected, Job, Rejected, Job, Job]
    assert isinstance(answers[2], Rejected)
    assert "which nobody declared" in answers[2].why
    assert isinstance(answers[4], Rejected)
    assert "more than the 1048576" in answers[4].why
    assert answers[5] == answers[6]
    assert [a.created for a in answers[5:] if isinstance(a, Job)] == [True, False]


def test_draft_of_another_app_and_what_is_no_draft_are_refused(jobs: App) -> None:
    with App("memory://") as other:

        @other.task
        def theirs() -> None: ...

        with pytest.raises(ConfigurationError):
            jobs.enqueue(theirs.job())
        [answer] = jobs.enqueue_many([theirs.job()])
        assert isinstance(answer, Rejected)
    [answer] = jobs.enqueue_many(["no draft"])  # type: ignore[list-item]
    assert isinstance(answer, Rejected)
    assert stored(jobs) == 0


def test_error_midway_tells_what_was_stored_before_it(jobs: App, emails: Any) -> None:
    jobs.open()
    enqueue, calls = jobs.backend.enqueue, []

    def fail_the_third(envelopes: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise BackendUnavailable("gone")
        return enqueue(envelopes, **options)

    jobs.backend.enqueue = fail_the_third  # type: ignore[method-assign, assignment]

    with pytest.raises(BackendUnavailable) as error:
        jobs.enqueue_many(emails.job(str(n)) for n in range(2000))

    assert len(error.value.stored) == 1000
    assert jobs.counts("mail").ready == 1000


def test_generator_that_fails_midway_tells_what_was_stored_before_it(
    jobs: App, emails: Any
) -> None:
    class Broken(Exception): ...

    def stream() -> Iterator[Any]:
        for number in range(1234):
            yield emails.job(str(number))
        raise Broken

    with pytest.raises(Broken) as error:
        jobs.enqueue_many(stream())

    assert len(error.value.stored) == jobs.counts("mail").ready == 1000  # type: ignore[attr-defined]
    [note] = error.value.__notes__
    assert note.startswith(
        "enqueue_many had stored 1000 jobs before this, and stored none of those"
    )


def test_error_that_takes_no_note_goes_on_as_it_is(jobs: App, emails: Any) -> None:
    class Full(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    def stream() -> Iterator[Any]:
        yield emails.job("ann")
        raise Full

    with pytest.raises(Full):
        jobs.enqueue_many(stream())

    assert stored(jobs) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"delay": 100, "expires": 10},
        {"delay": 10, "expires": 10},
        {"delay": 100, "expires": datetime.now(UTC) + timedelta(seconds=10)},
        {"delay": 100, "expires": datetime(2000, 1, 1, tzinfo=UTC)},
        {"run_at": datetime.now(UTC) + timedelta(days=2), "expires": timedelta(days=1)},
    ],
    ids=["span", "same span", "instant", "instant in the past", "instant of both"],
)
def test_job_that_would_expire_before_it_is_ready_is_refused(
    jobs: App, emails: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(
        InvalidOption, match="the job would expire .* s from now, before it is ready"
    ):
        emails.using(**options).enqueue("ann")
    [answer] = jobs.enqueue_many([emails.using(**options).job("ann")])

    assert isinstance(answer, Rejected)
    assert stored(jobs) == 0


def test_task_whose_jobs_would_expire_before_they_are_ready_fails_as_the_app_opens() -> None:
    jobs = App("memory://", defaults={"expires": 5})
    jobs.task(name="late", delay=60)(lambda: None)

    with pytest.raises(InvalidOption, match="task 'late' wants a delay of 60 s, and the job would"):
        jobs.open()
    jobs.close()


def test_loop_stores_many_without_being_blocked(jobs: App, emails: Any) -> None:
    async def main() -> int:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.ensure_future(tick())
        answers = await jobs.aenqueue_many(emails.job(str(n)) for n in range(5000))
        ticking.cancel()
        assert len(answers) == 5000
        return turns

    assert asyncio.run(main()) > 1


def test_no_jobs_are_no_work(jobs: App) -> None:
    assert jobs.enqueue_many([]) == []


# Forks


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_of_a_fork_opens_the_app_anew(tmp_path: Any) -> None:
    jobs = App(f"sqlite:///{tmp_path}/jobs.db")

    @jobs.task
    def work() -> None: ...

    with jobs:
        mine = work.enqueue()
        asyncio.run(work.aenqueue())
        before = jobs.backend
        child = os.fork()
        if child == 0:
            in_child(jobs, work, mine, before)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert jobs.counts().ready == 4


def in_child(jobs: App, work: Any, mine: Job[None], before: Any) -> None:
    """Use everything; leave with 0 if it all works."""
    code = 1
    try:
        with pytest.raises(Misuse):
            before.counts("default")
        work.enqueue()
        asyncio.run(work.aenqueue())
        assert mine.status() is State.READY
        assert jobs.backend is not before
        with pytest.raises(TimeoutError):
            asyncio.run(mine.aresult(0.05))
        code = 0
    finally:
        os._exit(code)
