"""A settlement on its way, and what it makes of the record of its job. Pure."""

from __future__ import annotations

import math

from msgspec.structs import replace

from anyjob.backends.paired.held import Hold
from anyjob.backends.paired.plain import recall
from anyjob.backends.paired.records import FORGOTTEN, LARGEST_BODY, Phase, Record
from anyjob.core.settlement import Abandon, Answer, Bury, Complete, End, Retry, Settlement

_PHASES = {"expired": Phase.EXPIRED, "cancelled": Phase.CANCELLED}


class Step:
    """One settlement of a lease that is held."""

    __slots__ = ("answer", "delay", "due", "hold", "id", "inner", "queue", "settlement")

    def __init__(self, settlement: Settlement, hold: Hold) -> None:
        self.settlement = settlement
        self.hold = hold
        self.queue = settlement.lease.queue
        self.id = settlement.lease.id
        self.delay: float = getattr(settlement, "delay", 0.0)
        #: When it comes again, where it waits in the store.
        self.due = 0.0
        self.answer: Answer | None = None
        #: What the backend is to be told.
        self.inner: Settlement | None = None

    @property
    def is_repeated(self) -> bool:
        """Whether the store was told already, and the backend's answer is still out."""
        return self.hold.settled is not None

    @property
    def record(self) -> Record:
        """The record as far as it is known; what nobody read is known by its message."""
        known = recall(self.hold)
        if known is not None:
            return known
        message = self.hold.message
        return Record(
            Phase.WAITING,
            priority=self.hold.lease.priority,
            body=_repeated(message.body),
            key=message.key,
            key_ttl=message.key_ttl or math.inf,
            generation=message.generation,
            copy=message.copy,
        )

    @property
    def is_over(self) -> bool:
        """Whether the job is over with it, in whatever way."""
        return isinstance(self.settlement, Complete | End | Bury)


def owned(step: Step) -> Record:
    """The record as it is, written again: that fails where it is not ours any more."""
    return replace(step.record, owner=step.hold.lease.token)


def settled(step: Step, now: float, epoch: int, *, waits_here: bool) -> Record:
    """The record of a job whose lease ends so, at `now` in seconds since the epoch."""
    kind, hold = step.settlement, step.hold
    lease, token = hold.lease, hold.lease.token
    record = replace(
        step.record,
        epoch=max(step.record.epoch, epoch),
        note=lease.note if kind.note is None else kind.note,
        # From now on the backend has the note.
        base_note=step.record.base_note if kind.note is None else b"",
        attempts=lease.attempt - 1,
        redeliveries=lease.redeliveries,
        is_pending=False,
        lot=0,
    )
    match kind:
        case Complete():
            return replace(record.ends(Phase.SUCCEEDED, token, now), outcome=kind.outcome)
        case End():
            return replace(record.ends(_PHASES[kind.state], token, now), outcome=kind.outcome)
        case Bury():
            return replace(
                record.ends(Phase.DEAD, token, now),
                reason=kind.reason,
                outcome=kind.outcome,
                attempts=record.attempts + kind.ran,
                body=_repeated(hold.message.body),
            )
        case Retry():
            record = replace(record, attempts=record.attempts + 1)
        case Abandon():
            record = replace(record, redeliveries=record.redeliveries + 1)
    record = replace(record, phase=Phase.WAITING, owner=0)
    return _postponed(record, step) if waits_here else record


def _postponed(record: Record, step: Step) -> Record:
    """The record of a job that waits in the store from now on."""
    return replace(
        record,
        phase=Phase.SCHEDULED,
        owner=step.hold.lease.token,
        copy=0,
        generation=record.generation + 1,
        due=step.due,
        base_attempts=record.attempts,
        base_redeliveries=record.redeliveries,
        base_note=record.note,
    )


def lasts(step: Step, record: Record, memory: float) -> float | None:
    """For how many seconds a record is kept; what is over at least for `memory`."""
    if record.phase is Phase.DEAD:
        return None
    if record.is_over:
        return max(step.settlement.keep, 0.0) + memory
    return FORGOTTEN + step.delay


def needs_proof(step: Step, now: float) -> bool:
    """Whether only the backend can tell that a lease is ours: one that has lapsed here at `now` on
    the steady clock; one that has children, who must not come without it; and a burial, as the
    backend keeps the dead.
    """
    settlement = step.settlement
    return step.hold.ends <= now or bool(settlement.then) or type(settlement) is Bury


def _repeated(body: bytes) -> bytes | None:
    return body if len(body) <= LARGEST_BODY else None
