"""Job ids: UUIDv7 (RFC 9562), so that ids made later sort later."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

_COUNTER_BITS = 42
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


class IdMaker:
    """Makes ids that grow within one process; any thread may call it.

    `now` gives wall seconds, `random_bits(n)` n random bits: both are handed in, so that a test can
    repeat them. An id is the millisecond, a growing 42-bit number that starts at random for each
    maker, and 32 random bits that belong to the maker.
    """

    def __init__(self, now: Callable[[], float], random_bits: Callable[[int], int]) -> None:
        self._now = now
        # The counter starts in the lower half, so that it cannot overflow in a process's life.
        self._count = count(random_bits(_COUNTER_BITS - 1))
        self._tail = random_bits(32)

    def __call__(self) -> str:
        number = next(self._count)
        value = (
            (int(self._now() * 1000) & 0xFFFF_FFFF_FFFF) << 80
            | _VERSION
            | (number >> 30 & 0xFFF) << 64
            | _VARIANT
            | (number & 0x3FFF_FFFF) << 32
            | self._tail
        )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
