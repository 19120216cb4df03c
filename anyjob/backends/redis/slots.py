"""Which node of a Cluster holds which slot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec
from redis.crc import key_slot

#: Host and port of a node.
Address = tuple[str, int]


def slot_of(key: bytes) -> int:
    """The slot of a key, by what stands in its braces."""
    return int(key_slot(key))


class Range(msgspec.Struct, frozen=True):
    """Slots with the same holder, the last one included."""

    first: int
    last: int
    holder: Address
    #: Those that hold a copy, and may take its place.
    replicas: tuple[Address, ...] = ()


class Slots:
    """Who holds which slot, as one node told it at one moment; never changed."""

    def __init__(self, ranges: Sequence[Range] = ()) -> None:
        self._ranges = sorted(ranges, key=lambda each: each.first)
        self._firsts = [each.first for each in self._ranges]
        #: Every node that holds a slot, in the order of their first ones.
        self.nodes = tuple(dict.fromkeys(each.holder for each in self._ranges))

    def holder(self, slot: int) -> Address | None:
        """The node that holds a slot; None if nobody does."""
        at = bisect_right(self._firsts, slot) - 1
        if at < 0 or slot > self._ranges[at].last:
            return None
        return self._ranges[at].holder

    def is_like(self, other: Slots) -> bool:
        """Whether both say the same."""
        return self._ranges == other._ranges

    def failovers(self, later: Slots, missed: Container[Address]) -> list[tuple[Address, Address]]:
        """Each node whose slots a replica of its own holds in `later`, and that replica.

        A slot that went to any other node was moved, and nothing of it was lost. A node that this
        map does not know is taken for a replica if the holder was `missed`: a replica is left out
        until its primary has told it something.
        """
        known = {node for each in self._ranges for node in (each.holder, *each.replicas)}
        found: dict[tuple[Address, Address], None] = {}
        for each in self._ranges:
            heir = later.holder(each.first)
            if heir is None or heir == each.holder:
                continue
            if heir in each.replicas or (heir not in known and each.holder in missed):
                found[each.holder, heir] = None
        return list(found)


def read_slots(reply: Sequence[Any], told_by: Address) -> Slots:
    """What CLUSTER SLOTS answers, as https://redis.io/docs/latest/commands/cluster-slots/ says."""

    def address(node: Sequence[Any]) -> Address:
        # A node that does not know its own name leaves it out: it is that of whom we asked.
        host = node[0].decode() if node[0] not in (None, b"", b"?") else told_by[0]
        return host, int(node[1])

    return Slots(
        [Range(int(first), int(last), *_of(map(address, nodes))) for first, last, *nodes in reply]
    )


def _of(nodes: Iterable[Address]) -> tuple[Address, tuple[Address, ...]]:
    holder, *replicas = nodes
    return holder, tuple(sorted(replicas))
