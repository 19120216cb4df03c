"""The kombu backend: jobs as messages, wherever a transport of kombu can put them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from anyjob.backends.checks import check_edit
from anyjob.backends.declared import check_jobs, refusing
from anyjob.backends.kombu import messages
from anyjob.backends.kombu.consumer import KombuConsumer
from anyjob.backends.kombu.errors import Lost, Uncertain
from anyjob.backends.kombu.facts import (
    capabilities_of,
    check_installed,
    facts_of,
    findings,
    is_once,
    way_of,
)
from anyjob.backends.kombu.link import Link
from anyjob.backends.kombu.messages import Record, record_of
from anyjob.backends.kombu.names import Names
from anyjob.backends.kombu.redis_way import RedisWay
from anyjob.backends.kombu.settling import publish
from anyjob.backends.kombu.url import Delivery, checked_delivery, parse_url
from anyjob.backends.kombu.way import Letter
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
    EnqueueUncertain,
    InvalidOption,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_states
from anyjob.core.state import WAITING, State

#: Seconds after which maintenance wants to be called again.
_TENDED, _IDLE = 1.0, 15.0
_BROWSABLE = frozenset({State.READY, State.SCHEDULED, State.LEASED, State.DEAD})


class KombuBackend(Backend):
    """Holds jobs wherever a transport of kombu can put messages.

    URLs are kombu's own behind `kombu+`, such as `kombu+redis://localhost:6379/0`,
    `kombu+amqp://user:password@host:5672/vhost` and `kombu+filesystem:///var/lib/jobs`; options are
    `?delivery=at_most_once`, `?bands=1|3|10`, with RabbitMQ `?consumer_timeout=1800`, and with TLS
    `?ca=`, `?cert=` and `?key=`. `delivery`
    says the same as the option; `transport` names a class of another package,
    `package.module:Transport`, in place of the one that the URL names. `clock` is obeyed in
    place of Redis's; other transports have no time.
    """

    pause = refusing("pause")
    resume = refusing("pause")
    paused = refusing("pause")
    cancel = refusing("cancel")

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "anyjob",
        clock: Clock | None = None,
        delivery: Delivery | None = None,
        transport: str | None = None,
    ) -> None:
        self._location = parse_url(url)
        self._delivery = checked_delivery(delivery) or self._location.delivery
        self._names = Names(checked_name(namespace, "a namespace"), self._location.bands)
        self._transport = transport
        self._clock = clock
        self._facts = facts_of(self._location, transport)
        self._opened = False
        self._pid = os.getpid()
        self._report: Callable[[str, Mapping[str, Any]], None] | None = None
        #: Those that are open.
        self.consumers: set[KombuConsumer] = set()

    def __repr__(self) -> str:
        return f"KombuBackend({self._location.shown!r})"

    def open(self) -> None:
        if self._opened:
            self.check_open()
            return
        self._once = is_once(self._facts, self._location, self._delivery)
        check_installed(self._facts, self._location)
        self._pid = os.getpid()
        self.publishing = self.new_link()
        way = self.publishing.way
        try:
            version = self.publishing.call(way.version)
            durability = self._facts.durability
            if isinstance(way, RedisWay):
                durability = self.publishing.call(lambda _: way.survives())
        except BaseException:
            self.publishing.close()
            raise
        self.capabilities = capabilities_of(self._facts, self._location, way, version, durability)
        self._opened = True

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        for consumer in list(self.consumers):
            consumer.end()
        self.publishing.close()

    @property
    def is_usable(self) -> bool:
        return self._opened and os.getpid() == self._pid

    def check_open(self) -> None:
        """Raise Misuse unless this object may be used."""
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        if os.getpid() != self._pid:
            raise Misuse(f"{self!r} was opened before a fork; open another in the child")

    def new_link(self) -> Link:
        """A connection of its own, which is made when it is needed."""
        way = way_of(
            self._facts,
            self._location,
            self._names,
            once=self._once,
            transport=self._transport,
            clock=self._clock,
        )
        way.on_emptied = self._was_emptied
        return Link(self._location, way)

    def declare(self, queues: Collection[QueueSpec]) -> None:
        names = sorted({checked_name(spec.name, "a queue's name") for spec in queues})
        self.check_open()
        if names:
            self._change(lambda way, channel: way.declare(channel, names))

    def mend(self, queues: Sequence[str], *, was_there: bool) -> None:
        """Declare queues of which a consumer misses one, and say so if they were there before."""
        self._change(lambda way, channel: way.declare(channel, sorted(queues)))
        if was_there and self._report is not None:
            self._report("backend.replaced", {"queues": sorted(queues), "how": "deleted"})

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self.check_open()
        check_jobs(
            jobs, self.capabilities, now=self.publishing.way.clock.time(), transaction=transaction
        )
        if not jobs:
            return []
        stored: set[int] = set()
        sent = [(self._names.ready(job.queue, job.priority), record_of(job)) for job in jobs]
        try:
            routed = publish(self.publishing, sent, stored.add)
        except Lost as error:
            raise EnqueueUncertain(
                f"{self!r} did not say whether it stored all {len(jobs)} jobs; each of them may be"
                " stored or not, and sending one again may run it twice",
                jobs,
            ) from error
        except BackendError as error:
            if not stored:
                raise
            why = str(error)
            return [ACCEPTED if at in stored else Rejected(why) for at in range(len(jobs))]
        return [
            ACCEPTED
            if is_routed
            else Rejected(f"queue {job.queue!r} is not declared; declare it with declare()")
            for job, is_routed in zip(jobs, routed, strict=True)
        ]

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self.check_open()
        consumer = KombuConsumer(self, queues, lease=lease)
        self.consumers.add(consumer)
        return consumer

    def maintain(self, budget: float) -> float:
        self.check_open()
        # Whether the broker answers is found out, too.
        self._do(lambda way, channel: (way.tend(channel), way.barrier(channel)))
        return _TENDED if self.capabilities.lease == "timed" else _IDLE

    def counts(self, queue: str) -> Counts:
        self._check(queue)
        ready = sum(self._size(name) for name in self._names.bands(queue))
        return Counts(
            ready=ready, scheduled=None, leased=None, dead=self._size(self._names.dead(queue))
        )

    def queues(self) -> set[str]:
        self.check_open()
        found: set[str] = self._do(lambda way, channel: way.declared(channel))
        return found

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
        with self._looking(queue) as letters:
            records = [messages.shown(queue, each.record) for each in letters[first:last]]
        return Page(records, str(last) if len(letters) > last else None)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        """Show dead jobs; raises UnsupportedCapability ("browse") if one of these is not dead: no
        transport finds a message by its job.
        """
        self._check(queue)
        if not ids:
            return []
        with self._looking(queue) as letters:
            found = {each.record.id: messages.shown(queue, each.record) for each in letters}
        if set(ids) - set(found):
            # None would say that there is no such job.
            raise self._blind(f"look up jobs of queue {queue!r} that are not dead")
        return [found[each] for each in ids]

    def purge(self, queue: str, states: Collection[State]) -> int:
        check_states(states, WAITING, "purge()")
        self._check(queue)
        if State.SCHEDULED in states:
            raise self._blind("remove scheduled jobs, as it has none")
        if State.READY not in states:
            return 0
        return sum(
            int(self._change(lambda way, channel, at=name: way.purge(channel, at)))
            for name in self._names.bands(queue)
        )

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, self._facts.max_payload)
        self._check(queue)
        bodies = edit or {}

        def again(record: Record) -> tuple[str, Record]:
            fresh = msgspec.structs.replace(
                record,
                body=bodies.get(record.id, record.body),
                attempts=0,
                redeliveries=0,
                died=None,
                reason=None,
            )
            return self._names.ready(queue, record.priority), fresh

        return self._take(queue, ids, again)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        self._check(queue)
        return self._take(queue, ids, None)

    def weaknesses(self) -> list[Finding]:
        self.check_open()
        return findings(self._facts, self._location, self.capabilities)

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._report = report

    def sever(self) -> None:
        """Cut all connections, as a network does. They come back by themselves."""
        self.check_open()
        self.publishing.cut()
        for consumer in list(self.consumers):
            consumer.cut()

    # Steps

    def _check(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self.check_open()

    def _do(self, do: Callable[..., Any]) -> Any:
        way = self.publishing.way
        return self.publishing.call(lambda channel: do(way, channel))

    def _change(self, do: Callable[..., Any]) -> Any:
        """As `_do`, where something is done: what is lost on the way may have been."""
        try:
            return self._do(do)
        except Lost as error:
            raise Uncertain(str(error)) from error

    def _was_emptied(self) -> None:
        if self._report is not None:
            self._report("store.reset_detected", {"at": self._location.shown})

    def _size(self, name: str) -> int:
        return int(self._do(lambda way, channel: way.size(channel, name)))

    @contextmanager
    def _looking(self, queue: str) -> Iterator[list[Letter]]:
        """The dead of a queue; in the end, what was not dropped is where it was."""
        name = self._names.dead(queue)
        letters: list[Letter] = self._do(lambda way, channel: way.letters(channel, name))
        try:
            yield letters
        finally:
            self._finish(name, letters, letters)

    def _take(
        self,
        queue: str,
        ids: Sequence[str] | None,
        again: Callable[[Record], tuple[str, Record]] | None,
    ) -> int:
        """Publish dead jobs anew, or don't, and remove them: a crash in between leaves both."""
        wanted = None if ids is None else set(ids)
        if wanted is not None and not wanted:
            return 0
        name = self._names.dead(queue)
        letters: list[Letter] = self._do(lambda way, channel: way.letters(channel, name))
        chosen = [each for each in letters if wanted is None or each.record.id in wanted]
        left = [each for each in letters if each not in chosen]
        told: list[bool] = []
        done = False
        try:
            if chosen and again is not None:
                told = self._move(name, chosen, [again(each.record) for each in chosen])
            elif chosen:
                told = self._change(lambda way, channel: way.drop(channel, name, chosen))
            done = True
        finally:
            self._finish(name, left if done else letters, letters)
        return sum(told)

    def _move(self, name: str, chosen: list[Letter], to: list[tuple[str, Record]]) -> list[bool]:
        told: list[bool] | None = self._change(
            lambda way, channel: way.move(channel, name, chosen, to)
        )
        if told is None:
            self._change(lambda way, channel: way.publish(channel, to, lambda _: None))
            told = self._change(lambda way, channel: way.drop(channel, name, chosen))
        return told

    def _finish(self, name: str, rest: Sequence[Letter], letters: Sequence[Letter]) -> None:
        if letters:
            # What is out of reach now is put back by the broker, where it keeps anything.
            with suppress(BackendError):
                self._do(lambda way, channel: way.finish(channel, name, rest, letters))

    def _blind(self, what: str) -> UnsupportedCapability:
        return UnsupportedCapability(
            "browse",
            f"{self!r} cannot {what}: messages are shown to nobody, but for the dead",
        )
