"""A job as a message and back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import BasicProperties

from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.messages import Record
from anyjob.core.envelope import Envelope
from anyjob.core.errors import PayloadTooLarge

RECORDS = st.builds(
    Record,
    priority=st.integers(0, 9),
    attempts=st.integers(0, 2**40),
    redeliveries=st.integers(0, 2**40),
    note=st.binary(max_size=64),
)


@given(RECORDS)
def test_record_travels_in_headers(record: Record) -> None:
    job_id = str(uuid4())

    found = messages.received(over_the_wire(messages.moved(job_id, record)), b"body")

    assert (found.id, found.record, found.body, found.is_job) == (job_id, record, b"body", True)


def test_deliveries_that_the_broker_counted_are_redeliveries() -> None:
    sent = messages.moved(str(uuid4()), Record(redeliveries=2))
    properties = over_the_wire(sent, **{"x-delivery-count": 3})

    assert messages.received(properties, b"").record.redeliveries == 5


def test_nothing_that_the_broker_added_travels_on() -> None:
    job = Envelope(id=str(uuid4()), queue="line", body=b"")
    added = {"x-death": [{"queue": "q", "count": 1}], "x-first-death-queue": "q"}
    properties = over_the_wire(messages.fresh(job), **added)

    found = messages.received(properties, b"")
    again = messages.moved(found.id, found.record)

    assert not [name for name in again.headers or () if name.startswith("x-")]


def test_message_of_somebody_else_is_no_job_and_keeps_its_id() -> None:
    foreign = BasicProperties(headers={"priority": "high"})

    once, twice = (messages.received(foreign, b"\x00hello") for _ in range(2))

    assert not once.is_job
    assert once.id == twice.id
    assert once.body == b"\x00hello"


def test_message_that_the_broker_buried_is_shown_as_poison() -> None:
    properties = over_the_wire(messages.moved(str(uuid4()), Record(attempts=1)))

    record = messages.dead_record("line", properties, b"body")

    assert (record.reason, record.attempts, record.body) == ("poison", 1, b"body")


def test_reason_that_no_frame_holds_is_refused() -> None:
    messages.check_reason("x" * messages.MAX_REASON)

    with pytest.raises(PayloadTooLarge):
        messages.check_reason("x" * (messages.MAX_REASON + 1))


def over_the_wire(properties: BasicProperties, **added: Any) -> BasicProperties:
    """What arrives of it, with what a broker adds."""
    decoded = BasicProperties()
    decoded.decode(b"".join(properties.encode()))
    decoded.headers = {**(decoded.headers or {}), **added}
    return decoded
