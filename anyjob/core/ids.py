"""Job ids: UUIDv7 (RFC 9562), so that ids made later sort later."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

_COUNTER_BITS = 48


class IdMaker:
    """Makes ids that grow within one process; any thread may call it.

    An id is the millisecond, 26 random bits that belong to the maker, and a growing 48-bit number
    that starts at random. `random_bits(n)` gives n random bits and is handed in, so that a test can
    repeat them.
    """

    def __init__(self, random_bits: Callable[[int], int]) -> None:
        version_group = 0x7000 | random_bits(12)
        variant_group = 0x8000 | random_bits(14)
        self._own = f"{version_group:04x}-{variant_group:04x}"
        # It starts in the lower half, so that it cannot overflow in a process's life.
        self._count = count(random_bits(_COUNTER_BITS - 1))
        self._millisecond = (-1, "")

    def __call__(self, now: float) -> str:
        """Return the next id, made at `now` in seconds since the epoch."""
        millisecond = int(now * 1000) & 0xFFFF_FFFF_FFFF
        known, text = self._millisecond
        if known != millisecond:
            text = f"{millisecond >> 16:08x}-{millisecond & 0xFFFF:04x}-{self._own}"
            self._millisecond = (millisecond, text)
        return f"{text}-{next(self._count):012x}"
