"""What the rules need of the declared levels."""

from __future__ import annotations

import msgspec

from anyjob.conformance.history.events import Header


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of `Capabilities` by which a history is judged; the strictest where one is absent."""

    lease: str = "timed"
    exclusive: bool = True
    dedup: str = "window"
    redeliveries: str = "exact"
    order: str = "fifo"
    release: str = "place"
    dead: str = "native"
    delay: str = "native"
    unique: str = "native"
    low_share: str = "native"
    atomic_children: bool = True
    priorities: int = 10
    max_batch: int = 1000
    resolution: float = 0.001
    wakeup_lag: float = 0.01
    schedule_lag: float = 0.01
    visibility_lag: float = 0.0
    prefetch: int = 0


def levels_of(header: Header) -> Levels:
    """Read the levels off a header."""
    return msgspec.convert(dict(header.capabilities), Levels)
