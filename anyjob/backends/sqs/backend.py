"""The SQS backend: jobs in Amazon's queue service, for any number of hosts."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from anyjob.backends.checks import check_edit
from anyjob.backends.declared import check_jobs, refusing
from anyjob.backends.sqs.claims import LARGEST_CLAIM
from anyjob.backends.sqs.consumer import SQSConsumer
from anyjob.backends.sqs.crew import Crew
from anyjob.backends.sqs.dead import DeadLetters, purge_ready
from anyjob.backends.sqs.errors import NoQueue, Uncertain
from anyjob.backends.sqs.facts import CROWDED, capabilities_of
from anyjob.backends.sqs.held import Hands
from anyjob.backends.sqs.link import COMMAND, Link
from anyjob.backends.sqs.messages import MAX_PAYLOAD
from anyjob.backends.sqs.queues import Queues
from anyjob.backends.sqs.sending import Batches, Told
from anyjob.backends.sqs.settling import Settling
from anyjob.backends.sqs.url import parse_url
from anyjob.core.backend import (
    Backend,
    Consumer,
    Counts,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.clock import Clock
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt, Rejected
from anyjob.core.errors import AnyjobError, EnqueueUncertain, UnsupportedCapability
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_states
from anyjob.core.state import WAITING, State

#: SQS promotes and takes back by itself; what is left is to look whether a queue is crowded.
_MAINTAINED = 300.0
_BROWSABLE = frozenset({State.READY, State.SCHEDULED, State.LEASED, State.DEAD})
#: Seconds in which threads that make calls have ended, once these are cut.
_ENDED = 2.0


class SQSBackend(Backend):
    """Holds jobs in queues of Amazon SQS; any number of objects and hosts may share them.

    URLs are `sqs://` and `sqs://eu-central-1`, with keys `sqs://KEY:SECRET@eu-central-1`, and
    `sqs+fifo://` for FIFO queues, which take no job with a delay; options are
    `?endpoint=http://localhost:4566`, `?profile=`, `?session_token=`, `?ca=`, and `?bucket=` for
    bodies of up to 16 MiB. What is not in the URL comes from the usual configuration of AWS.
    """

    cancel = refusing("cancel")

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._link = Link(parse_url(url), clock)
        self._namespace = checked_name(namespace, "a namespace")
        self._lock = threading.Lock()
        self._report: Callable[[str, Mapping[str, Any]], None] = lambda name, facts: None
        self._consumers: weakref.WeakSet[SQSConsumer] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"SQSBackend({self._link.location.shown!r})"

    def open(self) -> None:
        with self._lock:
            if self._link.is_open:
                return
            self._link.open()
            self._crew = Crew("anyjob-sqs")
            self._queues = Queues(self._link, self._namespace, self._crew)
            self._queues.report = self._report
            self._batches = Batches(self._link, self._crew)
            self._settling = Settling(self._link, self._queues, self._batches, Hands())
            self._dead = DeadLetters(self._link, self._queues, self._batches, self._crew)
            self.capabilities = capabilities_of(
                is_emulated=self._link.is_emulated,
                fifo=self._link.location.fifo,
                max_payload=MAX_PAYLOAD if self._link.claims is None else LARGEST_CLAIM,
            )
            try:
                # Says who we are, and what time it is there.
                self._queues.names()
            except BaseException:
                self._link.close()
                raise

    def close(self) -> None:
        with self._lock:
            was_open = self._link.is_open
            self._link.close()
        if was_open:
            for consumer in list(self._consumers):
                consumer.interrupt()
            self._crew.close(_ENDED)

    def declare(self, queues: Collection[QueueSpec]) -> None:
        names = sorted({checked_name(spec.name, "a queue's name") for spec in queues})
        self._link.check_open()
        self._queues.declare(names)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._link.check_open()
        self._check_delays(jobs)
        check_jobs(jobs, self.capabilities, now=self._link.service.time(), transaction=transaction)
        told = self._settling.send(jobs, time.monotonic() + COMMAND)
        errors = [each for each in told if isinstance(each, AnyjobError)]
        for each, fate in zip(jobs, told, strict=True):
            if isinstance(fate, NoQueue):
                self._queues.lost(each.queue)
        for doubt in errors:
            if isinstance(doubt, Uncertain):
                raise EnqueueUncertain(
                    f"{self!r} did not say whether it stored the jobs; enqueue them again", jobs
                ) from doubt
        if errors and len(errors) == len(told):
            raise errors[0]
        return [_receipt(each) for each in told]

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self._link.check_open()
        consumer = SQSConsumer(
            self._link, self._queues, self._crew, self.capabilities, queues, lease=lease
        )
        self._consumers.add(consumer)
        return consumer

    def maintain(self, budget: float) -> float:
        self._link.check_open()
        for queue, messages in self._queues.in_flight().items():
            if messages >= CROWDED:
                self._queues.report(
                    "backend.inflight_limit", {"queue": queue, "messages": messages}
                )
        return _MAINTAINED

    def counts(self, queue: str) -> Counts:
        self._check(queue)
        return self._queues.counts(queue)

    def pause(self, queue: str) -> None:
        self._check(queue)
        self._queues.set_paused(queue, paused=True)

    def resume(self, queue: str) -> None:
        self._check(queue)
        self._queues.set_paused(queue, paused=False)

    def paused(self) -> set[str]:
        self._link.check_open()
        return {name for name in self._queues.names() if self._queues.is_paused(name)}

    def queues(self) -> set[str]:
        self._link.check_open()
        return self._queues.names()

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        check_states([state], _BROWSABLE, "browse()")
        check_count(limit, "limit", MAX_PAGE)
        self._check(queue)
        if state != State.DEAD:
            raise self._unseen(f"list the {state} jobs of queue {queue!r}")
        return self._dead.browse(queue, cursor, limit)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        """Show dead jobs; raises UnsupportedCapability ("browse") if one of these is not dead: SQS
        finds no message by its job.
        """
        self._check(queue)
        if not ids:
            return []
        found = self._dead.find(queue, ids)
        if set(ids) - set(found):
            raise self._unseen(f"look up jobs of queue {queue!r} that are not dead")
        return [found[each] for each in ids]

    def purge(self, queue: str, states: Collection[State]) -> int:
        """Remove ready jobs. Raises UnsupportedCapability ("browse") for scheduled ones: SQS shows
        them to nobody before they are due.
        """
        check_states(states, WAITING, "purge()")
        self._check(queue)
        if State.SCHEDULED in states:
            raise self._unseen(f"remove the scheduled jobs of queue {queue!r}")
        if not states:
            return 0
        return purge_ready(self._link, self._queues, self._batches, self._crew, queue)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        self._check(queue)
        check_edit(edit or {}, self.capabilities.max_payload)
        return self._dead.revive(queue, ids, edit or {})

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        self._check(queue)
        return self._dead.discard(queue, ids)

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._report = report
        if self._link.is_open:
            self._queues.report = report

    # Steps

    def _check(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self._link.check_open()

    def _check_delays(self, jobs: Sequence[Envelope]) -> None:
        if self._link.location.fifo and any(job.due is not None for job in jobs):
            raise UnsupportedCapability(
                "delay",
                f"{self!r} cannot delay a job: a FIFO queue of SQS delays all messages or none; add"
                " store=... that gives delays, or use standard queues, sqs://",
            )

    def _unseen(self, what: str) -> UnsupportedCapability:
        return UnsupportedCapability(
            "browse", f"{self!r} cannot {what}: SQS shows nobody what waits"
        )


def _receipt(told: Told) -> Receipt:
    return Rejected(str(told)) if isinstance(told, AnyjobError) else ACCEPTED
