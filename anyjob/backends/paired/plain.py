"""The ends of most jobs: they ran once, are done, and nobody had looked at them meanwhile.

A whole lot of them is one write to the store and one flush of the backend; everything else is left
to `Ending`, which knows how to find out what became of a lease.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from anyjob.backends.paired.held import Held, Hold
from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.records import Phase, Record, decode, record_key
from anyjob.backends.paired.words import Words
from anyjob.core.clock import Clock
from anyjob.core.settlement import Complete, Settlement
from anyjob.core.store import Put


class Success(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of such a job: the first fields of a record, in their order. What is not
    written costs nothing, and is read as nothing.
    """

    phase: Phase
    lot: int
    priority: int
    body: None
    epoch: int
    attempts: int
    redeliveries: int
    note: bytes
    generation: int
    copy: int
    owner: int
    ended: float
    outcome: bytes | None


_encode = msgspec.msgpack.Encoder().encode


class Plain:
    """Writes such ends, for one consumer; under its sending lock."""

    def __init__(
        self, held: Held, ledger: Ledger, words: Words, clock: Clock, memory: float
    ) -> None:
        self._held = held
        self._ledger = ledger
        self._words = words
        self._clock = clock
        self._memory = memory

    def holds(self, lot: Sequence[Settlement]) -> list[Hold] | None:
        """The leases that a lot ends; None unless each end is such a one, of a lease of its own."""
        now = self._clock.monotonic()
        holds: list[Hold] = []
        for settlement, hold in zip(
            lot, self._held.find_all([each.lease for each in lot]), strict=True
        ):
            if (
                hold is None
                or type(settlement) is not Complete
                or settlement.then
                or hold.record is not None
                or hold.settled is not None
                or hold.message.key
                or hold.ends <= now
            ):
                return None
            holds.append(hold)
        return holds if len(set(map(id, holds))) == len(holds) else None

    def write(self, lot: Sequence[Settlement], holds: Sequence[Hold]) -> list[int]:
        """Write the ends, and return the places of those that are not written, because their
        records are not as they were. Raises BackendError.
        """
        now, memory = self._clock.time(), self._memory
        epochs = self._epochs({hold.inner.queue for hold in holds})
        puts: list[Put] = []
        for settlement, hold in zip(lot, holds, strict=True):
            lease, message, version = hold.lease, hold.message, hold.version
            note, keep = settlement.note, settlement.keep
            success = Success(
                Phase.SUCCEEDED,
                0,
                lease.priority,
                None,
                epochs[lease.queue],
                lease.attempt - 1,
                lease.redeliveries,
                lease.note if note is None else note,
                message.generation,
                message.copy,
                lease.token,
                now,
                settlement.outcome,
            )
            puts.append(
                Put(
                    record_key(lease.queue, lease.id),
                    _encode(success),
                    keep + memory if keep > 0 else memory,
                    version or None,
                    not version,
                )
            )
        left: list[int] = []
        for at, written in enumerate(self._ledger.put(puts)):
            if written.done:
                hold = holds[at]
                hold.version, hold.settled, hold.written = (
                    written.version or 0,
                    lot[at],
                    puts[at].value,
                )
            else:
                left.append(at)
        return left

    def _epochs(self, queues: set[str]) -> dict[str, int]:
        words = {queue: self._words.last(queue) for queue in queues}
        return {queue: word.purging or word.epoch for queue, word in words.items()}


def recall(hold: Hold) -> Record | None:
    """The record as it stands, where it was written here and nobody has asked for it since."""
    if hold.record is None and hold.written:
        hold.record = decode(hold.written)
    return hold.record
