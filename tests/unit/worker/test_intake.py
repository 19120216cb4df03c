"""What becomes of leased jobs before they run, in a worker inside this process."""

import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
import pytest

from anyjob import App, Attempt, JobDead, Middleware, Outcome, Snooze, current_job
from anyjob.core.envelope import Envelope
from anyjob.core.job import Job
from anyjob.core.middleware import Around
from anyjob.core.wire import decode_body, encode_body


class Tenants(Middleware):
    options: ClassVar[Mapping[str, type]] = {"tenant": str}

    def __init__(self) -> None:
        self.seen: list[str] = []

    def admit(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, Outcome]:
        self.seen += [attempt.options["tenant"] for attempt in attempts]
        return {}


class LaterOnce(Middleware):
    def __init__(self) -> None:
        self.entered = threading.Event()

    def around(self, attempt: Attempt) -> Around:
        if not self.entered.is_set():
            self.entered.set()
            raise Snooze(0)
        return (yield)


def forged(envelope_of: Job[int], jobs: App, options: Mapping[str, object], id: str) -> Job[int]:
    """Store a copy of a job with other options, as another producer might write it."""
    record = jobs.backend.get("default", [envelope_of.id])[0]
    assert record is not None
    assert record.body is not None
    body = msgspec.structs.replace(decode_body(record.body), id=id, options=dict(options))
    jobs.backend.enqueue([Envelope(id=id, queue="default", body=encode_body(body))])
    return Job(jobs, id, "default", envelope_of.task)


def test_job_with_options_of_the_wrong_type_is_buried_and_its_neighbours_run() -> None:
    tenants = Tenants()
    with App("memory://", middleware=[tenants]) as jobs:

        @jobs.task(tenant="house")
        def double(number: int) -> int:
            return 2 * number

        first = double.using(tenant="acme").enqueue(4)
        wrong = forged(first, jobs, {"tenant": ["no", "text"]}, "0199-forged")
        last = double.enqueue(5)

        with jobs.worker():
            assert (first.result(timeout=10), last.result(timeout=10)) == (8, 10)
            with pytest.raises(JobDead) as dead:
                wrong.result(timeout=10)

    assert dead.value.reason == "options"
    assert "expected tenant to be str" in dead.value.error
    assert tenants.seen == ["acme", "house"]


def test_middleware_that_snoozes_a_job_uses_no_attempt_of_it() -> None:
    once = LaterOnce()
    with App("memory://", middleware=[once]) as jobs:

        @jobs.task
        def attempt() -> int:
            return current_job().attempt

        job = attempt.enqueue()
        with jobs.worker():
            assert job.result(timeout=10) == 1

    assert once.entered.is_set()
