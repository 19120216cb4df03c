"""How large, deep and branched a message may be, judged before anything decodes it."""

from __future__ import annotations

import re

from anyjob.core.errors import DecodeError

MAX_DEPTH = 64
MAX_CONTAINERS = 100_000
#: Largest envelope that an application sends or reads unless configured otherwise.
MAX_PAYLOAD = 1024 * 1024

_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def check_limits(message: bytes, max_bytes: int = MAX_PAYLOAD) -> None:
    """Raise DecodeError if a JSON message is over a limit.

    The count of opening brackets bounds both depth and containers from above, brackets inside
    strings included; only a message that could be over a limit is walked token by token, which
    takes linear time.
    """
    if len(message) > max_bytes:
        raise DecodeError(f"expected a message of at most {max_bytes} bytes, got {len(message)}")
    openings = message.count(b"[") + message.count(b"{")
    if openings > MAX_DEPTH:
        _walk(message)


def _walk(message: bytes) -> None:
    depth = containers = 0
    for token in _TOKENS.finditer(message):
        first = message[token.start()]
        if first in b"[{":
            depth += 1
            containers += 1
            if depth > MAX_DEPTH:
                raise DecodeError(f"expected at most {MAX_DEPTH} levels of nesting, got more")
            if containers > MAX_CONTAINERS:
                raise DecodeError(f"expected at most {MAX_CONTAINERS} lists and objects, got more")
        elif first in b"]}":
            depth -= 1
