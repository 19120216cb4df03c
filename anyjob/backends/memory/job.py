"""One stored job as the memory backend keeps it."""

from __future__ import annotations

import msgspec

from anyjob.core.backend import JobRecord
from anyjob.core.envelope import Unique
from anyjob.core.state import State

READY = State.READY
SCHEDULED = State.SCHEDULED
LEASED = State.LEASED
DEAD = State.DEAD


class Job(msgspec.Struct, eq=False, gc=False):
    """A job and where it stands. Mutable; its space's lock guards every field.

    The garbage collector does not follow it (gc=False): it refers to text, bytes and numbers alone,
    and a million of them would otherwise be walked again and again.
    """

    id: str
    body: bytes
    priority: int
    unique: Unique | None
    state: State
    #: The place in its line while ready, in the order of burial while dead.
    place: int
    #: Wall clock: since when it is ready, or when it becomes so.
    ready_at: float
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""
    #: Of the newest lease; 0 before the first.
    token: int = 0
    #: Monotonic clock: when the lease ends, or when the record of an ended job may be forgotten.
    until: float = 0.0
    #: Monotonic clock: until when it holds its unique key.
    key_until: float = 0.0
    #: Wall clock: when it ended, or was buried.
    ended: float | None = None
    reason: str | None = None
    outcome: bytes | None = None


def record_of(job: Job, queue: str, until: float | None) -> JobRecord:
    """Show `job`; `until` is the wall time at which its lease ends."""
    state = job.state
    return JobRecord(
        id=job.id,
        queue=queue,
        state=state,
        priority=job.priority,
        attempts=job.attempts,
        redeliveries=job.redeliveries,
        body=None if state.is_terminal and state is not DEAD else job.body,
        note=job.note,
        due=job.ready_at if state is SCHEDULED else None,
        until=until if state is LEASED else None,
        reason=job.reason,
        ended=job.ended,
        outcome=job.outcome,
    )
