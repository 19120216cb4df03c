"""What every backend refuses before any effect."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from anyjob.core.envelope import MAX_UNIQUE_KEY, Envelope, Unique
from anyjob.core.errors import ConfigurationError, InvalidOption, PayloadTooLarge
from anyjob.core.seam import (
    check_count,
    check_envelopes,
    check_seconds,
    check_settlements,
    check_states,
)
from anyjob.core.settlement import MAX_NOTE, Bury, Complete, Lease, Release, Retry, Settlement
from anyjob.core.state import WAITING, State

LEASE = Lease("id", "q", 1, b"", 5, 1, 0, b"", 0.0, 30.0)


def check(*jobs: Envelope, max_batch: int = 3, max_payload: int = 10) -> None:
    check_envelopes(jobs, max_batch=max_batch, max_payload=max_payload, known_queues={"known"})


def check_one(settlement: Settlement) -> None:
    check_settlements([settlement], max_batch=3, max_payload=10)


def job(**changes: Any) -> Envelope:
    return Envelope(**{"id": "id", "queue": "q", "body": b"body", **changes})


@pytest.mark.parametrize(
    "good",
    [
        job(),
        job(body=b""),
        job(body=b"x" * 10),
        job(priority=0),
        job(priority=9),
        job(due=0),
        job(due=1.5),
        job(due=datetime(2020, 1, 1, tzinfo=UTC)),
        job(unique=Unique("\0")),
        job(unique=Unique("k" * MAX_UNIQUE_KEY, ttl=1)),
        job(queue="known"),
    ],
)
def test_a_job_within_the_limits_passes(good: Envelope) -> None:
    check(good, good, good)


@pytest.mark.parametrize(
    "bad",
    [
        job(body=bytearray(b"mutable")),
        job(body="text"),
        job(priority=10),
        job(priority=-1),
        job(priority=True),
        job(priority=5.0),
        job(due=-0.1),
        job(due=math.nan),
        job(due=math.inf),
        pytest.param(job(due=10**400), id="longer than any float"),
        job(due="tomorrow"),
        job(due=datetime(2020, 1, 1)),
        job(unique=Unique("")),
        job(unique=Unique("k" * (MAX_UNIQUE_KEY + 1))),
        job(unique=Unique("\ud800")),
        job(id="\ud800"),
        job(id=7),
        job(unique=Unique("key", ttl=0)),
    ],
)
def test_a_job_outside_the_limits_is_refused(bad: Envelope) -> None:
    with pytest.raises(InvalidOption, match="expected"):
        check(job(), bad)


def test_a_body_one_byte_over_the_limit_is_too_large() -> None:
    with pytest.raises(PayloadTooLarge, match="at most 10 bytes, got 11"):
        check(job(body=b"x" * 11))


def test_a_batch_one_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidOption, match="at most 3 jobs in one call, got 4"):
        check(*[job()] * 4)


def test_a_queue_name_outside_the_grammar_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a queue's name"):
        check(job(queue="no:colon"))


@pytest.mark.parametrize(
    "good",
    [
        Complete(lease=LEASE),
        Complete(lease=LEASE, note=b"x" * MAX_NOTE, outcome=b"x" * 10, keep=3600),
        Retry(lease=LEASE, delay=0.5),
        Release(lease=LEASE, delay=0),
        Complete(lease=LEASE, then=(job(),)),
    ],
)
def test_a_settlement_within_the_limits_passes(good: Settlement) -> None:
    check_one(good)


@pytest.mark.parametrize(
    "bad",
    [
        Complete(lease=LEASE, note=b"x" * (MAX_NOTE + 1)),
        Complete(lease=LEASE, outcome=b"x" * 11),
        Complete(lease=LEASE, then=(job(body=b"x" * 11),)),
    ],
)
def test_a_settlement_that_carries_too_much_is_too_large(bad: Settlement) -> None:
    with pytest.raises(PayloadTooLarge):
        check_one(bad)


@pytest.mark.parametrize(
    "bad",
    [
        Complete(lease=LEASE, keep=-1),
        Retry(lease=LEASE, delay=-1),
        Release(lease=LEASE, delay=math.inf),
        Retry(lease=LEASE, then=(job(priority=10),)),
        Bury(lease=LEASE, reason="\ud800"),
    ],
)
def test_a_settlement_outside_the_limits_is_refused(bad: Settlement) -> None:
    with pytest.raises(InvalidOption):
        check_one(bad)


def test_no_seconds_are_refused_where_they_mean_nothing() -> None:
    check_seconds(0, "a delay")

    with pytest.raises(InvalidOption, match="expected a lease to be more than 0 seconds, got 0"):
        check_seconds(0, "a lease", zero=False)


@pytest.mark.parametrize("bad", [0, 6, True, 1.0])
def test_a_count_outside_its_range_is_refused(bad: int) -> None:
    check_count(1, "limit", 5)
    check_count(5, "limit", 5)

    with pytest.raises(InvalidOption, match="expected limit to be an int from 1 to 5"):
        check_count(bad, "limit", 5)


def test_a_state_that_an_operation_cannot_take_is_refused() -> None:
    check_states([State.READY], WAITING, "purge()")

    with pytest.raises(InvalidOption, match=r"expected purge\(\) of ready, scheduled, got 'dead'"):
        check_states([State.READY, State.DEAD], WAITING, "purge()")
