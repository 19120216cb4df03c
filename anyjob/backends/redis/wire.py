"""One connection to a server: bytes out, replies in, every call by its deadline."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from anyjob.backends.redis.dial import dial
from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.resp import NOTHING, reader
from anyjob.backends.redis.url import Location

_READ = 64 * 1024
#: Bytes a second, at the least: what is large has more time, and what trickles has not.
_SLOWEST = 4 * 1024 * 1024
#: What has come is read in so many seconds.
_ONE_READ = 1.0


class Wire:
    """A connection. One thread at a time uses it; `cut` is for any."""

    def __init__(self, location: Location, seconds: float) -> None:
        """Connect, within about `seconds`; raises an error of ours."""
        self._connection = dial(location, seconds)
        # From here on, redis-py's own reading would cost more than the server's work.
        self._socket: Any = self._connection._sock  # noqa: SLF001 - it has no other door
        #: Host and port, or the socket's path, that this connection found.
        self.address = _address(self._connection)
        self._reader = reader()
        self._awaited = 0
        self._used = 0.0
        self._is_whole = True

    def send(self, data: bytes, replies: int, deadline: float) -> float:
        """Send commands that bring so many replies; raises Lost.

        Returns the deadline with the time that so much data may take.
        """
        deadline += len(data) / _SLOWEST
        self._awaited += replies
        self._used = now = time.monotonic()
        try:
            self._socket.settimeout(max(0.001, deadline - now))
            self._socket.sendall(data)
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        return deadline

    def receive(self, deadline: float) -> Any:
        """The next reply; raises Lost."""
        reply = self._next()
        while reply is NOTHING:
            deadline += self._read(deadline) / _SLOWEST
            reply = self._next()
        self._awaited -= 1
        return reply

    def arrived(self) -> list[Any]:
        """Every reply that has come, of a connection that was found to have some; raises Lost."""
        self._read(time.monotonic() + _ONE_READ)
        found = []
        while (reply := self._next()) is not NOTHING:
            found.append(reply)
        return found

    def was_used_since(self, then: float) -> bool:
        """Whether a command was sent since then, by the monotonic clock."""
        return self._used > then

    def exchange(self, data: bytes, replies: int, deadline: float) -> list[Any]:
        """Send commands and return their replies; raises Lost."""
        deadline = self.send(data, replies, deadline)
        return [self.receive(deadline) for _ in range(replies)]

    def wait(self, seconds: float, alarm: int) -> bool:
        """Wait until something has come, or until `alarm` can be read; whether it is the first."""
        return bool(wait_for([self], seconds, alarm))

    def has_come(self) -> bool:
        """Whether something was received already, without a look at the network."""
        if self._socket is None:
            raise Lost("the connection was cut", sent=True)
        return self._reader.has_data() or bool(getattr(self._socket, "pending", int)())

    def register(self, poll: select.poll) -> int:
        """Have it watched; returns its number there."""
        try:
            poll.register(self._socket, select.POLLIN)
            number: int = self._socket.fileno()
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        return number

    @property
    def is_whole(self) -> bool:
        """Whether it may be used again: nothing broke it, and no reply is left on it."""
        return self._is_whole and not self._awaited

    def is_idle(self) -> bool:
        """Whether the server still holds its end, as far as can be told without asking it."""
        if self._reader.has_data():
            return False
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except (OSError, ValueError):
            pass
        return False  # its end, or what nobody asked for

    def cut(self) -> None:
        """End it, also under a call that waits in another thread."""
        self._is_whole = False
        with suppress(OSError, ValueError):  # the other end may have been faster
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and give its descriptor back."""
        self.cut()
        self._connection.disconnect()

    def _next(self) -> Any:
        try:
            return self._reader.gets()
        except ValueError as error:
            self._is_whole = False
            raise Lost("speaks another protocol than Redis does", sent=True) from error

    def _read(self, deadline: float) -> int:
        """Take what has come, and return how many bytes that was."""
        try:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            data = self._socket.recv(_READ)
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        if not data:
            raise self._broken(None)
        self._reader.feed(data)
        return len(data)

    def _broken(self, error: Exception | None) -> Lost:
        self._is_whole = False
        if isinstance(error, TimeoutError):
            return Lost("did not answer in time", sent=True)
        return Lost("ended the connection", sent=True)


def wait_for(wires: Sequence[Wire], seconds: float, alarm: int) -> list[Wire]:
    """Wait until something has come on one of them, or until `alarm` can be read; on which it has.

    Raises Lost where one is broken.
    """
    # It may have come with the reply before.
    if come := [wire for wire in wires if wire.has_come()]:
        return come
    poll = select.poll()
    poll.register(alarm, select.POLLIN)
    numbers = {wire.register(poll): wire for wire in wires}
    ready = poll.poll(max(0.0, seconds) * 1000)
    return [numbers[number] for number, _ in ready if number != alarm]


def _address(connection: Any) -> str:
    path = getattr(connection, "path", None)
    return str(path) if path else f"{connection.host}:{connection.port}"
