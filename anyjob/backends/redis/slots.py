"""Which node of a Cluster holds which slot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot

#: Host and port of a node.
Address = tuple[str, int]


def slot_of(key: bytes) -> int:
    """The slot of a key, by what stands in its braces."""
    return int(key_slot(key))


class Slots:
    """Who holds which slot, as one node told it at one moment; never changed."""

    def __init__(self, ranges: Sequence[tuple[int, int, Address]] = ()) -> None:
        """`ranges` are first slot, last slot and holder."""
        self._ranges = sorted(ranges)
        self._firsts = [first for first, _, _ in self._ranges]
        #: Every node that holds a slot, in the order of their first ones.
        self.nodes = tuple(dict.fromkeys(address for _, _, address in self._ranges))

    def holder(self, slot: int) -> Address | None:
        """The node that holds a slot; None if nobody does."""
        at = bisect_right(self._firsts, slot) - 1
        if at < 0 or slot > self._ranges[at][1]:
            return None
        return self._ranges[at][2]

    def is_like(self, other: Slots) -> bool:
        """Whether both say the same."""
        return self._ranges == other._ranges

    def heir(self, node: Address, later: Slots) -> Address | None:
        """Who holds, of `later`, the first slot that a node held."""
        for first, _, address in self._ranges:
            if address == node:
                return later.holder(first)
        return None


def read_slots(reply: Sequence[Any], told_by: Address) -> Slots:
    """What CLUSTER SLOTS answers, as https://redis.io/docs/latest/commands/cluster-slots/ says."""
    ranges = []
    for first, last, primary, *_ in reply:
        # A node that does not know its own name leaves it out: it is that of whom we asked.
        host = primary[0].decode() if primary[0] not in (None, b"", b"?") else told_by[0]
        ranges.append((int(first), int(last), (host, int(primary[1]))))
    return Slots(ranges)
