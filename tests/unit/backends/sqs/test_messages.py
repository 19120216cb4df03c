"""Jobs as messages: every body and record comes back, and no message is larger than SQS takes."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyjob.backends.sqs.messages import LARGEST, MAX_PAYLOAD, Record, entry_of, read
from anyjob.backends.sqs.names import DEAD, HIGH, LOW, PLAIN
from anyjob.core.settlement import MAX_NOTE
from tests.conformance.sqs.rules import size_of

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
counts = st.integers(0, 999_999_999)
#: In milliseconds, as a message tells it.
instants = st.integers(0, 10**14).map(lambda ms: ms / 1000)
records = st.builds(
    Record,
    id=st.just(ID),
    body=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)),
    priority=st.integers(0, 9),
    attempts=counts,
    redeliveries=counts,
    note=st.binary(max_size=100),
    due=st.none() | instants,
    died=st.none() | instants,
)


def received(entry: dict[str, Any]) -> dict[str, Any]:
    """The message as it is received."""
    return {"MessageId": "of-sqs", "Body": entry["MessageBody"], **entry}


@given(records)
def test_record_comes_back_as_it_was(record: Record) -> None:
    entry, _ = entry_of(record)

    assert read(received(entry), PLAIN) == record


@given(st.text(min_size=1, max_size=200))
def test_body_that_sqs_takes_is_sent_as_it_is(text: str) -> None:
    entry, _ = entry_of(Record(id=ID, body=text.encode(), priority=5))

    sendable = all(
        each in "\t\n\r"
        or "\x20" <= each <= "\ud7ff"
        or "\ue000" <= each <= "\ufffd"
        or each > "\uffff"
        for each in text
    )
    assert (entry["MessageBody"] == text) is sendable


def test_reason_of_any_characters_comes_back() -> None:
    record = Record(id=ID, body=b"x", priority=5, died=1.0, reason="broken \x00 ünd \U0001f680")

    assert read(received(entry_of(record)[0]), DEAD).reason == record.reason


@given(records)
def test_size_is_what_the_service_counts(record: Record) -> None:
    entry, size = entry_of(record)

    for value in entry["MessageAttributes"].values():
        if "BinaryValue" in value:
            value["BinaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    assert size == size_of(entry)


def test_largest_body_fits_with_all_that_may_stand_beside_it() -> None:
    for body in (bytes(MAX_PAYLOAD), b"\xff" * MAX_PAYLOAD, b"a" * MAX_PAYLOAD):
        record = Record(id=ID, body=body, priority=9, attempts=10**8, redeliveries=10**8)
        record = replace(record, note=bytes(MAX_NOTE), due=1e11, died=1e11, reason="\x00" * 2048)

        assert entry_of(record)[1] <= LARGEST


def test_foreign_message_is_handed_over_with_its_bytes() -> None:
    for band, priority in ((HIGH, 9), (PLAIN, 5), (LOW, 0)):
        record = read({"MessageId": ID, "Body": "hello ü"}, band)

        assert (record.id, record.body, record.priority) == (ID, "hello ü".encode(), priority)
        assert not record.is_ours


def test_message_with_a_broken_record_is_foreign() -> None:
    good = entry_of(Record(id=ID, body=b"\xff", priority=5))[0]
    fields = good["MessageAttributes"]["anyjob"]["StringValue"]
    for broken in (
        "",
        "2" + fields[1:],
        fields + " 1",
        fields.replace(" b ", " z "),
        "1 x 5 0 0 t -",
    ):
        message = received(good) | {"MessageAttributes": {"anyjob": {"StringValue": broken}}}

        assert not read(message, PLAIN).is_ours

    assert not read(received(good) | {"Body": "no base64!"}, PLAIN).is_ours
