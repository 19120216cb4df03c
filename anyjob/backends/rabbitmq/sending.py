"""What is sent to the broker, and what its confirms come to for whoever waits for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from pika import BasicProperties

from anyjob.backends.rabbitmq import ladder, messages, topology
from anyjob.backends.rabbitmq.errors import Uncertain, closed, full, too_large, unreachable
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.messages import Message
from anyjob.backends.rabbitmq.names import Names, as_word
from anyjob.backends.rabbitmq.publisher import Fate, Publisher
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt, Rejected
from anyjob.core.errors import BackendError, EnqueueUncertain

#: What became of a job, where the broker said so.
_CERTAIN = (Fate.STORED, Fate.UNROUTABLE, Fate.TOO_LARGE)


class Sender:
    """Makes messages, and publishes them for a caller who waits."""

    def __init__(self, link: Link, publisher: Publisher, names: Names) -> None:
        self._link = link
        self._publisher = publisher
        self._names = names

    def enqueue(self, jobs: Sequence[Envelope]) -> list[Receipt]:
        """Store new jobs, whose delays are checked already; raises if none was stored, or nobody
        knows.
        """
        fates = self._publish([self.to_enqueue(job) for job in jobs])
        self._refuse(fates)
        if all(fate is Fate.TOO_LARGE for fate in fates):
            raise too_large(self._link.location, max(len(job.body) for job in jobs))
        if not all(fate in _CERTAIN for fate in fates):
            raise EnqueueUncertain(
                f"{self._shown} did not confirm all {len(jobs)} jobs; each of them may be"
                " stored or not, and sending one again may run it twice",
                jobs,
            ) from TimeoutError("no confirm came")
        return [self._receipt(job, fate) for job, fate in zip(jobs, fates, strict=True)]

    def store(self, sent: Sequence[Message]) -> None:
        """Store all of these, or raise."""
        fates = self._publish(sent) if sent else []
        if all(fate is Fate.STORED for fate in fates):
            return
        self._refuse(fates)
        if any(fate in (Fate.BLOCKED, Fate.REFUSED) for fate in fates):
            raise full(self._link.location)
        if any(fate is Fate.TOO_LARGE for fate in fates):
            raise too_large(self._link.location, max(len(each.body) for each in sent))
        if any(fate is Fate.UNROUTABLE for fate in fates):
            raise BackendError(
                f"{self._shown} has no queue for what was sent; declare it with declare()"
            )
        raise Uncertain(f"{self._shown} did not confirm what was sent") from TimeoutError(
            "no confirm came"
        )

    def to_enqueue(self, job: Envelope) -> Message:
        """The message of a new job; its delay is checked already."""
        delay = job.due or 0.0
        if isinstance(delay, datetime):
            delay = delay.timestamp() - time.time()
        return self.to_publish(job.queue, job.priority, delay, job.body, messages.fresh(job))

    def to_publish(
        self, queue: str, priority: int, delay: float, body: bytes, properties: BasicProperties
    ) -> Message:
        """A message to a queue's band, by way of the ladder if it is delayed."""
        band = self._names.ready(queue, priority)
        if delay <= 0:
            return Message(self._names.exchange, band, body, properties)
        count = ladder.units(delay)
        key = ladder.routing_key(count, as_word(band))
        return Message(topology.ladder_exchange(ladder.entry(count)), key, body, properties)

    def _publish(self, sent: Sequence[Message]) -> list[Fate]:
        began = time.monotonic()
        self._link.wait(COMMAND)
        return self._publisher.publish(sent, COMMAND - (time.monotonic() - began))

    def _receipt(self, job: Envelope, fate: Fate) -> Receipt:
        if fate is Fate.TOO_LARGE:
            return Rejected(str(too_large(self._link.location, len(job.body))))
        if fate is Fate.UNROUTABLE:
            return Rejected(f"queue {job.queue!r} is not declared; declare it with declare()")
        return ACCEPTED

    def _refuse(self, fates: Sequence[Fate]) -> None:
        """Raise if nothing was stored, and that is known."""
        refusal = self._publisher.refusal
        if refusal is not None and all(fate is Fate.FORBIDDEN for fate in fates):
            raise closed(self._link.location, refusal) from refusal
        if all(fate is Fate.UNSENT for fate in fates):
            raise unreachable(
                self._link.location, "was lost before anything was sent"
            ) from ConnectionError("no connection")
        if all(fate in (Fate.BLOCKED, Fate.REFUSED) for fate in fates):
            raise full(self._link.location)

    @property
    def _shown(self) -> str:
        return self._link.location.shown
