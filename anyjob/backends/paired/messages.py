"""What a pair writes before the body of a job that it hands to its backend: which record in the
store is its own, and which of several copies it is.
"""

from __future__ import annotations

from struct import Struct

import msgspec

_MAGIC = b"\xa7aj1"
_HEAD = Struct(">4sBQIQ")
_KEY = Struct(">16sd")
_MARKED, _KEYED = 1, 2
#: Bytes that a message has more than its job, at most.
OVERHEAD = _HEAD.size + _KEY.size


class Message(msgspec.Struct, frozen=True, gc=False):
    """A job as its backend carries it."""

    body: bytes
    #: Version of the record when the message was made; 0: there is none, or it has moved on.
    version: int = 0
    #: Counts how often the job was put into the store and taken out again.
    generation: int = 0
    #: Tells two messages of one job and generation apart.
    copy: int = 0
    #: The digest of its unique key, and how long that is held; infinite for as long as it lives.
    key: bytes = b""
    key_ttl: float = 0.0
    #: Whether its record says more than the message: it is to be read when the job comes up.
    is_marked: bool = False


def wrap(message: Message) -> bytes:
    """The bytes that the backend carries."""
    flags = _MARKED * message.is_marked | _KEYED * bool(message.key)
    head = _HEAD.pack(_MAGIC, flags, message.version, message.generation, message.copy)
    if message.key:
        head += _KEY.pack(message.key, message.key_ttl)
    return head + message.body


def unwrap(raw: bytes) -> Message:
    """The message in these bytes; what no pair wrote is a body without a record."""
    if len(raw) < _HEAD.size or not raw.startswith(_MAGIC):
        return Message(raw, is_marked=True)
    _, flags, version, generation, copy = _HEAD.unpack_from(raw)
    start = _HEAD.size
    if not flags:
        return Message(raw[start:], version, generation, copy)
    key, ttl = b"", 0.0
    if flags & _KEYED and len(raw) >= start + _KEY.size:
        key, ttl = _KEY.unpack_from(raw, start)
        start += _KEY.size
    return Message(raw[start:], version, generation, copy, key, ttl, bool(flags & _MARKED))
