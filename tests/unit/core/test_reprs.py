"""What is shown of values in log lines and tracebacks."""

import pytest

from anyjob.core.backend import JobRecord
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Lease
from anyjob.core.state import State

SECRET = b'{"card":"4929-0000-1111-2222"}'
ENVELOPE = Envelope(id="j-81", queue="mail", body=SECRET)
LEASE = Lease(
    id="j-81",
    queue="mail",
    token=1,
    body=SECRET,
    priority=5,
    attempt=1,
    redeliveries=0,
    note=SECRET,
    now=0.0,
    until=30.0,
)
RECORD = JobRecord(
    id="j-81",
    queue="mail",
    state=State.DEAD,
    priority=5,
    attempts=1,
    redeliveries=0,
    body=SECRET,
    outcome=SECRET,
)


@pytest.mark.parametrize("value", [ENVELOPE, LEASE, RECORD], ids=lambda v: type(v).__name__)
def test_repr_names_the_job_and_shows_no_payload(value: object) -> None:
    shown = repr(value)

    assert "j-81" in shown
    assert "mail" in shown
    assert "4929" not in shown
