"""The RabbitMQ backend: jobs in quorum queues, leases that hang on connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from anyjob.backends.checks import check_edit
from anyjob.backends.declared import check_jobs, refusing
from anyjob.backends.rabbitmq import messages
from anyjob.backends.rabbitmq.consumer import RabbitConsumer
from anyjob.backends.rabbitmq.control import Follower
from anyjob.backends.rabbitmq.deadletters import DeadLetters, in_doubt
from anyjob.backends.rabbitmq.facts import MAX_PAYLOAD, capabilities_of, check_fit, findings
from anyjob.backends.rabbitmq.line import Delivery
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import Loop, settle
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.rabbitmq.publisher import Publisher
from anyjob.backends.rabbitmq.register import Register
from anyjob.backends.rabbitmq.sending import Sender
from anyjob.backends.rabbitmq.talk import Missing, Talk, talk
from anyjob.backends.rabbitmq.url import parse_url
from anyjob.core.backend import (
    Backend,
    Consumer,
    Counts,
    Finding,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import (
    InvalidOption,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_states
from anyjob.core.state import WAITING, State

#: Seconds after which maintenance wants to be called again: there is nothing to maintain.
_IDLE = 15.0
_BROWSABLE = frozenset({State.READY, State.SCHEDULED, State.LEASED, State.DEAD})


class RabbitBackend(Backend):
    """Holds jobs in a RabbitMQ broker or cluster; any number of objects and hosts may share it.

    URLs are `amqp://user:password@host:5672/vhost` and `amqps://`, with several hosts of one
    cluster separated by commas; options are `?bands=1|3|10`, `?heartbeat=10`,
    `?consumer_timeout=1800`, and with TLS `?ca=`, `?cert=` and `?key=`. `clock` is left aside: the
    broker's own timers count delays.
    """

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._location = parse_url(url)
        self.names = Names(checked_name(namespace, "a namespace"), self._location.bands)
        self._opened = False
        self._report: Callable[[str, Mapping[str, Any]], None] | None = None
        #: Those that are open.
        self.consumers: set[RabbitConsumer] = set()

    def __repr__(self) -> str:
        return f"RabbitBackend({self._location.shown!r})"

    def open(self) -> None:
        if self._opened:
            self.check_open()
            return
        self.loop = Loop()
        self.publishing = Link(self.loop, self._location, "anyjob publishes")
        self.consuming = Link(self.loop, self._location, "anyjob consumes")
        self.publishing.alarm.report = self._was_blocked
        self.publisher = Publisher(self.loop, self.publishing, self.names.exchange)
        self.sender = Sender(self.publishing, self.publisher, self.names)
        self.register = Register(self.loop, self.publishing, self.names, self.sender)
        self.dead_letters = DeadLetters(self.loop, self.publishing, self.names)
        try:
            self.loop.call(self.publishing.begin)
            self.publishing.wait(COMMAND)
            version = self.publishing.version
            check_fit(self.publishing.product, version, self._location)
            self.publisher.wait(COMMAND)
        except BaseException:
            self._end()
            raise
        self.capabilities = capabilities_of(version, self._location)
        self._opened = True

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        if self.loop.is_forked():
            self.loop.abandon()
            return
        for consumer in list(self.consumers):
            consumer.end()
        self._end()

    @property
    def is_closed(self) -> bool:
        return not self._opened

    def declare(self, queues: Collection[QueueSpec]) -> None:
        names = sorted({checked_name(spec.name, "a queue's name") for spec in queues})
        self.check_open()
        if names:
            self.register.declare(names)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self.check_open()
        check_jobs(jobs, self.capabilities, now=time.time(), transaction=transaction)
        if not jobs:
            return []
        return self.sender.enqueue(jobs)

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self.check_open()
        self.loop.call(self.consuming.begin)
        consumer = RabbitConsumer(self, queues, lease=lease)
        self.consumers.add(consumer)
        return consumer

    def follow(self, on_change: Callable[[], None]) -> Follower:
        """Follow which queues are paused, from now on."""
        state = self.register.read()
        return Follower(self.loop, self.consuming, self.names, state, on_change, self._was_emptied)

    def maintain(self, budget: float) -> float:
        # Nothing lapses and nothing is promoted here; but whether the broker answers is found out.
        with self._talk():
            return _IDLE

    def counts(self, queue: str) -> Counts:
        checked_name(queue, "a queue's name")
        self.check_open()
        ready = sum(self._count(band) for band in self.names.bands(queue))
        return Counts(
            ready=ready, scheduled=None, leased=None, dead=self._count(self.names.dead(queue))
        )

    def pause(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self.check_open()
        self.register.pause(queue)

    def resume(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self.check_open()
        self.register.resume(queue)

    def paused(self) -> set[str]:
        self.check_open()
        return self.register.read().paused

    def queues(self) -> set[str]:
        self.check_open()
        return self.register.read().declared

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        checked_name(queue, "a queue's name")
        check_states([state], _BROWSABLE, "browse()")
        check_count(limit, "limit", MAX_PAGE)
        if cursor is not None and not (
            cursor.isdecimal() and cursor.isascii() and len(cursor) < 19
        ):
            raise InvalidOption(f"expected a cursor that browse() returned, got {cursor!r}")
        self.check_open()
        if state is not State.DEAD:
            raise self._blind(f"list the {state} jobs of a queue")
        return self.dead_letters.page(queue, int(cursor or 0), limit)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        checked_name(queue, "a queue's name")
        self.check_open()
        wanted = set(ids)
        found = self.dead_letters.find(queue, wanted)
        if len(found) < len(wanted):
            # None would say that there is no such job.
            raise self._blind(f"look up jobs of queue {queue!r} that are not dead")
        return [found[each] for each in ids]

    cancel = refusing("cancel")

    def purge(self, queue: str, states: Collection[State]) -> int:
        check_states(states, WAITING, "purge()")
        checked_name(queue, "a queue's name")
        self.check_open()
        if State.SCHEDULED in states:
            raise self._blind("remove scheduled jobs, which wait among those of all queues")
        if State.READY not in states:
            return 0
        purged = 0
        for band in self.names.bands(queue):
            try:
                with self._talk() as asked, in_doubt():
                    purged += asked.purge(band)
            except Missing:
                continue
        return purged

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, MAX_PAYLOAD)
        bodies = edit or {}

        def revive(lot: list[Delivery]) -> None:
            again = []
            for delivery in lot:
                job = messages.received(delivery.properties, delivery.body)
                record = messages.Record(priority=job.record.priority, note=job.record.note)
                properties = messages.moved(job.id, record) if job.is_job else messages.foreign()
                body = bodies.get(job.id, delivery.body)
                again.append(self.sender.to_publish(queue, record.priority, 0.0, body, properties))
            self.sender.store(again)

        checked_name(queue, "a queue's name")
        self.check_open()
        return self.dead_letters.take(queue, ids, revive)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        checked_name(queue, "a queue's name")
        self.check_open()
        return self.dead_letters.take(queue, ids, lambda _: None)

    def weaknesses(self) -> list[Finding]:
        self.check_open()
        return findings(self.capabilities.version, self._location)

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._report = report

    # Of consumers as well

    def check_open(self) -> None:
        """Raise Misuse unless this object may be used."""
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        if self.loop.is_forked():
            raise Misuse(f"{self!r} was opened before a fork; open another in the child")

    def mend(self, queues: Sequence[str], lost: Sequence[str]) -> None:
        """Declare queues that a consumer misses, and say so of those that were there before."""
        self.register.declare(queues)
        if lost and self._report is not None:
            self._report("backend.replaced", {"queues": list(lost), "how": "deleted"})

    def sever(self) -> None:
        """Cut both connections, as a network does; returns when this end is closed. They come back
        by themselves.
        """
        self.check_open()

        links = (self.publishing, self.consuming)

        def cut(future: Any) -> None:
            for link in links:
                link.abort("it was cut")
            settle(future, [(link, link.epoch) for link in links])

        for link, epoch in self.loop.ask(cut, COMMAND):
            while link.is_up and link.epoch == epoch:
                time.sleep(0.001)

    # Steps

    def _was_emptied(self) -> None:
        if self._report is not None:
            self._report("store.reset_detected", {"at": self._location.shown})

    def _was_blocked(self, reason: str) -> None:
        if self._report is not None:
            self._report("backend.blocked", {"reason": reason})

    def _talk(self) -> AbstractContextManager[Talk]:
        self.check_open()
        return talk(self.loop, self.publishing)

    def _count(self, queue: str) -> int:
        try:
            with self._talk() as asked:
                return asked.count(queue)
        except Missing:
            return 0

    def _blind(self, what: str) -> UnsupportedCapability:
        return UnsupportedCapability(
            "browse",
            f"{self!r} cannot {what}: a broker of messages shows its dead letters alone",
        )

    def _end(self) -> None:
        """Close both connections, and the thread."""
        links = (self.publishing, self.consuming)

        def close(future: Any) -> None:
            for link in links:
                link.end()
            settle(future, None)

        self.loop.ask(close, 1.0)
        _until(lambda: all(link.is_gone for link in links), 1.0)
        # A broker that is silent is not waited for.
        for link in links:
            self.loop.call(partial(link.abort, "the backend was closed"))
        _until(lambda: all(link.is_gone for link in links), 1.0)
        self.loop.end(2.0)


def _until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.001)
