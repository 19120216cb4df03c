"""Size, depth and containers are judged before anything is decoded."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.errors import DecodeError
from anyjob.core.limits import MAX_CONTAINERS, MAX_DEPTH, MAX_PAYLOAD, check_limits

MEGABYTE = MAX_PAYLOAD


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def measured(value: Any) -> tuple[int, int]:
    """Return depth and number of containers, by walking the value."""
    if not isinstance(value, list | dict):
        return 0, 0
    inner = [measured(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + max((d for d, _ in inner), default=0), 1 + sum(n for _, n in inner)


values = st.recursive(
    st.none() | st.integers() | st.text('[]{}"\\,:a', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner)
    ),
    max_leaves=40,
)


@given(values, st.integers(0, 8), st.integers(0, 20))
def test_message_is_refused_exactly_when_it_is_over_a_limit(
    value: Any, depth: int, containers: int
) -> None:
    actual_depth, actual_containers = measured(value)
    message = json.dumps(value, ensure_ascii=False).encode()

    over = actual_depth > depth or actual_containers > containers
    # A message with few brackets is not counted: depth bounds its containers too.
    over = over and message.count(b"[") + message.count(b"{") > depth
    if over:
        with pytest.raises(DecodeError):
            check_limits(message, depth=depth, containers=containers)
    else:
        check_limits(message, depth=depth, containers=containers)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"x" * MEGABYTE,
        nested(MAX_DEPTH),
        b"[" + b",".join([nested(MAX_DEPTH - 1)] * 1000) + b"]",
        b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"[]]",
        b'"' + b"[" * (MEGABYTE - 2) + b'"',
        b'["' + b'\\"[{' * 100_000 + b'"]',
        b'["' + b"\\\\" * 100_000 + b'",' + b'"[",' * 1000 + b"1]",
    ],
    ids=["empty", "text", "depth", "wide", "containers", "string", "escapes", "backslashes"],
)
def test_message_at_the_limits_passes(message: bytes) -> None:
    check_limits(message)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"x" * (MEGABYTE + 1), "at most 1048576 bytes, got 1048577"),
        (nested(MAX_DEPTH + 1), "at most 64 levels"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "at most 64 levels"),
        (b'[{"":' * 33 + b"1" + b"}]" * 33, "at most 64 levels"),
        (b"[" + b"[]," * (MAX_CONTAINERS - 1) + b"[]]", "at most 100000 lists and objects"),
        (b'["\\\\",' + nested(MAX_DEPTH) + b"]", "at most 64 levels"),
    ],
)
def test_message_one_over_a_limit_is_refused(message: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        check_limits(message)


HOSTILE = {
    "lists": b"[" * MEGABYTE,
    "objects": b'{"":' * (MEGABYTE // 4),
    "both": b'[{"":' * (MEGABYTE // 5),
    "closers": b"[" * 65 + b"]" * (MEGABYTE - 65),
    "closers first": b"]" * 500_000 + b"[" * 500_000,
    "strings": b"[" * 65 + b'"",' * (MEGABYTE // 3 - 30),
    "backslashes": b"[" * 65 + b'"' + b"\\" * (MEGABYTE - 66),
    "quotes": b"[" * 65 + b'"' * (MEGABYTE - 65),
    "flat": b"[]," * (MEGABYTE // 3),
    "towers": (nested(65) + b",") * (MEGABYTE // 131),
    "mixed": b'[{"\\' * (MEGABYTE // 4),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_megabyte_made_to_hurt_is_refused_in_linear_time(message: bytes) -> None:
    for _ in range(20):
        with pytest.raises(DecodeError):
            check_limits(message)


@given(st.binary(max_size=200) | st.text('[]{}"\\:,1 ', max_size=200).map(str.encode))
def test_what_a_decoder_takes_is_never_deeper_than_what_passed(message: bytes) -> None:
    try:
        check_limits(message, depth=3)
        value = msgspec.json.decode(message)
    except (DecodeError, msgspec.MsgspecError, UnicodeError):
        return

    assert measured(value)[0] <= 3
