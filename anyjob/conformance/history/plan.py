"""How large a run is, and what happens in it."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How large a run is, and what happens to it."""

    jobs: int
    producers: int = 2
    consumers: int = 3
    kills: int = 1
    freezes: int = 1
    #: Of queues, where the backend can.
    pauses: int = 0
    #: Of the server, and of every connection to it, where there is a server of the run's own.
    server_kills: int = 0
    server_freezes: int = 0
    cuts: int = 0
    whole_batch: bool = False
    #: Of one job in ten.
    delays: tuple[float, ...] = (0.1, 0.3)
    #: Every job is delayed, and all consumers are killed while all jobs wait.
    delays_all: bool = False
    lease: float = 0.4
    credit: int = 8
    max_attempts: int = 3
    max_redeliveries: int = 2
    queues: tuple[str, ...] = ("first", "second")
    #: No run takes longer before it is drained, whatever is left.
    longest: float = 30.0
