"""What a pair remembers of a job: a record in the store; and the names that things have there."""

from __future__ import annotations

import hashlib
import math
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from anyjob.core.backend import JobRecord
from anyjob.core.envelope import Unique
from anyjob.core.state import State

#: A record goes after so many seconds whatever became of its job: a crash may leave one behind.
FORGOTTEN = 30 * 86_400.0
#: Bytes of a body that a record repeats, for whoever looks the job up.
LARGEST_BODY = 1024 * 1024


class Phase(StrEnum):
    """Where the job of a record is."""

    #: With the backend, or on its way there.
    WAITING = "w"
    #: In the store, until it is due.
    SCHEDULED = "s"
    DEAD = "d"
    SUCCEEDED = "+"
    CANCELLED = "x"
    EXPIRED = "e"


ENDED = {
    Phase.DEAD: State.DEAD,
    Phase.SUCCEEDED: State.SUCCEEDED,
    Phase.CANCELLED: State.CANCELLED,
    Phase.EXPIRED: State.EXPIRED,
}
PHASES = {state: phase for phase, state in ENDED.items()}


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the store holds of one job; a change of it by version is what decides."""

    # First what is known of every job that is over; see `plain.Success`.
    phase: Phase
    #: The call that stores it; it is stored for sure once the lot is marked. 0: it is.
    lot: int = 0
    priority: int = 5
    #: None: too long to be repeated here, or not needed any more.
    body: bytes | None = None
    #: When its queue had been purged so often.
    epoch: int = 0
    #: As they were at the last change.
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""
    generation: int = 0
    #: Of several messages of one generation, the one that is the job; 0: any.
    copy: int = 0
    #: The token of the lease that the last change was made under.
    owner: int = 0
    ended: float | None = None
    outcome: bytes | None = None
    key: bytes = b""
    key_ttl: float = math.inf
    #: The part of them that the backend does not know.
    base_attempts: int = 0
    base_redeliveries: int = 0
    base_note: bytes = b""
    #: When it is due, in seconds since the epoch; 0: at once.
    due: float = 0.0
    reason: str | None = None
    #: It was cancelled while somebody may have been running it.
    is_pending: bool = False

    @property
    def is_over(self) -> bool:
        return self.phase in ENDED

    def ends(self, phase: Phase, owner: int, now: float) -> Record:
        """The same job, over."""
        return replace(self, phase=phase, owner=owner, ended=now, body=None)


class Change(msgspec.Struct, frozen=True):
    """A record to be written in place of that version; None: of none."""

    queue: str
    id: str
    record: Record
    version: int | None
    ttl: float | None = FORGOTTEN


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Record).decode


def record_key(queue: str, id: str) -> str:
    return f"pair/r/{queue}/{id}"


def lot_key(lot: int) -> str:
    return f"pair/l/{lot:016x}"


def holder_key(queue: str, key: bytes) -> str:
    return f"pair/u/{queue}/{key.hex()}"


def word_key(queue: str) -> str:
    return f"pair/q/{queue}"


def sessions_key(queue: str) -> str:
    return f"pair/w/{queue}"


def session_key(session: int) -> str:
    return f"pair/s/{session:016x}"


def agenda_of(queue: str) -> str:
    """The schedule of what is due some day."""
    return f"pair/due/{queue}"


def listing_of(queue: str) -> str:
    """Every id of the agenda, all due at once, so that it can be read."""
    return f"pair/all/{queue}"


def dead_of(queue: str) -> str:
    """Every dead id, in the same way."""
    return f"pair/dead/{queue}"


def count_key(queue: str) -> str:
    return f"pair/n/{queue}"


def digest(unique: Unique) -> bytes:
    """The name of a unique key in its queue."""
    return hashlib.blake2b(unique.key.encode(), digest_size=16).digest()


def shown(queue: str, id: str, record: Record, state: State) -> JobRecord:
    """A record as `get` tells it."""
    is_over = state.is_terminal and state is not State.DEAD
    return JobRecord(
        id=id,
        queue=queue,
        state=state,
        priority=record.priority,
        attempts=record.attempts,
        redeliveries=record.redeliveries,
        body=None if is_over else record.body,
        note=record.note,
        due=record.due if state is State.SCHEDULED else None,
        reason=record.reason if state.is_terminal else None,
        ended=record.ended if state.is_terminal else None,
        outcome=record.outcome if state.is_terminal else None,
    )
