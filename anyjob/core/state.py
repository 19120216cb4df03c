"""The states of a job."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job stands; the last four are terminal."""

    SCHEDULED = "scheduled"
    READY = "ready"
    LEASED = "leased"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED, State.EXPIRED})
#: What has not been started and may be cancelled or purged.
WAITING = frozenset({State.SCHEDULED, State.READY})
