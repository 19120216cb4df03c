"""How commands are written and replies read (RESP2): by hiredis where it is installed, else here.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

#: What a command may be made of.
Word = bytes | str | int


class ReplyError(Exception):
    """An error that the server answered with; returned among replies, not raised."""

    @property
    def code(self) -> str:
        """Its first word, such as "NOSCRIPT"."""
        return str(self).partition(" ")[0]

    @property
    def is_of_rights(self) -> bool:
        """Whether the user lacks a right, to a command or a key; scripts have no code for it."""
        text = str(self)
        return (
            self.code == "NOPERM"
            or "user executing the script can't" in text
            or ("ACL failure in script" in text)
        )


#: In the place of a reply that has not come whole.
NOTHING = False


class PlainReader:
    """Makes replies of bytes, as hiredis does: integers, bytes, lists, None and ReplyErrors."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        self._data += data

    def gets(self) -> Any:
        """The next reply; NOTHING where it has not come whole."""
        self._at = 0
        try:
            reply = self._read()
        except IndexError:
            return NOTHING
        del self._data[: self._at]
        return reply

    def has_data(self) -> bool:
        return bool(self._data)

    def _read(self) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else self._bytes(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self._read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return ReplyError(rest.decode("utf-8", "replace"))
        if kind == b"+":
            return rest
        raise ValueError("the server speaks another protocol than Redis does")

    def _line(self) -> bytes:
        end = self._data.find(b"\r\n", self._at)
        if end < 0:
            raise IndexError
        line = bytes(self._data[self._at : end])
        self._at = end + 2
        return line

    def _bytes(self, length: int) -> bytes:
        end = self._at + length
        if len(self._data) < end + 2:
            raise IndexError
        found = bytes(self._data[self._at : end])
        self._at = end + 2
        return found


def plain_pack(words: Sequence[Word]) -> bytes:
    """One command as bytes."""
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        out.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(out)


class Reader(Protocol):
    """Makes replies of bytes."""

    def feed(self, data: bytes, /) -> object:
        """Take what was received."""

    def gets(self) -> Any:
        """The next reply; NOTHING where it has not come whole."""

    def has_data(self) -> bool:
        """Whether a reply, or the beginning of one, was fed and not read."""


try:
    import hiredis
except ImportError:
    reader: Callable[[], Reader] = PlainReader
    pack: Callable[[Sequence[Word]], bytes] = plain_pack
else:
    reader = partial(hiredis.Reader, replyError=ReplyError, protocolError=ValueError)

    def pack(words: Sequence[Word]) -> bytes:
        """One command as bytes."""
        packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]
        return packed
