"""How a lease ends: the six settlements, and what became of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from anyjob.core.envelope import Envelope

#: What the worker may leave beside a job: last error, short history.
MAX_NOTE = 8 * 1024


class Verdict(StrEnum):
    """What is to become of a leased job before anybody runs it."""

    RUN = "run"
    POISON = "poison"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNDECODABLE = "undecodable"


class Lease(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A right to run one job until a time. Two leases are never equal."""

    id: str
    queue: str
    #: Proof of this lease; never issued twice for one job. Only its own backend reads it.
    token: int
    body: bytes
    priority: int
    #: Failed runs so far, plus 1.
    attempt: int
    #: Leases of this job that were lost.
    redeliveries: int
    #: What the last settlement left beside the job; empty at first.
    note: bytes
    #: Seconds since the epoch by the backend's clock, when the lease was given and when it ends.
    now: float
    until: float
    #: `cancelled` and `undecodable` are the backend's to say; the rest is found by `core.verdict`.
    verdict: Verdict = Verdict.RUN

    def __repr__(self) -> str:
        # No payload in a log line or a traceback.
        return f"<Lease on {self.id} in {self.queue}, attempt {self.attempt}>"


class _Settlement(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    lease: Lease
    #: Replaces the job's note unless None; at most MAX_NOTE bytes.
    note: bytes | None = None
    #: Envelopes to enqueue with the settlement, if and only if the lease is still ours.
    then: tuple[Envelope, ...] = ()
    #: Shown by `get` for `keep` seconds once the job ended; the job's end itself at least for
    #: `dedup_window`.
    outcome: bytes | None = None
    keep: float = 0.0


class Complete(_Settlement, frozen=True, eq=False):
    """The job succeeded and is never delivered again."""


class Retry(_Settlement, frozen=True, eq=False):
    """The run failed: `attempt + 1`, and not before `delay` seconds have passed."""

    delay: float = 0.0


class Release(_Settlement, frozen=True, eq=False):
    """Back unrun, nothing counted: at the head of its priority, or after `delay` seconds."""

    delay: float = 0.0


class Bury(_Settlement, frozen=True, eq=False):
    """Dead, kept for a person; the unique key is freed. `ran` counts this lease as a failed run."""

    reason: str
    ran: bool = True


class End(_Settlement, frozen=True, eq=False):
    """Terminal without having succeeded."""

    state: Literal["expired", "cancelled"]


class Abandon(_Settlement, frozen=True, eq=False):
    """Given up as after a crash: `redeliveries + 1`, attempt unchanged, ready at once."""


Settlement = Complete | Retry | Release | Bury | End | Abandon


class Answer(StrEnum):
    """What became of a settlement."""

    DONE = "done"
    #: The lease was not ours any more; nothing changed.
    LEASE_LOST = "lease_lost"
    #: No reply by the deadline; the same settlement may be sent again.
    UNKNOWN = "unknown"


class Settled(msgspec.Struct, frozen=True, eq=False):
    """A settlement with its answer."""

    settlement: Settlement
    answer: Answer
