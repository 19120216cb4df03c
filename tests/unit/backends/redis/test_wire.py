"""One connection: what comes, what breaks, and by when."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import pytest

from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.resp import ReplyError, pack
from anyjob.backends.redis.url import parse_url
from anyjob.backends.redis.wire import Wire
from anyjob.conformance.servers.own_process import Running
from tests.unit.backends.redis.impostor import posing
from tests.waiting import until

PING = pack([b"PING"])


@pytest.fixture
def wire(server: Running) -> Iterator[Wire]:
    with contextlib.closing(Wire(parse_url(server.url), 5.0)) as wire:
        yield wire


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def soon() -> float:
    return time.monotonic() + 20


def test_replies_come_in_the_order_of_the_commands(wire: Wire) -> None:
    data = PING + pack([b"NONSENSE"]) + pack([b"ECHO", "é"])

    first, second, third = wire.exchange(data, 3, soon())

    assert first == b"PONG"
    assert isinstance(second, ReplyError)
    assert third == "é".encode()
    assert wire.is_whole


def test_reply_that_came_with_the_one_before_is_not_waited_for(
    wire: Wire, pipe: tuple[int, int]
) -> None:
    wire.send(PING + PING, 2, soon())
    raw: socket.socket = wire._socket  # noqa: SLF001 - both must have come
    until(lambda: len(raw.recv(100, socket.MSG_PEEK)) == 2 * len(b"+PONG\r\n"))
    wire.receive(soon())
    began = time.monotonic()

    assert wire.wait(20, pipe[0])

    assert time.monotonic() - began < 10
    assert wire.receive(soon()) == b"PONG"


def test_alarm_ends_a_wait(wire: Wire, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"!")

    assert not wire.wait(20, pipe[0])
    assert wire.is_whole


def test_connection_with_a_reply_to_come_is_not_whole(wire: Wire) -> None:
    wire.send(PING + PING, 2, soon())
    wire.receive(soon())

    assert not wire.is_whole


def test_cut_connection_is_lost_to_every_call(wire: Wire, pipe: tuple[int, int]) -> None:
    wire.cut()

    assert not wire.is_whole
    with pytest.raises(Lost, match="ended the connection"):
        wire.exchange(PING, 1, soon())
    wire.wait(0, pipe[0])
    with pytest.raises(Lost, match="ended the connection"):
        wire.receive(soon())


def test_silence_ends_at_the_deadline() -> None:
    with (
        posing(lambda words: None) as impostor,
        contextlib.closing(Wire(parse_url(impostor.url), 5.0)) as wire,
    ):
        began = time.monotonic()
        with pytest.raises(Lost, match="did not answer in time"):
            wire.exchange(PING, 1, time.monotonic() + 0.05)

        assert time.monotonic() - began < 5
        assert not wire.is_whole


def test_foreign_protocol_breaks_the_connection() -> None:
    with (
        posing(lambda words: b"HTTP/1.1 400 Bad Request\r\n\r\n") as impostor,
        contextlib.closing(Wire(parse_url(impostor.url), 5.0)) as wire,
    ):
        with pytest.raises(Lost, match="another protocol"):
            wire.exchange(PING, 1, soon())

        assert not wire.is_whole


def test_unasked_reply_makes_an_idle_connection_unfit() -> None:
    with (
        posing(lambda words: b"+PONG\r\n+PONG\r\n") as impostor,
        contextlib.closing(Wire(parse_url(impostor.url), 5.0)) as wire,
    ):
        wire.exchange(PING, 1, soon())

        until(lambda: not (wire.is_whole and wire.is_idle()))
