"""Messages that are no jobs of ours, or not yet: settled by rule, and the queue goes on."""

import json
from typing import Any

import pytest

from anyjob import App, JobDead, State
from anyjob.core.envelope import Envelope
from tests.unit.worker.clocks import ShiftedClock
from tests.waiting import until

GOOD = {"v": 1, "id": "x", "task": "work", "args": {}, "enqueued_at": 1.0}


def store(jobs: App, id: str, body: bytes) -> Any:
    """Store bytes as a job; returns its handle."""
    jobs.backend.enqueue([Envelope(id, "default", body)])
    return jobs.get(id)


@pytest.fixture
def working(jobs: App) -> App:
    @jobs.task
    def work() -> str:
        return "done"

    return jobs


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b'{"v":1}', b'{"v":"one"}', b"\xff\xfe", b"[" * 1000],
    ids=["empty", "text", "list", "bare", "version", "bytes", "deep"],
)
def test_bytes_that_are_no_job_are_buried_whole(working: App, body: bytes) -> None:
    job = store(working, "strange", body)

    with working.worker():
        with pytest.raises(JobDead) as dead:
            job.result(timeout=30)
        assert working.tasks.get("work").enqueue().result(timeout=30) == "done"

    shown = working.show("strange")
    assert dead.value.reason == "undecodable"
    assert (shown.body, shown.attempts) == (body, 0)


def test_message_larger_than_this_worker_reads_is_buried(working: App) -> None:
    job = store(working, "large", json.dumps(GOOD | {"headers": {"x": "y" * 2000}}).encode())

    with working.worker(max_payload=1000), pytest.raises(JobDead) as dead:
        job.result(timeout=30)

    assert dead.value.reason == "undecodable"


def test_name_that_no_task_could_have_waits_like_any_unknown_one(working: App) -> None:
    store(working, "odd", json.dumps(GOOD | {"task": "no such: task!"}).encode())

    with working.worker(unknown_task_grace=0):
        until(lambda: working.show("odd").state is State.DEAD)

    assert working.show("odd").reason == "unknown task"


def test_newer_message_waits_longer_and_longer_and_is_buried_after_an_hour(
    timed: App, clock: ShiftedClock, caplog: pytest.LogCaptureFixture
) -> None:
    store(timed, "newer", json.dumps(GOOD | {"v": 2}).encode())

    with timed.worker(queues=["default"]):
        until(lambda: timed.show("newer").state is State.SCHEDULED)
        first = waits(timed)
        clock.advance(600)
        until(lambda: waits(timed) > 30)
        assert (timed.show("newer").attempts, timed.show("newer").redeliveries) == (0, 0)
        clock.advance(3600)
        until(lambda: timed.show("newer").state is State.DEAD)

    assert first <= 1.5
    assert timed.show("newer").reason == "newer wire format"
    assert "go back for newer workers" in caplog.text


def waits(jobs: App) -> float:
    """How long the newer message is put off for, by the clock of its backend."""
    shown = jobs.show("newer")
    if shown.due is None:
        return 0.0
    clock = jobs._clock  # noqa: SLF001 - the test's own clock
    assert clock is not None
    return shown.due - clock.time()
