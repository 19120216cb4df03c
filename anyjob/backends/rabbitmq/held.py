"""What a consumer holds: each lease that it gave out and nobody settled."""

from __future__ import annotations

import itertools
import random

import msgspec

from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.line import Delivery, Line
from anyjob.backends.rabbitmq.messages import Record
from anyjob.core.settlement import Lease, Verdict


class Hold(msgspec.Struct, frozen=True, eq=False):
    """A leased job: where it came from, and what it was."""

    id: str
    line: Line
    epoch: int
    tag: int
    record: Record
    body: bytes
    token: int
    is_job: bool

    @property
    def is_live(self) -> bool:
        """Whether what it came on is still there; with the consumer's lock, or in the loop."""
        return self.line.epoch == self.epoch

    @property
    def lease(self) -> Lease:
        """The lease as it is settled by the consumer itself, which looks at no time."""
        return self.as_lease(0.0, 0.0, Verdict.RUN)

    def as_lease(self, now: float, until: float, verdict: Verdict) -> Lease:
        return Lease(
            id=self.id,
            queue=self.line.queue,
            token=self.token,
            body=self.body,
            priority=self.record.priority,
            attempt=self.record.attempts + 1,
            redeliveries=self.record.redeliveries,
            note=self.record.note,
            now=now,
            until=until,
            verdict=verdict,
        )


class Held:
    """By its token, each hold; with the consumer's lock held."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long each lease is said to be."""
        self._seconds = seconds
        self._holds: dict[int, Hold] = {}
        self._session = random.getrandbits(31)
        self._numbers = itertools.count(1)

    def hold(self, line: Line, delivery: Delivery) -> Hold:
        """What came on a line, under a token of its own; nobody holds it yet."""
        job = messages.received(delivery.properties, delivery.body)
        token = self._session << 32 | next(self._numbers)
        return Hold(
            job.id, line, line.epoch, delivery.tag, job.record, delivery.body, token, job.is_job
        )

    def leased(self, line: Line, delivery: Delivery, now: float) -> Lease:
        """Hold what came on a line, and lease it."""
        hold = self.hold(line, delivery)
        self._holds[hold.token] = hold
        verdict = Verdict.RUN if hold.is_job else Verdict.UNDECODABLE
        return hold.as_lease(now, now + self._seconds, verdict)

    def has(self, lease: Lease) -> bool:
        hold = self._holds.get(lease.token)
        return (
            hold is not None
            and hold.id == lease.id
            and hold.line.queue == lease.queue
            and hold.is_live
        )

    def take(self, lease: Lease) -> Hold | None:
        """The hold of a lease, which nobody has any more; None if it is lost."""
        return self._holds.pop(lease.token) if self.has(lease) else None

    def take_all(self) -> list[Hold]:
        """Every hold, in the order in which they were given out; nobody has them any more."""
        holds, self._holds = list(self._holds.values()), {}
        return holds

    def keep(self, hold: Hold) -> None:
        """A settlement did nothing: it is held as before."""
        if hold.is_live:
            self._holds[hold.token] = hold

    def lose(self, line: Line) -> None:
        """The leases of this line are over."""
        for token in [token for token, hold in self._holds.items() if hold.line is line]:
            del self._holds[token]
