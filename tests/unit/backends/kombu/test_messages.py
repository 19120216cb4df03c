import pytest

from anyjob.backends.kombu.messages import (
    MAX_REASON,
    Record,
    check_reason,
    headers_of,
    read,
    shown,
)
from anyjob.core.errors import PayloadTooLarge

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    "record",
    [
        Record(id=ID, body=b""),
        Record(id=ID, body=b"\x00\xff", priority=9, attempts=3, redeliveries=2, note=b"\xff\x00"),
        Record(id=ID, body=b"x", died=12.5, reason="a\ud800b"),
        Record(id=ID, body=b"x", died=12.5, reason=""),
    ],
)
def test_record_comes_back_as_it_was(record: Record) -> None:
    assert read(headers_of(record), record.body) == record


@pytest.mark.parametrize(
    "headers",
    [None, {}, [], {"anyjob": 1}, {"anyjob": 1, "id": "short"}, {"anyjob": 2, "id": ID}],
)
def test_message_of_somebody_else_keeps_its_bytes_and_one_id(headers: object) -> None:
    record = read(headers, "text")

    assert not record.is_ours
    assert record.body == b"text"
    assert record.id == read(headers, b"text").id
    assert headers_of(record) == {}


def test_damaged_headers_are_left_out() -> None:
    record = read({"anyjob": 1, "id": ID, "attempts": -1, "note": "%", "priority": 99}, b"x")

    assert (record.attempts, record.note, record.priority) == (0, b"", 5)


def test_what_the_broker_itself_made_dead_is_poison() -> None:
    assert shown("line", Record(id=ID, body=b"")).reason == "poison"


def test_reason_that_no_header_carries_is_refused() -> None:
    check_reason("x" * MAX_REASON)
    with pytest.raises(PayloadTooLarge):
        check_reason("x" * (MAX_REASON + 1))
