"""What becomes of a leased job before anybody runs it."""

import pytest

from anyjob.core.settlement import Lease, Verdict
from anyjob.core.verdict import MAX_REDELIVERIES, SUSPECT_REDELIVERIES, is_suspect, verdict_of
from anyjob.core.wire import Body, decode_body
from tests.unit.core.cases import NOW, lease

PLAIN = b'{"v":1,"id":"a","task":"a","args":{},"enqueued_at":1.0'


def body(expires: float | None = None) -> Body:
    tail = b"}" if expires is None else b',"expires":%d}' % expires
    return decode_body(PLAIN + tail)


@pytest.mark.parametrize("said", [Verdict.CANCELLED, Verdict.UNDECODABLE, Verdict.POISON])
def test_what_the_backend_says_stands(said: Verdict) -> None:
    assert verdict_of(lease(verdict=said, redeliveries=99), body(expires=1)) is said


def test_job_is_poison_past_the_redeliveries_that_are_allowed() -> None:
    assert verdict_of(lease(redeliveries=MAX_REDELIVERIES), body()) is Verdict.RUN
    assert verdict_of(lease(redeliveries=MAX_REDELIVERIES + 1), body()) is Verdict.POISON
    assert verdict_of(lease(redeliveries=1), body(), max_redeliveries=0) is Verdict.POISON


def test_poison_goes_before_expiry() -> None:
    assert verdict_of(lease(redeliveries=6), body(expires=1)) is Verdict.POISON


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(-1, Verdict.EXPIRED), (0, Verdict.EXPIRED), (1, Verdict.RUN)],
)
def test_job_expires_by_the_clock_of_its_backend(ahead: int, verdict: Verdict) -> None:
    assert verdict_of(lease(), body(expires=NOW + ahead)) is verdict


@pytest.mark.parametrize("lost", range(5))
def test_job_is_a_suspect_from_its_second_lost_lease_on(lost: int) -> None:
    assert is_suspect(lease(redeliveries=lost)) is (lost >= SUSPECT_REDELIVERIES)


def test_two_leases_are_never_equal() -> None:
    one, other = lease(), lease()

    assert isinstance(one, Lease)
    assert one != other
    assert len({one, other}) == 2
