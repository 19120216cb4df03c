"""What a backend declares absent is refused by name, and its numbers hold."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from anyjob import App
from anyjob.backends import Bury, Complete, Envelope, Lease, Release, Unique, check_jobs
from anyjob.backends.declared import check_ends, check_lease
from anyjob.core.capabilities import Capabilities
from anyjob.core.errors import ConfigurationError, InvalidOption, UnsupportedCapability

ALL = structs.replace(App("memory://").backend.capabilities, product="coral", transaction=True)
NONE = structs.replace(ALL, transaction=False, delay="none", unique="none", results="none")
NONE = structs.replace(NONE, dead="none")
SHORT = structs.replace(ALL, max_delay=900.0, max_lease=60.0, max_batch=2)
NOW = 1_767_225_600.0
JOB = Envelope(id="01890a5d-ac96-774b-bcce-b302099a8057", queue="line", body=b"")
LEASE = Lease(
    id=JOB.id,
    queue="line",
    token=1,
    body=b"",
    priority=5,
    attempt=1,
    redeliveries=0,
    note=b"",
    now=NOW,
    until=NOW + 30.0,
)
IN_20_MINUTES = datetime.fromtimestamp(NOW + 1200.0, UTC)


def refused_job(capabilities: Capabilities, *, transaction: Any = None, **fields: Any) -> str:
    with pytest.raises(UnsupportedCapability) as refusal:
        check_jobs(
            [JOB, structs.replace(JOB, **fields)], capabilities, now=NOW, transaction=transaction
        )
    assert "coral" in str(refusal.value)
    return refusal.value.name


def refused_end(settlement: Any) -> str:
    with pytest.raises(UnsupportedCapability) as refusal:
        check_ends([Complete(lease=LEASE), settlement], NONE, now=NOW)
    return refusal.value.name


def test_job_that_needs_what_is_absent_is_refused_by_its_name() -> None:
    assert refused_job(NONE, due=5.0) == "delay"
    assert refused_job(NONE, due=IN_20_MINUTES) == "delay"
    assert refused_job(NONE, unique=Unique("key")) == "unique"
    assert refused_job(NONE, transaction=object()) == "transaction"


def test_settlement_that_needs_what_is_absent_is_refused_by_its_name() -> None:
    assert refused_end(Complete(lease=LEASE, outcome=b"result")) == "results"
    assert refused_end(Bury(lease=LEASE, reason="broken")) == "dead"
    assert refused_end(Release(lease=LEASE, delay=1.0)) == "delay"
    assert refused_end(Complete(lease=LEASE, then=(structs.replace(JOB, due=5.0),))) == "delay"


def test_what_is_there_is_let_through() -> None:
    jobs = [JOB, structs.replace(JOB, due=IN_20_MINUTES, unique=Unique("key"))]

    check_jobs(jobs, ALL, now=NOW, transaction=object())
    check_jobs([JOB], NONE, now=NOW)
    check_ends([Complete(lease=LEASE, outcome=b"r", then=(JOB,)), Release(lease=LEASE)], ALL, now=0)
    check_lease(1e9, ALL)


def test_delay_over_the_maximum_is_refused_however_it_is_given() -> None:
    assert refused_job(SHORT, due=900.1) == "max_delay"
    assert refused_job(SHORT, due=IN_20_MINUTES) == "max_delay"
    check_jobs([structs.replace(JOB, due=900.0)], SHORT, now=NOW)


def test_lease_over_the_maximum_is_refused() -> None:
    check_lease(60.0, SHORT)

    with pytest.raises(UnsupportedCapability, match=r"at most 60 s.*coral.*got 61 s"):
        check_lease(61.0, SHORT)
    with pytest.raises(InvalidOption):
        check_lease(0.0, SHORT)


@pytest.mark.parametrize("job_id", ["", "../../etc/passwd", "x" * 36, JOB.id + "0", 7])
def test_id_that_is_no_uuid_is_refused(job_id: Any) -> None:
    with pytest.raises(InvalidOption, match="expected a job's id to be"):
        check_jobs([structs.replace(JOB, id=job_id)], ALL, now=NOW)


def test_what_the_seam_refuses_is_refused_too() -> None:
    for wrong in ([JOB] * 3, [structs.replace(JOB, queue="no such: name")]):
        with pytest.raises(ConfigurationError):
            check_jobs(wrong, SHORT, now=NOW)
