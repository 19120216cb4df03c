"""How large, deep and branched a message may be, judged before anything decodes it."""

from __future__ import annotations

from anyjob.core.errors import DecodeError

MAX_DEPTH = 64
MAX_CONTAINERS = 100_000
#: What of it a job's arguments may take; the rest is left to the envelope around them.
MAX_ARGUMENT_DEPTH = MAX_DEPTH - 1
MAX_ARGUMENT_CONTAINERS = 90_000
#: Largest envelope that an application sends or reads unless configured otherwise.
MAX_PAYLOAD = 1024 * 1024

_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check_limits(
    message: bytes,
    max_bytes: int = MAX_PAYLOAD,
    *,
    depth: int = MAX_DEPTH,
    containers: int = MAX_CONTAINERS,
) -> None:
    """Raise DecodeError if a JSON message is over a limit; takes linear time.

    The count of opening brackets, those in strings included, bounds both depth and containers from
    above; only a message that could be over a limit is looked at more closely.
    """
    if len(message) > max_bytes:
        raise DecodeError(f"expected a message of at most {max_bytes} bytes, got {len(message)}")
    if message.count(b"[") + message.count(b"{") <= depth:
        return
    brackets = _brackets_of(message)
    opened = brackets.count(b"[")
    if opened > containers:
        raise DecodeError(f"expected at most {containers} lists and objects, got {opened}")
    if opened == brackets.count(b"]"):
        for _ in range(depth):
            # Takes away what holds nothing any more: one level of nesting.
            brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise DecodeError(f"expected at most {depth} levels of nesting, all of them closed")


def _brackets_of(message: bytes) -> bytes:
    """Return the brackets outside strings, braces turned into brackets.

    Right up to the first place that is no JSON, where a decoder stops.
    """
    unescaped = message.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = unescaped.split(b'"')[::2]
    return b"".join(outside).translate(_ONE_KIND, _NO_BRACKETS)
