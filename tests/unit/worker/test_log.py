"""Many lost leases at once: a line for the first, then one a second with a count."""

import logging

import pytest

from anyjob import App
from anyjob.core.attempt import Attempt
from anyjob.core.backend import QueueShare
from anyjob.core.clock import SystemClock
from anyjob.core.outcome import Succeeded
from anyjob.core.wire import decode_body
from anyjob.worker.log import Log


@pytest.fixture
def attempts(jobs: App) -> list[Attempt]:
    @jobs.task
    def nothing() -> None: ...

    jobs.enqueue_many(nothing.job() for _ in range(20))
    consumer = jobs.backend.consume([QueueShare("default")], lease=30, worker="w")
    leases = consumer.fetch(20, 0)
    consumer.close(release=True)
    return [Attempt(nothing, lease, decode_body(lease.body), SystemClock()) for lease in leases]


def test_many_lost_leases_share_a_line_a_second(
    attempts: list[Attempt], caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    log = Log(lambda: now[0])

    for attempt in attempts[:10]:
        log.dropped(attempt, Succeeded())
    first = [record.getMessage() for record in caplog.records]
    now[0] += 1.0
    log.write_dropped()
    log.write_dropped()
    second = [record.getMessage() for record in caplog.records[1:]]

    assert first == [
        f"lease on job {attempts[0].id} was lost; another worker may be running it, so this"
        " outcome is dropped: succeeded"
    ]
    assert second == [
        f"leases on 9 more jobs were lost, such as job {attempts[1].id}; other workers may be"
        " running them, so these outcomes are dropped"
    ]
    facts = [getattr(record, "facts") for record in caplog.records]  # noqa: B009
    assert [fact["count"] for fact in facts] == [1, 9]
    assert {fact["event"] for fact in facts} == {"lease.lost"}
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_what_is_left_is_written_at_the_end(
    attempts: list[Attempt], caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(lambda: 100.0)
    for attempt in attempts[:3]:
        log.dropped(attempt, Succeeded())

    log.write_dropped(at_once=True)

    assert len(caplog.records) == 2
    assert "leases on 2 more jobs" in caplog.records[1].getMessage()
