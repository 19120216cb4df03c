"""Bytes as a failure shows them."""

from __future__ import annotations

import hashlib

_SHOWN = 200


def brief(data: bytes | None) -> bytes | tuple[int, bytes, str] | None:
    """Short bytes as they are, long ones as length, beginning and digest; equal for equal ones.

    Of two different bodies of a megabyte pytest makes a list of all differing lines, in CI for
    minutes, and nobody can read it.
    """
    if data is None or len(data) <= _SHOWN:
        return data
    return len(data), data[:_SHOWN], hashlib.sha256(data).hexdigest()
