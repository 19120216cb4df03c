"""Messages on their way to the broker, each confirmed, returned or refused."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from itertools import takewhile

from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from anyjob.backends.rabbitmq.errors import is_forbidden, is_missing, largest
from anyjob.backends.rabbitmq.link import Link
from anyjob.backends.rabbitmq.loop import Loop, settle
from anyjob.backends.rabbitmq.messages import Message

#: Messages that may wait for their confirm at once; more only fill buffers.
WINDOW = 1000
#: After so many seconds without a confirm the broker is asked whether it takes in anything.
_IDLE = 1.0


class Fate(Enum):
    """What became of a message."""

    STORED = "stored"
    #: No queue is bound where it was sent; nothing was stored.
    UNROUTABLE = "unroutable"
    #: The broker said that it would not, for a queue at its limit or without a leader.
    REFUSED = "refused"
    #: It takes in nothing for now; nothing was sent.
    BLOCKED = "blocked"
    #: It has more bytes than the broker takes.
    TOO_LARGE = "too large"
    #: This user may not write there, as `Publisher.refusal` says; nothing was sent.
    FORBIDDEN = "forbidden"
    #: The connection was down, and nothing was sent.
    UNSENT = "unsent"
    #: It was sent, and its answer never came.
    UNKNOWN = "unknown"


class Lot:
    """Messages of one caller, and their fates as they come."""

    def __init__(self, messages: Sequence[Message], done: Callable[[list[Fate]], None]) -> None:
        self.messages = messages
        self.fates: list[Fate | None] = [None] * len(messages)
        self.left = len(messages)
        self._done = done
        #: The next to be sent.
        self.next = 0

    def decide(self, at: int, fate: Fate) -> None:
        if self.fates[at] is None:
            self.fates[at] = fate
            self.left -= 1
            if not self.left:
                self._done([each or Fate.UNKNOWN for each in self.fates])

    def give_up(self, unsent: Fate) -> None:
        """What was sent is unknown, and the rest was never sent."""
        for at, fate in enumerate(self.fates):
            if fate is None:
                self.decide(at, Fate.UNKNOWN if at < self.next else unsent)


class Publisher:
    """Publishes on one channel; `publish` from any thread, the rest in the loop."""

    def __init__(self, loop: Loop, link: Link, exchange: str) -> None:
        self._loop = loop
        self._link = link
        self._exchange = exchange
        self._channel: Channel | None = None
        self._number = 0
        self._open: dict[int, tuple[Lot, int]] = {}
        self._lots: deque[Lot] = deque()
        self._waiting: list[Future[None]] = []
        #: Whether the broker closed the channel, and nobody wants another yet.
        self._is_idle = False
        #: For what the broker closed the channel last; read from any thread.
        self.refusal: BaseException | None = None
        #: What came back since the last confirm: id and key.
        self._returned: list[tuple[str | None, str | None]] = []
        self._confirmed = 0.0
        #: How many bytes the broker takes, once it refused more.
        self._most = sys.maxsize
        #: The number under which the broker was asked whether it takes in anything.
        self._probe = 0
        link.on_up.append(self._on_up)
        link.on_down.append(self._on_down)

    def wait(self, seconds: float) -> None:
        """Wait, in any thread, until it is known whether the broker takes in anything; not for
        longer.
        """

        def step(future: Future[None]) -> None:
            if self._channel is not None and not self._probe:
                settle(future, None)
            else:
                self._waiting.append(future)

        with suppress(TimeoutError):
            self._loop.ask(step, seconds)

    def publish(self, messages: Sequence[Message], seconds: float) -> list[Fate]:
        """Send messages and wait for their fates; what has none after so long is unknown."""
        future: Future[list[Fate]] = Future()
        lot = self.submit(messages, lambda fates: settle(future, fates))
        try:
            return future.result(max(0.0, seconds))
        except TimeoutError:
            given_up: Future[list[Fate]] = Future()

            def give_up() -> None:
                # A broker that is silent for so long will not answer the next one either; and what
                # it may do with these later is not ours to wait for.
                if lot.left:
                    self._link.abort("a confirm did not come in time")
                    lot.give_up(Fate.UNSENT)
                settle(given_up, [each or Fate.UNKNOWN for each in lot.fates])

            self._loop.call(give_up)
            try:
                return given_up.result(1.0)
            except TimeoutError:
                return [Fate.UNKNOWN] * len(messages)

    def submit(self, messages: Sequence[Message], done: Callable[[list[Fate]], None]) -> Lot:
        """Send messages, at least one; `done` is told their fates, in the loop."""
        lot = Lot(messages, done)

        def step() -> None:
            self._lots.append(lot)
            self._send()

        if self._loop.is_own():
            step()
        else:
            self._loop.call(step)
        return lot

    # Steps

    def _on_up(self) -> None:
        self._is_idle = False
        self._link.channel(self._opened)

    def _tell_ready(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            settle(future, None)

    def _opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_close)
        channel.add_on_return_callback(self._on_return)

        def selected(_: object) -> None:
            self._channel = channel
            self._number = self._probe = 0
            self._confirmed = 0.0
            self._returned.clear()
            self._ask(channel)

        channel.confirm_delivery(self._on_confirm, callback=selected)

    def _on_down(self, _: BaseException) -> None:
        # Another broker may come, or the same with other settings.
        self._most = sys.maxsize
        self._fail_all()

    def _on_close(self, channel: Channel, error: BaseException) -> None:
        # An exchange that was deleted, or a right that was taken away, closes the channel alone.
        if channel is not self._channel:
            return
        self._tell_ready()
        if self._probe and is_missing(error):
            # Asked whether it takes in anything, and there is not even the namespace.
            waiting, self._lots = list(self._lots), deque()
            for lot in waiting:
                lot.give_up(Fate.UNROUTABLE)
        most = largest(error)
        if most is not None:
            self._most = most
            self._refuse_large()
        self.refusal = error
        self._fail_all(Fate.FORBIDDEN if is_forbidden(error) else Fate.UNSENT)
        # Of no use to anybody until something is published.
        self._is_idle = True

    def _refuse_large(self) -> None:
        """Of what was sent, say what the broker refused for its size, and that it did not look at
        what came behind that.
        """
        was_refused = False
        for lot, at in self._open.values():
            is_large = len(lot.messages[at].body) > self._most
            if is_large or was_refused:
                lot.decide(at, Fate.TOO_LARGE if is_large else Fate.UNSENT)
            was_refused |= is_large

    def _fail_all(self, unsent: Fate = Fate.UNSENT) -> None:
        self._channel = None
        open_lots = {id(lot): lot for lot, _ in self._open.values()}
        waiting, self._lots = list(self._lots), deque()
        self._open.clear()
        for lot in (*open_lots.values(), *waiting):
            lot.give_up(unsent)

    def _send(self) -> None:
        if self._channel is None:
            if not self._link.is_up:
                waiting, self._lots = list(self._lots), deque()
                for lot in waiting:
                    lot.give_up(Fate.UNSENT)
            elif self._is_idle:
                self._on_up()
            return
        try:
            if self._lots and not self._must_ask(self._channel):
                self._send_some(self._channel)
        except AMQPError:
            self._fail_all()

    def _send_some(self, channel: Channel) -> None:
        while self._lots and len(self._open) < WINDOW:
            lot = self._lots[0]
            message = lot.messages[lot.next]
            if len(message.body) > self._most:
                self._skip(lot)
                continue
            self._number += 1
            self._open[self._number] = (lot, lot.next)
            lot.next += 1
            if lot.next == len(lot.messages):
                self._lots.popleft()
            channel.basic_publish(
                message.exchange, message.key, message.body, message.properties, mandatory=True
            )

    def _skip(self, lot: Lot) -> None:
        """Refuse the next message of the first lot, which would cost everybody the channel."""
        lot.next += 1
        if lot.next == len(lot.messages):
            self._lots.popleft()
        lot.decide(lot.next - 1, Fate.TOO_LARGE)

    def _must_ask(self, channel: Channel) -> bool:
        """Whether it has to be known first that the broker takes in anything.

        In an alarm it reads the first message half and then nothing more, and takes that one in
        once the alarm is over: too late to say that it was refused. So after a silence a message
        that goes nowhere is sent ahead.
        """
        if self._link.is_blocked:
            self._refuse()
            return True
        if self._probe:
            return True
        if self._open or time.monotonic() - self._confirmed < _IDLE:
            return False
        self._ask(channel)
        return True

    def _ask(self, channel: Channel) -> None:
        self._number += 1
        self._probe = self._number
        channel.basic_publish(
            self._exchange, "nowhere", b"", BasicProperties(delivery_mode=1), mandatory=False
        )
        self._loop.later(0.02, self._look_after)

    def _look_after(self) -> None:
        """Until the probe is confirmed, see whether the broker says that it is blocked."""
        if self._probe and self._link.is_blocked:
            # The confirm comes once the alarm is over; until then nothing else is sent.
            self._refuse()
            self._tell_ready()
        elif self._probe:
            self._loop.later(0.02, self._look_after)

    def _refuse(self) -> None:
        waiting, self._lots = list(self._lots), deque()
        for lot in waiting:
            lot.give_up(Fate.BLOCKED)

    def _on_return(
        self, _: Channel, method: Basic.Return, properties: BasicProperties, __: bytes
    ) -> None:
        self._returned.append((properties.message_id, method.routing_key))

    def _on_confirm(self, frame: object) -> None:
        method = frame.method  # type: ignore[attr-defined]
        self._confirmed = time.monotonic()
        # A probe is small enough to be taken in by a broker that has just said that it is blocked.
        if not self._link.is_blocked:
            self._link.alarm.end()
        fate = Fate.STORED if isinstance(method, Basic.Ack) else Fate.REFUSED
        last = method.delivery_tag
        if self._probe and (last == self._probe or (method.multiple and last > self._probe)):
            self._probe = 0
            self._tell_ready()
        if method.multiple:
            # They are open in the order of their numbers.
            for number in list(takewhile(lambda number: number <= last, self._open)):
                self._confirm(number, fate)
        else:
            self._confirm(last, fate)
        self._send()

    def _confirm(self, number: int, fate: Fate) -> None:
        found = self._open.pop(number, None)
        if found is None:
            return
        lot, at = found
        if self._returned:
            message = lot.messages[at]
            back = (message.properties.message_id, message.key)
            # What is returned is confirmed right after, so it is the oldest of that name.
            if back in self._returned:
                self._returned.remove(back)
                fate = Fate.UNROUTABLE
        lot.decide(at, fate)
