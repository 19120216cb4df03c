"""The proxy: it counts requests without knowing a protocol, and does to them what a bad network
does.

A request is what a client sends on one connection until the server answers there; so a pipeline is
one request, and a request that comes in many pieces too. What a client sends by itself, at any
time, is passed on and not counted: which call a number means must not depend on it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import msgspec

from anyjob.conformance.wire.turns import Turns

HOST = "127.0.0.1"
_CHUNK = 64 * 1024


class Cut(msgspec.Struct, frozen=True):
    """Where the wire is cut: before the k-th request (from 1) or after the server answered it."""

    k: int
    side: Literal["before", "after"]
    #: So many bytes of the request, or of the answer, still pass.
    let: int = 0
    #: The client is dead: nothing passes from then on, on any connection.
    for_good: bool = True


class Proxy:
    """A wire to `port`, for one client; use it in a `with` block. Faults are set from any thread
    and hold for what passes from then on.
    """

    def __init__(
        self,
        port: int,
        *,
        name: str = "client",
        turns: Turns | None = None,
        is_aside: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        """`is_aside` tells by the first bytes of a request that no call of the client made it."""
        self._target = port
        self._name = name
        self._turns = turns
        self._is_aside = is_aside
        self._guard = threading.Lock()
        self._links: set[_Link] = set()
        #: Each request that was begun, as far as it was read.
        self.requests: list[bytearray] = []
        #: Connections that were asked for.
        self.connections = 0
        self.cut: Cut | None = None
        #: Whether `cut` has happened.
        self.was_cut = False
        #: Nothing passes any more and nothing is closed: a cable that was pulled.
        self.is_silent = False
        #: Seconds before each piece, and bytes that a piece has at most.
        self.delay = 0.0
        self.piece = _CHUNK
        self._passes = threading.Event()
        self._passes.set()

    def __enter__(self) -> Self:
        self.port = 0
        self._listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go_down()
        with self._guard:
            links = list(self._links)
        for link in links:
            link.join()

    def go_down(self) -> None:
        """Close every connection and refuse new ones, as a server that is not there; idempotent."""
        # Closing it would not wake who accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(5.0)
        self._listener.close()
        self.sever()

    def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self.port))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()

    @property
    def open_connections(self) -> int:
        """Connections that a client holds now."""
        with self._guard:
            return sum(not link.is_left for link in self._links)

    def hold(self) -> None:
        """Keep back each request, until `release`."""
        self._passes.clear()

    def release(self) -> None:
        """Let everything pass that was kept back."""
        self._passes.set()

    def sever(self) -> None:
        """Close every connection, at both ends."""
        self.release()
        with self._guard:
            links = list(self._links)
        for link in links:
            link.close()

    def heal(self) -> None:
        """Let everything pass that comes from now on; connections of before are closed."""
        self.cut, self.was_cut, self.is_silent = None, False, False
        self.delay, self.piece = 0.0, _CHUNK
        self.sever()
        if self._listener.fileno() < 0:
            self._listen()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.was_cut and self.cut is not None and self.cut.for_good:
                client.close()
                continue
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._target), 5.0)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(self, client, server)
        with self._guard:
            self._links = {each for each in self._links if not each.is_left} | {link}
        link.start()

    # What the links ask

    def begun(self, first: bytes) -> int:
        """Number a request that begins with these bytes; 0 for one that is not counted."""
        if self._is_aside(first):
            self._passes.wait()
            return 0
        if self._turns is not None:
            self._turns.take(self._name)
        with self._guard:
            self.requests.append(bytearray(first))
            number = len(self.requests)
        self._passes.wait()
        return number

    def answered(self) -> None:
        """The request was answered, or nobody will."""
        if self._turns is not None:
            self._turns.give(self._name)

    def passing(self, number: int, side: str, data: bytes) -> bytes | None:
        """What may pass of `data`, which belongs to that request; None if nothing is cut."""
        cut = self.cut
        if cut is None:
            return None
        if self.was_cut and cut.for_good:
            # Another connection, which is about to be closed as well.
            return b""
        if self.was_cut or (cut.k, cut.side) != (number, side):
            return None
        let = cut.let
        if side == "before":
            let -= len(self.requests[number - 1]) - len(data)
            if let >= len(data):
                return None
        self.was_cut = True
        return data[: max(0, let)]


class _Link:
    """One connection through the proxy: a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._number = 0
        self._answered = True
        self._guard = threading.Lock()
        self._pumps = 2
        #: Whether its client is gone.
        self.is_left = False
        self._threads = [
            threading.Thread(target=self._pump, args=(*ends, step), name="proxy", daemon=True)
            for ends, step in (
                ((client, server), self._to_server),
                ((server, client), self._to_client),
            )
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5.0)

    def close(self) -> None:
        self.is_left = True
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket, step: object) -> None:
        assert callable(step)
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._proxy.is_silent:
                    continue
                cut = step(data)
                self._send(sink, data if cut is None else cut)
                if cut is not None:
                    break
        if source is self._client:
            self.is_left = True
        if not self._proxy.is_silent:
            self._end()
        self._leave()

    def _leave(self) -> None:
        """The second thread to come here closes what no thread uses any more."""
        with self._guard:
            self._pumps -= 1
            if self._pumps:
                return
        self._client.close()
        self._server.close()

    def _end(self) -> None:
        """One end is gone, or the wire was cut."""
        self._proxy.answered()
        self.close()
        cut = self._proxy.cut
        if self._proxy.was_cut and cut is not None and cut.for_good:
            self._proxy.sever()

    def _to_server(self, data: bytes) -> bytes | None:
        # What is not counted comes in one piece, and nobody may answer it.
        if self._answered or not self._number:
            self._answered = False
            self._number = self._proxy.begun(data)
        else:
            self._proxy.requests[self._number - 1] += data
        return self._proxy.passing(self._number, "before", data)

    def _to_client(self, data: bytes) -> bytes | None:
        cut = self._proxy.passing(self._number, "after", data)
        self._answered = True
        if self._number:
            self._proxy.answered()
        return cut

    def _send(self, sink: socket.socket, data: bytes) -> None:
        proxy = self._proxy
        if not (proxy.delay or proxy.piece < len(data)):
            sink.sendall(data)
            return
        for start in range(0, len(data), proxy.piece):
            time.sleep(proxy.delay)
            sink.sendall(data[start : start + proxy.piece])
