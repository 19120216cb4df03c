"""A stored job as people read it, and its arguments edited for a revival."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.backend import JobRecord
from anyjob.core.durations import MAX_INSTANT, MAX_SPAN
from anyjob.core.errors import (
    AnyjobError,
    DecodeError,
    InvalidArguments,
    NewerVersion,
    PayloadTooLarge,
)
from anyjob.core.limits import MAX_PAYLOAD
from anyjob.core.note import Run, noted
from anyjob.core.result import RESULT_OVERHEAD, decode_end, encode_end, encode_success
from anyjob.core.state import State
from anyjob.core.view import edited, view
from anyjob.core.wire import decode_body

GOLDEN = Path(__file__).parent / "golden"
FULL = (GOLDEN / "v1-full.json").read_bytes()
MINIMAL = (GOLDEN / "v1-minimal.json").read_bytes()
NOW = 1_000_000.0


def record(**fields: Any) -> JobRecord:
    plain: dict[str, Any] = {
        "id": "a",
        "queue": "mail",
        "state": State.READY,
        "priority": 5,
        "attempts": 2,
        "redeliveries": 1,
        "body": FULL,
    }
    return JobRecord(**(plain | fields))


def test_view_decodes_body_note_and_place() -> None:
    note = noted(b"", Run(at=1.0, attempt=1, ended="retry"), ValueError("boom"))

    seen = view(record(note=note, due=5.0), MAX_PAYLOAD, NOW)

    assert (seen.task, seen.queue, seen.attempts) == ("shop.mail.send_receipt", "mail", 2)
    assert seen.arguments == '{"order_id":42,"copy":true}'
    assert (seen.enqueued_at, seen.expires, seen.due) == (1767225600.0, 1767312000.0, 5.0)
    assert (seen.unique_key, seen.headers["traceparent"][:3]) == ("receipt-42", "00-")
    assert (seen.note.type, seen.note.message) == ("ValueError", "boom")
    assert (seen.result, seen.undecodable, seen.body) == (None, "", FULL)


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[" * 100_000, MINIMAL[:-5]])
def test_view_of_an_undecodable_body_says_why_and_keeps_its_bytes(body: bytes) -> None:
    seen = view(record(body=body, state=State.DEAD, reason="undecodable"), MAX_PAYLOAD, NOW)

    assert seen.undecodable.startswith("expected ")
    assert (seen.body, seen.task, seen.reason) == (body, "", "undecodable")


def test_view_of_a_body_that_is_gone_shows_the_rest() -> None:
    seen = view(record(body=None, state=State.SUCCEEDED), MAX_PAYLOAD, NOW)

    assert (seen.body, seen.task, seen.result, seen.undecodable) == (None, "", None, "")


def test_view_shows_the_result_of_a_success() -> None:
    outcome = encode_success(b'{"total":5}')

    assert (
        view(record(state=State.SUCCEEDED, outcome=outcome), MAX_PAYLOAD, NOW).result
        == '{"total":5}'
    )


@pytest.mark.parametrize(("until", "result"), [(NOW + 1, "5"), (NOW, None), (NOW - 1, None)])
def test_view_shows_a_result_for_its_time(until: float, result: str | None) -> None:
    outcome = encode_success(b"5", until)

    assert view(record(state=State.SUCCEEDED, outcome=outcome), MAX_PAYLOAD, NOW).result == result


def test_largest_time_of_a_result_takes_no_more_than_its_overhead() -> None:
    assert len(encode_success(b"", MAX_INSTANT + MAX_SPAN)) <= RESULT_OVERHEAD


def test_view_shows_why_a_job_ended() -> None:
    with_reason = record(state=State.CANCELLED, outcome=encode_end("not needed"))
    without = record(state=State.CANCELLED, outcome=encode_end(""), reason="by hand")

    assert view(with_reason, MAX_PAYLOAD, NOW).reason == "not needed"
    assert view(without, MAX_PAYLOAD, NOW).reason == "by hand"


def test_view_of_an_unreadable_outcome_shows_the_rest() -> None:
    seen = view(record(state=State.DEAD, outcome=b"\xff", reason="failed"), MAX_PAYLOAD, NOW)

    assert (seen.reason, seen.result) == ("failed", None)


@given(st.none() | st.binary(), st.binary(), st.none() | st.binary(), st.sampled_from(State))
def test_view_of_any_bytes_raises_nothing(
    body: bytes | None, note: bytes, outcome: bytes | None, state: State
) -> None:
    assert (
        view(record(body=body, note=note, outcome=outcome, state=state), MAX_PAYLOAD, NOW).id == "a"
    )


def test_edit_replaces_arguments_by_name_and_leaves_the_others() -> None:
    body = decode_body(edited(FULL, {"order_id": 43}, MAX_PAYLOAD))

    assert bytes(body.args) == b'{"order_id":43,"copy":true}'
    assert msgspec.structs.replace(body, args=msgspec.Raw(b"")) == msgspec.structs.replace(
        decode_body(FULL), args=msgspec.Raw(b"")
    )


def test_edit_leaves_numbers_and_fields_of_others_as_they_were() -> None:
    body = MINIMAL.replace(b'"v":1', b'"v":1,"theirs":[1.50,1e2]').replace(b"42", b'42,"n":1.10')

    changed = edited(body, {"order_id": 43}, MAX_PAYLOAD)

    assert b'"theirs":[1.50,1e2]' in changed
    assert b'"args":{"order_id":43,"n":1.10}' in changed


@pytest.mark.parametrize("name", ["args-list", "args-null", "args-text"])
def test_edit_of_arguments_that_are_no_object_is_refused(name: str) -> None:
    body = (GOLDEN / "wrong-arguments" / f"{name}.json").read_bytes()

    with pytest.raises(DecodeError, match="^expected arguments by name, got"):
        edited(body, {"order_id": 43}, MAX_PAYLOAD)


def test_edit_of_what_is_no_job_or_a_newer_one_is_refused() -> None:
    with pytest.raises(DecodeError):
        edited(b"{}", {}, MAX_PAYLOAD)
    with pytest.raises(NewerVersion):
        edited((GOLDEN / "v2-newer.json").read_bytes(), {}, MAX_PAYLOAD)


def test_edit_that_makes_a_job_too_large_or_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(64):
        deep = [deep]

    with pytest.raises(PayloadTooLarge):
        edited(MINIMAL, {"order_id": "x" * 100}, len(MINIMAL) + 50)
    with pytest.raises(DecodeError, match="levels of nesting"):
        edited(MINIMAL, {"order_id": deep}, MAX_PAYLOAD)


@pytest.mark.parametrize("value", [object(), "\ud800", {1j: 2}])
def test_edit_by_a_value_that_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArguments, match="^argument 'order_id' cannot be stored: "):
        edited(MINIMAL, {"order_id": value}, MAX_PAYLOAD)


def test_end_of_a_job_is_stored_and_read_back() -> None:
    assert bytes(decode_end(encode_success(b"[1,2]")).result) == b"[1,2]"
    assert decode_end(encode_end("why")).reason == "why"
    assert bytes(decode_end(encode_end("why")).result) == b"null"


@given(st.binary())
def test_stored_end_is_readable_or_a_decode_error(data: bytes) -> None:
    try:
        decode_end(data)
    except AnyjobError as refused:
        assert isinstance(refused, DecodeError)  # noqa: PT017 - an end is as good an answer


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 1_000_000, b'{"reason":5}', b"\xff"])
def test_what_is_no_end_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError, match="^expected the outcome of a job, got"):
        decode_end(data)
