"""The wire format: what was written once is read for ever, and what is no job is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyjob.core.durations import MAX_INSTANT, MAX_SPAN
from anyjob.core.errors import DecodeError, NewerVersion
from anyjob.core.limits import MAX_PAYLOAD
from anyjob.core.retry import MAX_ATTEMPTS, MAX_FACTOR, Retry
from anyjob.core.wire import VERSION, Body, RetryOverride, decode_body, encode_body

GOLDEN = Path(__file__).parent / "golden"
READABLE = ["v1-minimal", "v1-no-arguments", "v1-no-timeout", "v1-full", "v1-run-at", "v1-types"]
REFUSED = sorted(path.stem for path in (GOLDEN / "refused").glob("*.json"))


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize("name", READABLE)
def test_golden_message_is_read_and_written_the_same(name: str) -> None:
    message = golden(name)

    assert encode_body(decode_body(message)) == message


def test_minimal_message_gets_the_documented_defaults() -> None:
    body = decode_body(golden("v1-minimal"))

    assert (body.queue, body.priority, body.delay, body.run_at) == ("default", 5, None, None)
    assert (body.expires, body.unique_key, body.unique_ttl) == (None, None, None)
    assert (body.timeout, body.retry, body.keep) == (None, None, None)
    assert (body.headers, body.options) == ({}, {})
    assert bytes(body.args) == b'{"order_id":42}'


def test_full_message_sets_every_field_of_a_body_but_run_at() -> None:
    fields = msgspec.json.decode(golden("v1-full"))

    assert set(fields) == set(Body.__struct_fields__) - {"run_at"}
    assert set(fields["retry"]) == set(RetryOverride.__struct_fields__)


def test_unknown_fields_are_ignored() -> None:
    assert decode_body(golden("v1-unknown-fields")) == decode_body(golden("v1-minimal"))


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    message = golden("v1-minimal").replace(b'"v":1', b'"v":1,"priority":1,"priority":2')

    assert decode_body(message).priority == 2


def test_newer_version_is_told_apart_whatever_its_fields_are() -> None:
    with pytest.raises(NewerVersion, match="wire format 1 or older, got 2; a newer worker can"):
        decode_body(golden("v2-newer"))


def test_newer_version_is_told_apart_when_its_fields_are_ours() -> None:
    with pytest.raises(NewerVersion, match="got 7"):
        decode_body(golden("v1-minimal").replace(b'"v":1', b'"v":7'))


@pytest.mark.parametrize("name", REFUSED)
def test_message_that_is_no_job_is_refused(name: str) -> None:
    with pytest.raises(DecodeError, match="^expected a job in wire format 1, got") as refused:
        decode_body(golden(f"refused/{name}"))

    assert type(refused.value) is DecodeError
    assert len(str(refused.value)) < 300


def test_refusal_does_not_repeat_a_megabyte() -> None:
    retry = b'{"max_attempts":5,"backoff":"' + b"x" * 1_000_000 + b'"}'
    message = golden("v1-minimal")[:-1] + b',"retry":' + retry + b"}"

    with pytest.raises(DecodeError) as refused:
        decode_body(message)

    assert len(str(refused.value)) < 300


def test_message_over_the_size_that_is_allowed_is_refused() -> None:
    message = golden("v1-minimal")

    assert decode_body(message, max_bytes=len(message)).task == "send_receipt"
    with pytest.raises(DecodeError, match="expected a message of at most"):
        decode_body(message, max_bytes=len(message) - 1)


finite = {"allow_nan": False, "allow_infinity": False}
instants = st.floats(0, MAX_INSTANT, **finite)  # type: ignore[arg-type]
spans = st.floats(0, MAX_SPAN, **finite)  # type: ignore[arg-type]
positive_spans = st.floats(0, MAX_SPAN, exclude_min=True, **finite)  # type: ignore[arg-type]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
names = st.from_regex(r"\A[a-z][a-z0-9_.-]{0,50}\Z")
overrides = st.builds(
    RetryOverride,
    max_attempts=st.integers(1, MAX_ATTEMPTS),
    backoff=st.sampled_from(["fixed", "linear", "exponential"]),
    initial=spans,
    factor=st.floats(1, MAX_FACTOR),
    cap=positive_spans,
    jitter=st.sampled_from([True, False, "full", "equal"]),
    budget=st.none() | positive_spans,
)
bodies = st.builds(
    Body,
    v=st.just(VERSION),
    id=st.uuids().map(str),
    task=names,
    args=st.dictionaries(names, texts | st.integers()).map(
        lambda value: msgspec.Raw(msgspec.json.encode(value))
    ),
    queue=names,
    priority=st.integers(0, 9),
    enqueued_at=instants,
    delay=st.none() | spans,
    run_at=st.none() | instants,
    expires=st.none() | instants,
    unique_key=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    unique_ttl=st.none() | positive_spans,
    timeout=st.none() | spans,
    retry=st.none() | st.booleans() | overrides,
    keep=st.none() | spans,
    headers=st.dictionaries(texts, texts),
    options=st.dictionaries(names, texts | st.lists(st.integers(-(2**63), 2**64 - 1))),
)


@given(bodies)
def test_body_within_the_bounds_comes_back_equal(body: Body) -> None:
    message = encode_body(body)
    travelled = decode_body(message)

    assert encode_body(travelled) == message
    assert bytes(travelled.args) == bytes(body.args)
    plain = msgspec.Raw(b"{}")
    replace = msgspec.structs.replace
    assert replace(travelled, args=plain) == replace(body, args=plain)


@given(overrides)
def test_retry_policy_that_is_read_is_a_policy(override: RetryOverride) -> None:
    policy = Retry().overridden_by(msgspec.structs.asdict(override))

    assert policy.portable() == msgspec.structs.asdict(override)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(Body.__struct_fields__), json_values))
def test_object_with_our_fields_is_a_job_or_a_decode_error(fields: dict[str, Any]) -> None:
    message = msgspec.json.encode({"v": 1, "id": "a", "task": "a", "args": {}, **fields})

    try:
        body = decode_body(message)
    except DecodeError:
        return

    assert decode_body(encode_body(body)) is not None


@settings(max_examples=300)
@given(st.binary() | st.tuples(st.integers(0, 200), st.binary(max_size=4)))
def test_any_bytes_are_a_job_or_a_decode_error(noise: bytes | tuple[int, bytes]) -> None:
    if isinstance(noise, bytes):
        message = noise
    else:
        at, piece = noise
        whole = golden("v1-full")
        message = whole[:at] + piece + whole[at + len(piece) :]

    try:
        assert isinstance(decode_body(message), Body)
    except DecodeError as refused:
        assert len(str(refused)) < 300  # noqa: PT017 - a job is as good an answer


HEAD = golden("v1-minimal")[:-1]
HOSTILE = {
    "nested arguments": HEAD + b',"args":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "nested options": HEAD + b',"options":' + b'{"a":' * 200_000,
    "nested unknown field": HEAD + b',"x":' + b"[" * 1_000_000,
    "long number": HEAD + b',"priority":' + b"9" * 1_000_000 + b"}",
    "long number in options": HEAD + b',"options":{"a":' + b"9" * 1_000_000 + b"}}",
    "long exponent": HEAD + b',"delay":1e' + b"9" * 1_000_000 + b"}",
    "long fraction": HEAD + b',"delay":0.' + b"9" * 1_000_000 + b"1e999999999}",
    "long version": b'{"v":' + b"1" * 1_000_000 + b"}",
    "escapes": HEAD + b',"headers":{"a":"' + b"\\u0000" * 170_000 + b'"}}',
    "many members": HEAD + b',"args":[' + b"{}," * 340_000 + b"{}]}",
    "only brackets": b"[" * MAX_PAYLOAD,
    "only quotes": b'"' * MAX_PAYLOAD,
    "only spaces": b" " * MAX_PAYLOAD,
    "utf-16": golden("v1-minimal").decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + golden("v1-minimal"),
    "compressed": b"\x1f\x8b" + b"\x00" * 1_000_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_megabyte_made_to_hurt_is_a_decode_error_and_nothing_else(message: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_body(message)


@pytest.mark.timeout(20)
def test_same_key_a_hundred_thousand_times_is_one_key() -> None:
    message = HEAD + b',"headers":{' + b'"a":"b",' * 100_000 + b'"a":"c"}}'

    assert decode_body(message).headers == {"a": "c"}
