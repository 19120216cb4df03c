"""What crosses the wire of the line-protocol pair: a JSON list in a line, and a line back.

The first line of a connection names its namespace and kind, and the time where the client has a
clock of its own. A request is [verb, arguments]; an answer is ["ok", result, epoch] or ["error",
class, message, further arguments]. A "clock" line moves the clock of the namespace and has no
answer, so that it travels with the request that follows.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from anyjob.core import errors
from anyjob.core.backend import CancelResult, Counts, JobRecord, Page, QueueShare, QueueSpec
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import Accepted, Duplicate, Envelope, Receipt, Rejected, Unique
from anyjob.core.settlement import (
    Abandon,
    Bury,
    Complete,
    End,
    Lease,
    Release,
    Retry,
    Settlement,
)
from anyjob.core.state import State
from anyjob.core.store import (
    Claim,
    ClaimRequest,
    Delete,
    Due,
    Entry,
    Member,
    MemberSettled,
    Point,
    Put,
    StoreCapabilities,
    Written,
)

#: The first line: namespace, kind, and wall and monotonic time.
Hello = tuple[str, Literal["backend", "store", "admin"], tuple[float, float] | None]
MAX_PAYLOAD = 1024 * 1024
_KINDS = {kind.__name__: kind for kind in (Complete, Retry, Release, Bury, End, Abandon)}


class Job(msgspec.Struct, frozen=True, array_like=True):
    """An envelope as it travels."""

    id: str
    queue: str
    body: bytes
    priority: int
    due: float | datetime | None
    unique: Unique | None

    @classmethod
    def of(cls, envelope: Envelope) -> Job:
        return cls(
            envelope.id,
            envelope.queue,
            envelope.body,
            envelope.priority,
            envelope.due,
            envelope.unique,
        )

    def envelope(self) -> Envelope:
        return Envelope(self.id, self.queue, self.body, self.priority, self.due, self.unique)


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """A settlement as it travels: its lease without the job, and the fields of its kind."""

    kind: str
    lease: Lease
    note: bytes | None
    then: tuple[Job, ...]
    outcome: bytes | None
    keep: float
    further: dict[str, Any]

    @classmethod
    def of(cls, settlement: Settlement) -> Sent:
        further = {
            name: getattr(settlement, name)
            for name in ("delay", "reason", "ran", "state")
            if hasattr(settlement, name)
        }
        return cls(
            type(settlement).__name__,
            bare(settlement.lease),
            settlement.note,
            tuple(map(Job.of, settlement.then)),
            settlement.outcome,
            settlement.keep,
            further,
        )

    def settlement(self) -> Settlement:
        made: Settlement = _KINDS[self.kind](
            lease=self.lease,
            note=self.note,
            then=tuple(job.envelope() for job in self.then),
            outcome=self.outcome,
            keep=self.keep,
            **self.further,
        )
        return made


class Hand(msgspec.Struct, frozen=True, array_like=True):
    """A consumer as every request names it, so that a server that was started again knows it."""

    id: str
    shares: tuple[QueueShare, ...]
    lease: float
    worker: str


class Took(msgspec.Struct, frozen=True, array_like=True):
    """What a fetch brings: the answers to the settlements that came with it, and leases."""

    answers: list[str]
    leases: list[Lease]


class Receipted(msgspec.Struct, frozen=True, array_like=True):
    """A receipt as it travels."""

    kind: str
    word: str = ""

    @classmethod
    def of(cls, receipt: Receipt) -> Receipted:
        word = getattr(receipt, "id", "") or getattr(receipt, "why", "")
        return cls(type(receipt).__name__, word)

    def receipt(self) -> Receipt:
        if self.kind == "Accepted":
            return Accepted()
        return Duplicate(self.word) if self.kind == "Duplicate" else Rejected(self.word)


def bare(lease: Lease) -> Lease:
    """A lease without its job, which the server knows."""
    return msgspec.structs.replace(lease, body=b"", note=b"")


_NONE = tuple[()]
#: The arguments and the result of each verb.
BACKEND: dict[str, tuple[Any, Any]] = {
    "capabilities": (_NONE, Capabilities),
    "declare": (tuple[list[QueueSpec]], None),
    "enqueue": (tuple[list[Job]], list[Receipted]),
    "fetch": (tuple[Hand, int, float, dict[str, int] | None, list[Sent]], Took),
    "flush": (tuple[Hand, float, list[Sent]], list[str]),
    "extend": (tuple[Hand, list[Lease], float], list[int]),
    "wake": (tuple[Hand], None),
    "release": (tuple[Hand, list[Sent]], list[str]),
    "maintain": (tuple[float], float),
    "counts": (tuple[str], Counts),
    "pause": (tuple[str], None),
    "resume": (tuple[str], None),
    "paused": (_NONE, set[str]),
    "queues": (_NONE, set[str]),
    "browse": (tuple[str, State, str | None, int], Page),
    "get": (tuple[str, list[str], float], list[JobRecord | None]),
    "cancel": (tuple[str, list[str], float], list[CancelResult]),
    "purge": (tuple[str, list[State]], int),
    "revive": (tuple[str, list[str] | None, dict[str, bytes] | None], int),
    "discard": (tuple[str, list[str] | None], int),
}
STORE: dict[str, tuple[Any, Any]] = {
    "capabilities": (_NONE, StoreCapabilities),
    "get": (tuple[list[str]], list[Entry | None]),
    "put": (tuple[list[Put]], list[Written]),
    "delete": (tuple[list[Delete]], list[Written]),
    "claim": (tuple[list[ClaimRequest]], list[Claim]),
    "unclaim": (tuple[list[tuple[str, int]]], list[bool]),
    "create_sets": (tuple[list[tuple[str, int]]], list[bool]),
    "settle_members": (tuple[list[Member]], list[MemberSettled]),
    "increment": (tuple[list[tuple[str, int]]], list[int]),
    "schedule": (tuple[list[tuple[str, str, float, bytes]]], list[bool]),
    "take_due": (tuple[str, int, float], list[Due]),
    "settle_due": (tuple[list[Due]], list[bool]),
    "unschedule": (tuple[list[tuple[str, str]]], list[bool]),
    "append": (tuple[list[tuple[str, bytes]], float], None),
    "series": (tuple[str, tuple[float, int] | None, int], list[Point]),
    "maintain": (tuple[float], float),
}
VERBS = {"backend": BACKEND, "store": STORE}


def whole_lines(wire: socket.socket) -> Iterator[bytes]:
    """Every line that came whole; what was cut off is no request."""
    buffer = bytearray()
    while data := wire.recv(256 * 1024):
        start = len(buffer)
        buffer += data
        while (end := buffer.find(b"\n", start)) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
            start = 0


def line(*words: Any) -> bytes:
    return msgspec.json.encode(words) + b"\n"


def refusal(error: errors.AnyjobError) -> bytes:
    """An error of ours as an answer."""
    further = [error.name] if isinstance(error, errors.UnsupportedCapability) else []
    return line("error", type(error).__name__, str(error), further)


def refused(name: str, message: str, further: Sequence[str]) -> errors.AnyjobError:
    """The error that an answer tells of; an unknown one is a BackendError."""
    kind = getattr(errors, name, errors.BackendError)
    made: errors.AnyjobError = kind(*further, message)
    return made
