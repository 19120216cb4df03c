"""A connection that an event loop writes and reads: bytes out, replies in, nothing waited for."""

from __future__ import annotations

import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.resp import NOTHING
from anyjob.backends.redis.wire import Wire

_READ = 64 * 1024
#: What a socket says that has nothing to read, or no room to write; under TLS either may want both.
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream:
    """The socket of a wire, in the thread of one loop, which calls `arrived` with replies as they
    come and `lost` once when it breaks; neither after `release`.

    The loop's own transports take no socket under TLS that somebody else has connected, and this
    one has been: by a thread, with all that a connection here begins with.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        wire: Wire,
        arrived: Callable[[list[Any]], None],
        lost: Callable[[Lost], None],
    ) -> None:
        self._loop = loop
        self._arrived = arrived
        self._lost = lost
        self._socket, self._reader = wire.unblocked()
        self._pending: Callable[[], int] = getattr(self._socket, "pending", int)
        self._number: int = self._socket.fileno()
        self._unsent = memoryview(b"")
        loop.add_reader(self._number, self.read)

    def write(self, data: bytes) -> None:
        """Send this, now as far as the socket takes it, then as it does; nothing else may be
        unsent.
        """
        try:
            sent = self._socket.send(data)
        except _NOT_NOW:
            sent = 0
        except (OSError, ValueError):
            self._break("ended the connection")
            return
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._loop.add_writer(self._number, self._write_on)

    def read(self) -> None:
        """Take what has come; the loop calls it, and who wants to know whether the end has come."""
        replies: list[Any] = []
        try:
            has_ended = self._feed()
            while (reply := self._reader.gets()) is not NOTHING:
                replies.append(reply)
        except ValueError:
            self._break("speaks another protocol than Redis does")
            return
        if replies:
            self._arrived(replies)
        if has_ended:
            self._break("ended the connection")

    def _feed(self) -> bool:
        """Hand what has come to the reader; whether the other end has ended it."""
        try:
            while True:
                data = self._socket.recv(_READ)
                if not data:
                    return True
                self._reader.feed(data)
                if not self._pending():  # under TLS more may be here that is not in the socket
                    return False
        except _NOT_NOW:
            return False
        except OSError:
            return True

    def release(self) -> None:
        """Let the loop forget it; the wire is the caller's to close. Idempotent."""
        if self._number >= 0:
            self._loop.remove_reader(self._number)
            self._loop.remove_writer(self._number)
            self._number = -1

    def _write_on(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except _NOT_NOW:
            return
        except (OSError, ValueError):
            self._break("ended the connection")
            return
        if not self._unsent:
            self._loop.remove_writer(self._number)

    def _break(self, why: str) -> None:
        if self._number >= 0:
            self.release()
            self._lost(Lost(why, sent=True))
