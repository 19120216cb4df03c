"""What is to become of a message that came up, by what its record says. Pure."""

from __future__ import annotations

from enum import Enum

from msgspec.structs import replace

from anyjob.backends.paired.held import Hold
from anyjob.backends.paired.records import Phase, Record


class Fate(Enum):
    """What is to be done with a message."""

    #: It is the job: it goes to the caller, once that is written.
    RUN = "run"
    #: It is over, or another message is the job: this one is removed.
    DROP = "drop"
    #: It was cancelled: once that is written for good, the message is removed.
    CANCEL = "cancel"
    #: It waits in the store for its time: that is seen to, and the message is removed.
    POSTPONE = "postpone"
    #: It was buried, and the message is still to be.
    BURY = "bury"


def fate_of(hold: Hold, record: Record) -> Fate:
    """Return what a message is worth that its backend leased just now."""
    message = hold.message
    if record.phase is Phase.CANCELLED and record.is_pending:
        return Fate.CANCEL
    if record.phase is Phase.DEAD:
        return Fate.BURY
    if record.is_over:
        return Fate.DROP
    if message.generation != record.generation:
        older = message.generation < record.generation
        return Fate.POSTPONE if older and record.phase is Phase.SCHEDULED else Fate.DROP
    if record.copy and message.copy != record.copy:
        return Fate.DROP
    return Fate.RUN


def may_end(hold: Hold, record: Record) -> bool:
    """Whether a live lease may end the job of a record that is not as it was when last seen."""
    if record.phase is Phase.CANCELLED:
        return record.is_pending
    if record.phase is Phase.DEAD:
        return True  # somebody revived it past its record
    if record.is_over or record.phase is Phase.SCHEDULED:
        return False
    same = hold.message.generation == record.generation
    return same and record.copy in (0, hold.message.copy)


def taken(hold: Hold, record: Record, epoch: int) -> Record:
    """The record of a job that this lease runs from now on."""
    return replace(
        record,
        phase=Phase.WAITING,
        owner=hold.lease.token,
        copy=hold.message.copy,
        epoch=max(record.epoch, epoch),
        lot=0,
    )
