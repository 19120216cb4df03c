"""What was declared, paused and resumed in a namespace: a stream, which is read without taking
anything out of it, so any number may read at once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from pika import BasicProperties
from pika.channel import Channel
from pika.spec import Basic

from anyjob.backends.rabbitmq.errors import is_missing
from anyjob.backends.rabbitmq.link import Link
from anyjob.backends.rabbitmq.loop import Loop
from anyjob.backends.rabbitmq.messages import Message
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.rabbitmq.talk import Missing, Talk

#: Messages of a stream that may be on their way unacknowledged.
_PREFETCH = 500
#: A stream whose last entry does not come in so many seconds has none.
_EMPTY = 0.5
#: How often it is tried to follow a stream that is not there yet, or no more.
_RETRY = 2.0

What = Literal["declared", "paused", "resumed"]


class Entry(msgspec.Struct, frozen=True):
    """One thing that somebody did to a queue."""

    what: What
    queue: str
    #: By chance, so that no two streams begin alike.
    mark: int = 0


class State(msgspec.Struct):
    """What all entries together come to, and the offset of the next one."""

    declared: set[str] = msgspec.field(default_factory=set)
    paused: set[str] = msgspec.field(default_factory=set)
    next: int = 0
    #: The first entry, by which the stream is known again.
    first: bytes = b""

    def is_another(self, offset: int, body: bytes) -> bool:
        """Whether this is the first entry of another stream than that of before."""
        return offset == 0 and self.first not in (b"", body)

    def apply(self, offset: int, body: bytes) -> None:
        if offset == 0:
            self.first = body
        # A chunk is sent from its beginning, which may lie before the offset that was asked for.
        if offset < self.next:
            return
        self.next = offset + 1
        try:
            entry = _decoder.decode(body)
        except msgspec.MsgspecError:
            return  # of a later release, or of nobody
        if entry.what == "declared":
            self.declared.add(entry.queue)
        elif entry.what == "paused":
            self.paused.add(entry.queue)
        else:
            self.paused.discard(entry.queue)


_decoder = msgspec.json.Decoder(Entry)


def entries(names: Names, what: What, queues: Sequence[str]) -> list[Message]:
    """Messages that say so of each queue."""
    return [
        Message(
            names.exchange,
            names.control,
            msgspec.json.encode(Entry(what, queue, random.getrandbits(53))),
            BasicProperties(delivery_mode=2),
        )
        for queue in queues
    ]


def read(talk: Talk, names: Names, seconds: float) -> State:
    """All that stands in the stream; nothing if there is none."""
    state, changed = State(), threading.Event()
    last = [-1]

    def on_last(_: Channel, method: Basic.Deliver, properties: BasicProperties, __: bytes) -> None:
        last[0] = max(last[0], _offset(properties))
        changed.set()

    def on_first(
        channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        state.apply(_offset(properties), body)
        channel.basic_ack(method.delivery_tag or 0)
        changed.set()

    deadline = time.monotonic() + seconds
    try:
        talk.do(lambda ch, told: ch.basic_qos(prefetch_count=_PREFETCH, callback=told))
        talk.consume(names.control, on_last, arguments={"x-stream-offset": "last"})
        talk.consume(names.control, on_first, arguments={"x-stream-offset": "first"})
    except Missing:
        return state
    empty = time.monotonic() + _EMPTY
    while last[0] < 0 or state.next <= last[0]:
        until = empty if last[0] < 0 else deadline
        if not changed.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
            break
        changed.clear()
    # The rest of the last chunk has come with its first entry.
    talk.barrier()
    return state


class Follower:
    """Goes on reading where `read` ended, as long as the link lives; `paused` from any thread."""

    def __init__(
        self,
        loop: Loop,
        link: Link,
        names: Names,
        state: State,
        on_change: Callable[[], None],
        report: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._link = link
        self._names = names
        self._state = state
        self._on_change = on_change
        self._report = report
        self._channel: Channel | None = None
        self._ended = False
        self.paused = frozenset(state.paused)
        link.on_up.append(self._begin)
        loop.call(self._begin)

    def end(self) -> None:
        """Read no more; in the loop."""
        self._ended = True
        if self._begin in self._link.on_up:
            self._link.on_up.remove(self._begin)
        if self._channel is not None and self._channel.is_open:
            self._channel.close()

    def _begin(self) -> None:
        if self._link.is_up and not self._ended and self._channel is None:
            self._link.channel(self._opened)

    def _opened(self, channel: Channel) -> None:
        if self._ended:
            channel.close()
            return
        self._channel = channel
        channel.add_on_close_callback(self._closed)
        channel.add_on_cancel_callback(lambda _: self._leave(channel))
        channel.basic_qos(prefetch_count=_PREFETCH)
        # From the beginning each time: it may have been deleted and made anew.
        channel.basic_consume(
            self._names.control, self._on_message, arguments={"x-stream-offset": "first"}
        )

    def _leave(self, channel: Channel) -> None:
        # The stream was deleted.
        if channel.is_open:
            channel.close()

    def _closed(self, channel: Channel, error: BaseException) -> None:
        if channel is not self._channel:
            return
        self._channel = None
        if self._state.first and is_missing(error):
            self._begin_anew()
        self._loop.later(_RETRY, self._begin)

    def _begin_anew(self) -> None:
        """The stream of before is gone, and so is whatever else the broker held."""
        self._state = State()
        self._report()

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        offset = _offset(properties)
        if self._state.is_another(offset, body):
            self._begin_anew()
        self._state.apply(offset, body)
        channel.basic_ack(method.delivery_tag or 0)
        if self._state.paused != self.paused:
            self.paused = frozenset(self._state.paused)
            self._on_change()


def _offset(properties: BasicProperties) -> int:
    headers: Mapping[str, object] = properties.headers or {}
    offset = headers.get("x-stream-offset")
    return offset if isinstance(offset, int) else 0
