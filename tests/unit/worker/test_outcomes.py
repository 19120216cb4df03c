"""What follows from how an attempt ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anyjob import (
    App,
    Bury,
    Discard,
    JobCancelled,
    JobDead,
    JobExpired,
    Retry,
    RetryLater,
    Snooze,
    current_job,
)
from tests.unit.worker.conftest import Heard
from tests.waiting import until

AT_ONCE = Retry(max_attempts=3, backoff="fixed", initial=0, jitter=False)


@pytest.mark.parametrize("result", [None, 0, "", {"a": [1, 2.5]}, "x" * 10_000])
def test_value_that_was_returned_is_the_result(jobs: App, result: object) -> None:
    @jobs.task
    def give() -> Any:
        return result

    with jobs.worker():
        assert give.enqueue().result(timeout=30) == result


def test_failure_without_a_policy_is_buried_after_one_run(jobs: App) -> None:
    runs: list[int] = []

    @jobs.task
    def fail() -> None:
        runs.append(1)
        raise ValueError("no such order")

    job = fail.enqueue()
    with jobs.worker(), pytest.raises(JobDead, match="ValueError: no such order") as dead:
        job.result(timeout=30)

    shown = jobs.show(job.id)
    assert (dead.value.reason, shown.attempts, len(runs)) == ("failed", 1, 1)
    assert "raise ValueError" in shown.note.traceback
    assert [run.ended for run in shown.note.history] == ["dead"]


def test_retries_run_exactly_max_attempts_times_with_growing_numbers(jobs: App) -> None:
    seen: list[int] = []

    @jobs.task(retry=AT_ONCE)
    async def fail() -> None:
        seen.append(current_job().attempt)
        raise OSError("down")

    job = fail.enqueue()
    with jobs.worker(), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert seen == [1, 2, 3]
    assert dead.value.reason == "attempts used up"
    assert jobs.show(job.id).attempts == 3
    assert [run.ended for run in jobs.show(job.id).note.history] == ["retry", "retry", "dead"]


def test_job_that_succeeds_in_its_last_attempt_is_done(jobs: App, heard: Heard) -> None:
    @jobs.task(retry=AT_ONCE)
    def third_time() -> int:
        if current_job().attempt < 3:
            raise OSError("down")
        return current_job().attempt

    with jobs.worker():
        assert third_time.enqueue().result(timeout=30) == 3

    assert heard.names.count("job.retried") == 2
    assert heard.names.count("job.succeeded") == 1


def test_retry_waits_for_its_backoff(jobs: App) -> None:
    @jobs.task(retry=Retry(max_attempts=2, backoff="fixed", initial=3600, jitter=False))
    def fail() -> None:
        raise OSError

    job = fail.enqueue()
    with jobs.worker():
        until(lambda: job.status() == "scheduled")

    record = jobs.show(job.id)
    assert record.attempts == 1
    assert record.due is not None
    assert record.due > datetime.now(UTC).timestamp() + 3500


def test_policy_of_one_job_goes_before_its_tasks(jobs: App) -> None:
    runs: list[str] = []

    @jobs.task(retry=AT_ONCE)
    def fail(name: str) -> None:
        runs.append(name)
        raise OSError

    once = fail.using(retry=None).enqueue("once")
    twice = fail.using(retry=Retry(max_attempts=2, initial=0)).enqueue("twice")
    with jobs.worker():
        for job in (once, twice):
            with pytest.raises(JobDead):
                job.result(timeout=30)

    assert sorted(runs) == ["once", "twice", "twice"]


def test_exception_that_the_policy_never_retries_is_buried_at_once(jobs: App) -> None:
    @jobs.task(retry=Retry(max_attempts=5, initial=0, never=(KeyError,)))
    def fail() -> None:
        raise KeyError("x")

    job = fail.enqueue()
    with jobs.worker(), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert (dead.value.reason, jobs.show(job.id).attempts) == ("failed", 1)


def test_retry_later_chooses_the_wait_and_counts_as_an_attempt(jobs: App) -> None:
    @jobs.task
    def later() -> int:
        if current_job().attempt == 1:
            raise RetryLater(timedelta(milliseconds=1))
        return current_job().attempt

    @jobs.task
    def much_later() -> None:
        raise RetryLater("3600")

    waiting = much_later.enqueue()
    with jobs.worker():
        assert later.enqueue().result(timeout=30) == 2
        until(lambda: waiting.status() == "scheduled")

    due = jobs.show(waiting.id).due
    assert due is not None
    assert 3500 < due - datetime.now(UTC).timestamp() <= 3600


def test_snooze_uses_no_attempt(jobs: App, heard: Heard) -> None:
    attempts: list[int] = []

    @jobs.task
    def wait_a_little() -> int:
        attempts.append(current_job().attempt)
        if len(attempts) < 4:
            raise Snooze(0.001)
        return current_job().attempt

    job = wait_a_little.enqueue()
    with jobs.worker():
        assert job.result(timeout=30) == 1

    assert attempts == [1, 1, 1, 1]
    assert heard.names.count("job.released") == 3


def test_discard_ends_the_job_as_cancelled_with_its_reason(jobs: App, heard: Heard) -> None:
    @jobs.task(retry=AT_ONCE)
    def unwanted() -> None:
        raise Discard("the order was withdrawn")

    job = unwanted.enqueue()
    with jobs.worker(), pytest.raises(JobCancelled, match="the order was withdrawn"):
        job.result(timeout=30)

    assert heard.names.count("job.cancelled") == 1
    assert job.status() == "cancelled"


def test_bury_goes_to_the_dead_letters_whatever_the_policy_says(jobs: App) -> None:
    @jobs.task(retry=AT_ONCE)
    async def hopeless() -> None:
        raise Bury("no such customer")

    job = hopeless.enqueue()
    with jobs.worker(), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert dead.value.reason == "no such customer"
    assert jobs.show(job.id).attempts == 1


def test_expired_job_is_not_run(jobs: App, heard: Heard) -> None:
    ran: list[int] = []

    @jobs.task
    def late() -> None:
        ran.append(1)

    job = late.using(expires=0.001).enqueue()
    until(lambda: datetime.now(UTC).timestamp() > (jobs.show(job.id).expires or 0))
    with jobs.worker(), pytest.raises(JobExpired):
        job.result(timeout=30)

    assert ran == []
    assert heard.names.count("job.expired") == 1


def test_arguments_that_fit_no_longer_are_buried_and_revived_with_an_edit() -> None:
    def take(count: int) -> int:
        return count

    old = App("memory://arguments")
    new = App("memory://arguments")
    old.task(name="take")(lambda count: count)
    new.task(take)
    with old, new:
        job = old.tasks.get("take").enqueue("four")
        with new.worker():
            with pytest.raises(JobDead) as dead:
                job.result(timeout=30)
            assert dead.value.reason == "arguments"
            assert new.show(job.id).attempts == 0

            assert new.revive("default", [job.id], edit={job.id: {"count": 4}}) == 1
            assert job.result(timeout=30) == 4


def test_timeout_of_one_job_goes_before_its_tasks(jobs: App) -> None:
    @jobs.task(timeout=3600)
    def look() -> float | None:
        return current_job().timeout

    with jobs.worker():
        assert look.enqueue().result(timeout=30) == 3600
        assert look.using(timeout=60).enqueue().result(timeout=30) == 60
        assert look.using(timeout=None).enqueue().result(timeout=30) is None


def test_result_that_cannot_be_stored_buries_because_the_effect_has_happened(jobs: App) -> None:
    runs: list[int] = []

    @jobs.task(retry=AT_ONCE)
    def give() -> Any:
        runs.append(1)
        return object()

    job = give.enqueue()
    with jobs.worker(), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert (dead.value.reason, len(runs)) == ("result", 1)


def test_result_over_the_limit_buries_and_one_of_the_limit_is_kept(jobs: App) -> None:
    @jobs.task
    def give(size: int) -> str:
        return "x" * size

    with jobs.worker(max_result=100):
        assert len(give.enqueue(98).result(timeout=30)) == 98
        with pytest.raises(JobDead, match="at most 100 bytes, got 101") as dead:
            give.enqueue(99).result(timeout=30)

    assert dead.value.reason == "result"
