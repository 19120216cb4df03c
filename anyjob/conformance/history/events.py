"""What a history is written in: one JSON object a line, the first one its header.

A call has an `invoke`, written before it is made, and one of `ok` (it did what was asked), `fail`
(it surely did nothing) and `info` (nobody knows). Where neither follows, its process died in it.
`mono` is the machine's monotonic clock, which all processes of a history share; `at` the backend's,
where the call told it. Seconds in both.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from anyjob.core.backend import CONTRACT
from anyjob.core.envelope import DEFAULT_PRIORITY, Envelope

Phase = Literal["invoke", "ok", "fail", "info"]
#: The kinds of settlement, as `conformance.settlements` names them.
Kind = Literal["complete", "retry", "release", "bury", "end", "abandon"]
#: kill: the process ends at once. freeze: it stands still from start to stop. cut: its connection
#: is lost. stall: the whole machine stood still. pause: the queue named is paused.
Fault = Literal["kill", "freeze", "cut", "stall", "pause"]
#: The target of a fault that strikes the server and so everybody: it is killed and started again,
#: stands still, or loses all its connections.
SERVER = "server"

#: The version of this format.
FORMAT = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what the rest is to be judged by."""

    history: int = FORMAT
    contract: str = CONTRACT
    seed: int = 0
    #: The backend's, as it was open.
    capabilities: Mapping[str, Any] = msgspec.field(default_factory=dict)
    #: What the workers kept to.
    max_attempts: int = 5
    max_redeliveries: int = 5
    #: How many consumers there were at once, at most.
    consumers: int = 1
    #: How much later than declared something may be seen on this machine.
    slack: float = 2.0
    #: Whether the dead letters were listed in the end.
    lists_dead: bool = True


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A job as it was handed to the backend."""

    job: str
    queue: str
    sha256: str
    priority: int = DEFAULT_PRIORITY
    #: Seconds from the call on, or an instant by the backend's clock.
    delay: float = 0.0
    run_at: float | None = None
    unique: str | None = None


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", gc=False
):
    #: Who wrote it; a process that is started again has a new name.
    process: str
    mono: float = msgspec.field(default_factory=time.monotonic)
    at: float | None = None


class Enqueue(_Event, frozen=True, tag="enqueue", gc=False):
    """A call of `enqueue`; its jobs stand in the invocation, its receipts in the `ok`."""

    phase: Phase
    call: int
    jobs: tuple[Sent, ...] = ()
    #: "accepted", "rejected", or the id of the job that is there already.
    receipts: tuple[str, ...] = ()


class Fetch(_Event, frozen=True, tag="fetch", gc=False):
    """A call of `fetch`; the `ok` is written after the deliveries."""

    phase: Phase
    call: int
    queues: tuple[str, ...] = ()
    credit: int = 0
    count: int = 0


class Delivered(_Event, frozen=True, tag="delivered", gc=False):
    """A lease, written before anybody runs the job; `at` is when it was given."""

    job: str
    queue: str
    token: int
    attempt: int
    redeliveries: int
    sha256: str
    until: float
    #: That of the fetch.
    call: int
    priority: int = DEFAULT_PRIORITY
    #: What the worker does with it: run, or what the verdict says.
    verdict: str = "run"


class Settle(_Event, frozen=True, tag="settle", gc=False):
    """One settlement and its answer: done is `ok`, lease lost `fail`, unknown `info`."""

    phase: Phase
    job: str
    token: int
    kind: Kind
    delay: float = 0.0
    reason: str | None = None
    ran: bool = True
    children: tuple[Sent, ...] = ()


class Extend(_Event, frozen=True, tag="extend", gc=False):
    """The extension of one lease; `fail`: it is lost."""

    phase: Phase
    job: str
    token: int
    lease: float = 0.0


class Cancel(_Event, frozen=True, tag="cancel", gc=False):
    """The cancelling of one job; `fail`: it was not waiting."""

    phase: Phase
    job: str


class Maintain(_Event, frozen=True, tag="maintain", gc=False):
    """A call of `maintain`."""

    phase: Phase


class Dead(_Event, frozen=True, tag="dead", gc=False):
    """A dead letter as the backend shows it in the end."""

    job: str
    queue: str
    sha256: str
    attempts: int
    redeliveries: int
    reason: str | None
    priority: int = DEFAULT_PRIORITY


class Expired(_Event, frozen=True, tag="expired", gc=False):
    """The backend shows the job as expired."""

    job: str


class Cancelled(_Event, frozen=True, tag="cancelled", gc=False):
    """The backend shows the job as cancelled."""

    job: str


class FaultStart(_Event, frozen=True, tag="fault_start", gc=False):
    """Written before the fault is done to `target`, a process or a queue."""

    kind: Fault
    target: str = ""


class FaultStop(_Event, frozen=True, tag="fault_stop", gc=False):
    """Written after it is over."""

    kind: Fault
    target: str = ""


class Drained(_Event, frozen=True, tag="drained", gc=False):
    """All faults are over, and a new consumer took what was left until nothing came any more."""


Event = (
    Enqueue
    | Fetch
    | Delivered
    | Settle
    | Extend
    | Cancel
    | Maintain
    | Dead
    | Expired
    | Cancelled
    | FaultStart
    | FaultStop
    | Drained
)


def digest(body: bytes) -> str:
    """What stands for a body in a history."""
    return hashlib.sha256(body).hexdigest()


def sent(envelope: Envelope) -> Sent:
    """What a history keeps of an envelope; its due time is None or a span."""
    due = envelope.due
    assert due is None or isinstance(due, int | float), "a history's jobs have delays"
    return Sent(
        job=envelope.id,
        queue=envelope.queue,
        sha256=digest(envelope.body),
        priority=envelope.priority,
        delay=due or 0.0,
        unique=None if envelope.unique is None else envelope.unique.key,
    )
