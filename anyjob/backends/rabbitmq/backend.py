"""The RabbitMQ backend: jobs in quorum queues, leases that hang on connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from anyjob.backends.checks import check_edit
from anyjob.backends.declared import check_jobs, refusing
from anyjob.backends.rabbitmq import control, dead, ladder, messages, topology
from anyjob.backends.rabbitmq.consumer import RabbitConsumer
from anyjob.backends.rabbitmq.control import Follower
from anyjob.backends.rabbitmq.errors import (
    Uncertain,
    closed,
    full,
    is_forbidden,
    too_large,
    unreachable,
)
from anyjob.backends.rabbitmq.facts import MAX_PAYLOAD, capabilities_of, check_fit, findings
from anyjob.backends.rabbitmq.line import Delivery
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import Loop, settle
from anyjob.backends.rabbitmq.messages import Message
from anyjob.backends.rabbitmq.names import Names, as_word
from anyjob.backends.rabbitmq.publisher import Fate, Publisher
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
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt, Rejected
from anyjob.core.errors import (
    BackendError,
    BackendUnavailable,
    ConfigurationError,
    EnqueueUncertain,
    InvalidOption,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_states
from anyjob.core.state import WAITING, State

#: Seconds after which maintenance wants to be called again: there is nothing to maintain.
_IDLE = 15.0
#: What became of a job, where the broker said so.
_CERTAIN = (Fate.STORED, Fate.UNROUTABLE, Fate.TOO_LARGE)
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
            self._declare(names)

    def _declare(self, queues: Sequence[str]) -> None:
        has_ladder = self._has_ladder()
        try:
            with self._talk() as asked:
                if not has_ladder:
                    topology.declare_ladder(asked)
                topology.declare_namespace(asked, self.names)
                topology.declare_queues(asked, self.names, queues)
        except ConfigurationError as error:
            # Who may not declare may use what others did.
            if not is_forbidden(error.__cause__) or not self._is_declared(queues):
                raise
        known = self._control().declared
        if new := [queue for queue in queues if queue not in known]:
            self._note("declared", new)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self.check_open()
        check_jobs(jobs, self.capabilities, now=time.time(), transaction=transaction)
        if not jobs:
            return []
        return self._stored(jobs, self._publish([self.to_enqueue(job) for job in jobs]))

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self.check_open()
        self.loop.call(self.consuming.begin)
        consumer = RabbitConsumer(self, queues, lease=lease)
        self.consumers.add(consumer)
        return consumer

    def follow(self, on_change: Callable[[], None]) -> Follower:
        """Follow which queues are paused, from now on."""
        state = self._control()
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
        self._set(queue, "paused")

    def resume(self, queue: str) -> None:
        self._set(queue, "resumed")

    def paused(self) -> set[str]:
        self.check_open()
        return self._control().paused

    def queues(self) -> set[str]:
        self.check_open()
        return self._control().declared

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
        first = int(cursor or 0)
        last = first + limit
        records: list[JobRecord] = []
        seen = 0
        with self._reading(queue) as reader:
            for lot in reader.read():
                for delivery in lot:
                    if first <= seen < last:
                        records.append(_record(queue, delivery))
                    seen += 1
                if seen > last:
                    break
        return Page(records, str(last) if seen > last else None)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        checked_name(queue, "a queue's name")
        self.check_open()
        wanted = set(ids)
        found: dict[str, JobRecord] = {}
        if wanted:
            with self._reading(queue) as reader:
                for lot in reader.read():
                    for delivery in lot:
                        record = _record(queue, delivery)
                        if record.id in wanted:
                            found[record.id] = record
                    if len(found) == len(wanted):
                        break
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
                with self._talk() as asked, self._in_doubt():
                    frame = asked.do(lambda ch, told, at=band: ch.queue_purge(at, callback=told))
                    purged += frame.method.message_count
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
                again.append(self.to_publish(queue, record.priority, 0.0, body, properties))
            self._must_store(again)

        return self._take(queue, ids, revive)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        return self._take(queue, ids, lambda _: None)

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
        self._declare(queues)
        if lost and self._report is not None:
            self._report("backend.replaced", {"queues": list(lost), "how": "deleted"})

    def to_enqueue(self, job: Envelope) -> Message:
        """The message of a new job; its delay is checked already."""
        delay = job.due or 0.0
        if isinstance(delay, datetime):
            delay = delay.timestamp() - time.time()
        return self.to_publish(job.queue, job.priority, delay, job.body, messages.fresh(job))

    def to_publish(
        self, queue: str, priority: int, delay: float, body: bytes, properties: Any
    ) -> Message:
        """A message to a queue's band, by way of the ladder if it is delayed."""
        band = self.names.ready(queue, priority)
        if delay <= 0:
            return Message(self.names.exchange, band, body, properties)
        count = ladder.units(delay)
        key = ladder.routing_key(count, as_word(band))
        return Message(topology.ladder_exchange(ladder.entry(count)), key, body, properties)

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

    def _talk(self, seconds: float = COMMAND) -> Any:
        self.check_open()
        return talk(self.loop, self.publishing, seconds)

    def _publish(self, sent: Sequence[Message]) -> list[Fate]:
        began = time.monotonic()
        self.publishing.wait(COMMAND)
        return self.publisher.publish(sent, COMMAND - (time.monotonic() - began))

    def _stored(self, jobs: Sequence[Envelope], fates: Sequence[Fate]) -> list[Receipt]:
        """What to say of the jobs; raises if none was stored, or nobody knows."""
        self._check_allowed(fates)
        if all(fate is Fate.UNSENT for fate in fates):
            raise unreachable(
                self._location, "was lost before anything was sent"
            ) from ConnectionError("no connection")
        if all(fate in (Fate.BLOCKED, Fate.REFUSED) for fate in fates):
            raise full(self._location)
        if all(fate is Fate.TOO_LARGE for fate in fates):
            raise too_large(self._location, max(len(job.body) for job in jobs))
        if not all(fate in _CERTAIN for fate in fates):
            raise EnqueueUncertain(
                f"{self._location.shown} did not confirm all {len(jobs)} jobs; each of them may be"
                " stored or not, and sending one again may run it twice",
                jobs,
            ) from TimeoutError("no confirm came")
        return [self._receipt(job, fate) for job, fate in zip(jobs, fates, strict=True)]

    def _check_allowed(self, fates: Sequence[Fate]) -> None:
        refusal = self.publisher.refusal
        if refusal is not None and all(fate is Fate.FORBIDDEN for fate in fates):
            raise closed(self._location, refusal) from refusal

    def _receipt(self, job: Envelope, fate: Fate) -> Receipt:
        if fate is Fate.TOO_LARGE:
            return Rejected(str(too_large(self._location, len(job.body))))
        if fate is Fate.UNROUTABLE:
            return Rejected(f"queue {job.queue!r} is not declared; declare it with declare()")
        return ACCEPTED

    def _must_store(self, sent: Sequence[Message]) -> None:
        fates = self._publish(sent) if sent else []
        if all(fate is Fate.STORED for fate in fates):
            return
        self._check_allowed(fates)
        if any(fate in (Fate.BLOCKED, Fate.REFUSED) for fate in fates):
            raise full(self._location)
        if any(fate is Fate.TOO_LARGE for fate in fates):
            raise too_large(self._location, max(len(each.body) for each in sent))
        if any(fate is Fate.UNROUTABLE for fate in fates):
            raise BackendError(
                f"{self._location.shown} has no queue for what was sent; declare it with declare()"
            )
        if all(fate is Fate.UNSENT for fate in fates):
            raise unreachable(self._location, "was lost") from ConnectionError("no connection")
        raise Uncertain(f"{self._location.shown} did not confirm what was sent") from TimeoutError(
            "no confirm came"
        )

    def _set(self, queue: str, what: control.What) -> None:
        checked_name(queue, "a queue's name")
        self.check_open()
        with self._talk() as asked:
            topology.declare_namespace(asked, self.names)
        self._note(what, [queue])

    def _note(self, what: control.What, queues: Sequence[str]) -> None:
        self._must_store(control.entries(self.names, what, queues))

    def _control(self) -> control.State:
        with self._talk() as asked:
            return control.read(asked, self.names, COMMAND)

    def _is_declared(self, queues: Sequence[str]) -> bool:
        return bool(self._with_talk(lambda asked: topology.is_declared(asked, self.names, queues)))

    def _has_ladder(self) -> bool:
        return bool(self._with_talk(topology.has_ladder))

    def _with_talk(self, step: Callable[[Talk], Any]) -> Any:
        with self._talk() as asked:
            return step(asked)

    def _count(self, queue: str) -> int:
        try:
            return int(self._with_talk(lambda asked: asked.count(queue)))
        except Missing:
            return 0

    def _reading(self, queue: str) -> Any:
        return dead.looking(self.loop, self.publishing, self.names.dead(queue), COMMAND)

    def _take(
        self, queue: str, ids: Sequence[str] | None, use: Callable[[list[Delivery]], None]
    ) -> int:
        """Use dead jobs, each once, and remove them; returns how many."""
        checked_name(queue, "a queue's name")
        self.check_open()
        wanted = None if ids is None else set(ids)
        if wanted is not None and not wanted:
            return 0
        taken = 0
        with self._reading(queue) as reader:
            for lot in reader.read():
                chosen = [
                    delivery
                    for delivery in lot
                    if wanted is None
                    or messages.received(delivery.properties, delivery.body).id in wanted
                ]
                if taken:
                    with self._in_doubt():
                        use(chosen)
                else:
                    use(chosen)
                reader.settle([delivery.tag for delivery in chosen])
                taken += len(chosen)
            if taken:
                with self._in_doubt():
                    reader.finish()
        return taken

    @contextmanager
    def _in_doubt(self) -> Iterator[None]:
        """What is lost in the block may have been done."""
        try:
            yield
        except BackendUnavailable as error:
            raise Uncertain(str(error)) from error

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


def _record(queue: str, delivery: Delivery) -> JobRecord:
    return messages.dead_record(queue, delivery.properties, delivery.body)
