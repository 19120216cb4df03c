"""The wire that is cut, slowed and silenced, in front of a server of lines."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from anyjob.conformance.threads import Background
from anyjob.conformance.wire import Cut, Proxy, Turns
from tests.waiting import until


class Lines:
    """A server that answers each line with its length, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self.listener.accept()
                thread = threading.Thread(target=self._serve, args=(wire,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, wire: socket.socket) -> None:
        with wire, wire.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                self.heard.append(line)
                wire.sendall(b"%d\n" % len(line))

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join(10.0)


@pytest.fixture
def lines() -> Iterator[Lines]:
    server = Lines()
    yield server
    server.close()


@pytest.fixture
def proxy(lines: Lines) -> Iterator[Proxy]:
    with Proxy(lines.port) as proxy:
        yield proxy


@contextlib.contextmanager
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), 5.0) as wire:
        wire.settimeout(10.0)
        yield wire


def ask(wire: socket.socket, line: bytes) -> bytes:
    """The answer to a line; what came of it before the connection ended."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        wire.sendall(line)
        while not answer.endswith(b"\n") and (some := wire.recv(100)):
            answer += some
    return answer


def test_request_is_what_is_sent_until_the_server_answers(proxy: Proxy) -> None:
    with client(proxy) as wire:
        ask(wire, b"one\n")
        wire.sendall(b"tw")
        until(lambda: len(proxy.requests) == 2)
        assert ask(wire, b"o\n") == b"4\n"
        ask(wire, b"x" * 300_000 + b"\n")

    assert [len(each) for each in proxy.requests] == [4, 4, 300_001]


def test_pipeline_is_one_request(proxy: Proxy, lines: Lines) -> None:
    with client(proxy) as wire:
        wire.sendall(b"a\nb\nc\n")
        until(lambda: len(lines.heard) == 3)

    assert proxy.requests == [b"a\nb\nc\n"]


def test_cut_before_a_request_lets_nothing_of_it_pass(proxy: Proxy, lines: Lines) -> None:
    proxy.cut = Cut(2, "before")
    with client(proxy) as wire:
        assert ask(wire, b"one\n") == b"4\n"
        assert ask(wire, b"two\n") == b""

    assert proxy.was_cut
    assert lines.heard == [b"one\n"]


def test_cut_after_a_request_lets_it_pass_and_its_answer_not(proxy: Proxy, lines: Lines) -> None:
    proxy.cut = Cut(2, "after")
    with client(proxy) as wire:
        assert ask(wire, b"one\n") == b"4\n"
        assert ask(wire, b"two\n") == b""

    assert lines.heard == [b"one\n", b"two\n"]


@pytest.mark.parametrize(("let", "heard"), [(1, b"t"), (3, b"two")])
def test_cut_inside_a_request_lets_so_many_bytes_pass(
    proxy: Proxy, lines: Lines, let: int, heard: bytes
) -> None:
    proxy.cut = Cut(1, "before", let)
    with client(proxy) as wire:
        assert ask(wire, b"two\n") == b""

    until(lambda: lines.heard == [heard])


def test_cut_inside_an_answer_lets_so_many_bytes_pass(proxy: Proxy) -> None:
    proxy.cut = Cut(1, "after", 1)

    with client(proxy) as wire:
        assert ask(wire, b"two\n") == b"4"


def test_dead_client_reaches_nobody_any_more(proxy: Proxy, lines: Lines) -> None:
    proxy.cut = Cut(1, "before")
    with client(proxy) as other, client(proxy) as wire:
        ask(wire, b"one\n")
        assert ask(other, b"two\n") == b""
    with contextlib.suppress(ConnectionError), client(proxy) as again:
        assert ask(again, b"three\n") == b""

    assert lines.heard == []


def test_what_a_client_sends_by_itself_is_neither_counted_nor_cut(lines: Lines) -> None:
    with (
        Proxy(lines.port, is_aside=lambda request: request.startswith(b"beat")) as proxy,
        client(proxy) as wire,
        client(proxy) as beating,
    ):
        ask(wire, b"one\n")
        proxy.cut = Cut(2, "before", for_good=False)
        assert ask(beating, b"beat\n") == b"5\n"
        assert ask(wire, b"two\n") == b""

        assert proxy.was_cut
        assert proxy.requests == [b"one\n", b"two\n"]
        assert lines.heard == [b"one\n", b"beat\n"]


def test_dead_client_sends_nothing_by_itself(lines: Lines) -> None:
    with (
        Proxy(lines.port, is_aside=lambda request: request.startswith(b"beat")) as proxy,
        client(proxy) as wire,
        client(proxy) as beating,
    ):
        ask(beating, b"beat\n")
        proxy.cut = Cut(1, "before")
        ask(wire, b"one\n")
        assert ask(beating, b"beat\n") == b""

    assert lines.heard == [b"beat\n"]


def test_cut_of_one_connection_spares_the_others(proxy: Proxy) -> None:
    proxy.cut = Cut(1, "after", for_good=False)
    with client(proxy) as other, client(proxy) as wire:
        assert ask(wire, b"one\n") == b""
        assert ask(other, b"two\n") == b"4\n"


def test_silent_wire_says_nothing_and_closes_nothing(proxy: Proxy, lines: Lines) -> None:
    with client(proxy) as wire:
        ask(wire, b"one\n")
        proxy.is_silent = True
        wire.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(wire, b"two\n")
        assert proxy.open_connections == 1

    until(lambda: proxy.open_connections == 0)
    assert lines.heard == [b"one\n"]


def test_healed_wire_passes_again(proxy: Proxy) -> None:
    proxy.go_down()
    with pytest.raises(ConnectionError), client(proxy):
        pass

    proxy.heal()

    with client(proxy) as wire:
        assert ask(wire, b"one\n") == b"4\n"


def test_fragments_and_delays_change_no_byte(proxy: Proxy, lines: Lines) -> None:
    proxy.piece, proxy.delay = 3, 0.001
    with client(proxy) as wire:
        assert ask(wire, bytes(range(32, 127)) + b"\n") == b"96\n"

    assert lines.heard == [bytes(range(32, 127)) + b"\n"]


def test_held_request_passes_when_it_is_released(proxy: Proxy, lines: Lines) -> None:
    with client(proxy) as wire:
        proxy.hold()
        asking = Background(lambda: ask(wire, b"one\n"))
        until(lambda: len(proxy.requests) == 1)
        assert asking.is_waiting()
        assert lines.heard == []

        proxy.release()

        assert asking.result(10.0) == b"4\n"


def interleaved(lines: Lines, seed: int) -> list[str]:
    """The order in which two clients' requests pass."""
    turns = Turns(seed, clients=2)

    def talk(name: str) -> None:
        with (
            Proxy(lines.port, name=name, turns=turns) as proxy,
            client(proxy) as wire,
            turns.taking_part(name),
        ):
            for number in range(5):
                assert ask(wire, b"%d\n" % number) == b"2\n"

    talking = [Background(lambda name=name: talk(name)) for name in ("a", "b")]  # type: ignore[misc]
    for each in talking:
        each.result(20.0)
    return turns.order


def test_order_of_two_clients_is_chosen_by_the_seed(lines: Lines) -> None:
    orders = {seed: interleaved(lines, seed) for seed in range(4)}

    assert {seed: interleaved(lines, seed) for seed in range(4)} == orders
    assert len({tuple(order) for order in orders.values()}) > 1
    assert all(order.count("a") == 5 for order in orders.values())


def test_client_with_two_connections_is_held_up_by_neither(lines: Lines) -> None:
    turns = Turns(0, clients=2)
    with (
        Proxy(lines.port, name="a", turns=turns) as one,
        Proxy(lines.port, name="b", turns=turns) as other,
        client(one) as first,
        client(one) as second,
        client(other) as third,
    ):
        together = threading.Barrier(3)

        def talk(wire: socket.socket, name: str) -> list[bytes]:
            with turns.taking_part(name):
                together.wait(10.0)
                return [ask(wire, b"line\n") for _ in range(5)]

        wires = [(first, "a"), (second, "a"), (third, "b")]
        talking = [Background(partial(talk, *each)) for each in wires]

        assert [each.result(5.0) for each in talking] == [[b"5\n"] * 5] * 3
