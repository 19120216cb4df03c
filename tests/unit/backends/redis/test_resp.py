"""Without hiredis everything is read and written alike."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.redis import resp
from anyjob.backends.redis.resp import NOTHING, PlainReader, Reader, ReplyError, plain_pack

SAMPLES = [
    b"+OK\r\n",
    b"+\r\n",
    b":0\r\n",
    b":-42\r\n",
    b":9007199254740993\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$4\r\na\r\nb\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*3\r\n$1\r\na\r\n$-1\r\n:7\r\n",
    b"*2\r\n*2\r\n*1\r\n:1\r\n*0\r\n*-1\r\n",
    b"-ERR no such thing\r\n",
    b"-NOSCRIPT\r\n",
    b"-ERR \xff\xc3\xa9\r\n",
    b"*2\r\n-WRONGTYPE inside\r\n+OK\r\n",
    b"+one\r\n+two\r\n:3\r\n",
    b"",
]


def theirs() -> Reader:
    return hiredis.Reader(replyError=ReplyError, protocolError=ValueError)


def read(reader: Reader, pieces: Iterable[bytes]) -> list[Any]:
    """Every reply, in a form that tells errors from bytes."""
    found: list[Any] = []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.gets()) is not NOTHING:
            found.append(plain(reply))
    return found


def plain(reply: Any) -> Any:
    if isinstance(reply, list):
        return [plain(each) for each in reply]
    return ("error", str(reply)) if isinstance(reply, ReplyError) else reply


def wire_form(value: Any) -> bytes:
    match value:
        case None:
            return b"$-1\r\n"
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case str():
            return f"-{value}\r\n".encode()
        case _:
            return b"*%d\r\n" % len(value) + b"".join(map(wire_form, value))


REPLIES = st.recursive(
    st.none()
    | st.binary(max_size=12)
    | st.integers(-(2**63), 2**63 - 1)
    | st.text("ABC x", min_size=1, max_size=8),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("data", SAMPLES)
def test_reader_agrees_with_hiredis(data: bytes) -> None:
    assert read(PlainReader(), [data]) == read(theirs(), [data])


@pytest.mark.parametrize("data", SAMPLES)
def test_reader_agrees_with_hiredis_when_fed_byte_by_byte(data: bytes) -> None:
    pieces = [data[at : at + 1] for at in range(len(data))]

    assert read(PlainReader(), pieces) == read(theirs(), [data])


@given(st.lists(REPLIES, max_size=4), st.lists(st.integers(0, 200), max_size=5))
def test_reader_agrees_with_hiredis_however_the_bytes_are_cut(
    values: list[Any], cuts: list[int]
) -> None:
    data = b"".join(map(wire_form, values))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[first:last] for first, last in pairwise(edges)]

    assert read(PlainReader(), pieces) == read(theirs(), pieces)


@pytest.mark.parametrize("reader", [PlainReader, theirs])
@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x01\x00\x02\x02\x16\r\n"]
)
def test_foreign_protocol_is_refused(reader: Any, data: bytes) -> None:
    one = reader()
    one.feed(data)

    with pytest.raises(ValueError, match="[Pp]rotocol"):
        one.gets()


@pytest.mark.parametrize("reader", [PlainReader, theirs])
def test_reader_knows_whether_bytes_are_left(reader: Any) -> None:
    one = reader()
    left = [one.has_data()]
    one.feed(b"+OK\r\n+O")
    one.gets()
    left.append(one.has_data())
    one.feed(b"K\r\n")
    one.gets()
    left.append(one.has_data())

    assert left == [False, True, False]


WORDS = st.lists(
    st.binary(max_size=20) | st.text(max_size=20) | st.integers(-(2**70), 2**70), min_size=1
)


@given(WORDS)
def test_commands_are_written_as_hiredis_writes_them(words: list[resp.Word]) -> None:
    assert plain_pack(words) == resp.pack(words)


def test_words_of_every_kind_become_bytes() -> None:
    assert plain_pack([b"SET", "kéy", 7]) == b"*3\r\n$3\r\nSET\r\n$4\r\nk\xc3\xa9y\r\n$1\r\n7\r\n"


def test_code_of_an_error_is_its_first_word() -> None:
    assert ReplyError("NOSCRIPT No matching script").code == "NOSCRIPT"
    assert ReplyError("OOM").code == "OOM"
