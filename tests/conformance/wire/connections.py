"""The client's connections: one request at a time on each, with a deadline that closes it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, BackendUnavailable, ConfigurationError, Misuse
from tests.conformance.wire import protocol

#: Seconds in which each call ends, beside those that it was told to wait.
CALL_SECONDS = 3.0


class Unanswered(BackendError):
    """Raised when a request may or may not have been done; nobody sends it again."""

    retryable = True


class Connections:
    """A pool of connections to one namespace of a server; any thread."""

    def __init__(self, url: str, namespace: str, kind: str, clock: Clock | None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "line" or parts.hostname is None or parts.port is None:
            raise ConfigurationError("expected a URL like line://localhost:7000")
        self._address = parts.hostname, parts.port
        self._hello = namespace, kind
        self._verbs = protocol.VERBS[kind]
        self._clock = clock
        self._guard = threading.Lock()
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._process = 0
        self._epoch: bytes | None = None
        #: Who is told that the server's data are not those of before.
        self.report: Callable[[str, Mapping[str, Any]], None] | None = None

    def __repr__(self) -> str:
        return "line://{}:{}".format(*self._address)

    @property
    def is_open(self) -> bool:
        return self._process == os.getpid()

    def open(self) -> None:
        if self._process not in (0, os.getpid()):
            raise Misuse(f"{self!r} was opened before a fork; open another one in the child")
        self._process = os.getpid()

    def close(self) -> None:
        if self.is_open:
            self._process = 0
            with self._guard:
                idle, self._idle = self._idle, []
                for each in (*idle, *self._busy):
                    each.end()

    def check_open(self) -> None:
        if not self.is_open:
            raise Misuse(f"{self!r} is not open in this process; call open() first")

    def ask(
        self, verb: str, *arguments: Any, reads: bool = False, seconds: float = CALL_SECONDS
    ) -> Any:
        """Send one request and return what it brought.

        Raises what the server raised; BackendUnavailable if nothing was done; Unanswered if nobody
        knows, unless it only `reads`.
        """
        self.check_open()
        connection = self._take()
        try:
            answer = connection.ask(self._burst(connection, verb, arguments), seconds)
        except OSError as error:
            connection.end()
            if not self.is_open:
                raise Misuse(f"{self!r} was closed during a call") from error
            if reads:
                raise BackendUnavailable(f"{self!r} did not answer {verb!r}") from error
            raise Unanswered(f"{self!r} did not answer {verb!r}; it may be done") from error
        finally:
            self._give(connection)
        return self._result(verb, answer)

    def _burst(self, connection: _Connection, verb: str, arguments: tuple[Any, ...]) -> bytes:
        """What the server has to know first, and the request."""
        clock, request = self._clock, protocol.line(verb, arguments)
        now = None if clock is None else (clock.time(), clock.monotonic())
        hello = protocol.line(*self._hello, now) if connection.is_new else b""
        return hello + (b"" if now is None else protocol.line("clock", now)) + request

    def _result(self, verb: str, answer: bytes) -> Any:
        kind, *rest = msgspec.json.decode(answer, type=list[msgspec.Raw])
        if bytes(kind) == b'"ok"':
            self._recognise(bytes(rest[1]))
            result = self._verbs[verb][1]
            return None if result is None else msgspec.json.decode(rest[0], type=result)
        name, message, further = (msgspec.json.decode(each) for each in rest)
        raise protocol.refused(name, message, further)

    def _recognise(self, epoch: bytes) -> None:
        known, self._epoch = self._epoch, epoch
        if known not in (None, epoch) and self.report is not None:
            self.report("backend.replaced", {"server": repr(self)})

    def _take(self) -> _Connection:
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        # What the server closed meanwhile is found out before anything is sent.
        if connection is not None and connection.is_gone():
            connection.end()
            return self._take()
        if connection is None:
            connection = self._connect()
        with self._guard:
            self._busy.add(connection)
        return connection

    def _connect(self) -> _Connection:
        try:
            return _Connection(socket.create_connection(self._address, CALL_SECONDS))
        except OSError as error:
            raise BackendUnavailable(f"{self!r} cannot be reached; nothing was done") from error

    def _give(self, connection: _Connection) -> None:
        with self._guard:
            self._busy.discard(connection)
            if self.is_open and not connection.has_ended:
                self._idle.append(connection)
            else:
                connection.end()


class _Connection:
    """One connection, used by one thread at a time."""

    def __init__(self, wire: socket.socket) -> None:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = wire
        self.is_new = True
        self.has_ended = False

    def ask(self, burst: bytes, seconds: float) -> bytes:
        """Raises OSError, TimeoutError included, when no whole line came in time."""
        deadline = time.monotonic() + seconds
        self.is_new = False
        self._wire.settimeout(seconds)
        self._wire.sendall(burst)
        answer = bytearray()
        while not answer.endswith(b"\n"):
            self._wire.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._wire.recv(256 * 1024)
            if not data:
                raise ConnectionResetError("the connection was closed before the answer")
            answer += data
        return bytes(answer)

    def is_gone(self) -> bool:
        self._wire.settimeout(0.0)
        try:
            return self._wire.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self) -> None:
        """Close it, and wake who waits for its answer."""
        self.has_ended = True
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
        self._wire.close()
