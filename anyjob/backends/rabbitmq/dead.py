"""Dead letters: a queue of the broker that is looked through from its head, on a channel that is
closed afterwards. What was not acknowledged is then where it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from anyjob.backends.rabbitmq.line import Delivery
from anyjob.backends.rabbitmq.link import Inlet, Link
from anyjob.backends.rabbitmq.loop import Loop
from anyjob.backends.rabbitmq.talk import Missing, Talk, talk

#: Messages that are on their way or held at once.
_LOT = 500
#: Somebody else may hold what is counted as ready; so long is waited for the next one.
_QUIET = 0.3
#: Seconds between looks whether the queue has again what it was given back.
_PACE = 0.002


class Reader:
    """The dead of one queue, one after the other, as long as there are any."""

    def __init__(self, talk: Talk, queue: str) -> None:
        self._talk = talk
        self._queue = queue
        self._left = talk.count(queue)
        self._came = threading.Condition(threading.Lock())
        self._buffer: list[Delivery] = []
        self._used = _LOT
        #: Of what came, how many are unsettled; in the loop.
        self._held = 0
        self._consumer = ""

    def read(self) -> Iterator[list[Delivery]]:
        """What comes, in lots."""
        while self._left > 0:
            if self._used >= _LOT:
                self._widen()
            lot = self._next()
            if not lot:
                return
            self._left -= len(lot)
            yield lot

    def settle(self, tags: list[int]) -> None:
        """Take messages out of the queue."""

        def ack() -> None:
            for tag in tags:
                self._talk.channel.basic_ack(tag)
            self._held -= len(tags)

        if tags:
            self._talk.post(ack)

    def finish(self) -> None:
        """Give back what was not settled, and return once the queue has it, and has lost the rest.

        An answered cancel says the second: unlike acknowledgements, it waits for the queue itself.
        """
        if not self._consumer:
            return
        # Or the queue would deliver at once what it is given back.
        self._cancel()
        if self._held:
            others = self._talk.count(self._queue)
            # 0 is all of them.
            self._talk.post(lambda: self._talk.channel.basic_nack(0, multiple=True, requeue=True))
            until = time.monotonic() + _QUIET
            # Somebody else may be given them before they are counted.
            while self._talk.count(self._queue) < others + self._held and time.monotonic() < until:
                time.sleep(_PACE)

    def _cancel(self) -> None:
        """Have nothing more delivered; returns once all that was on its way has come."""
        self._talk.do(lambda ch, told: ch.basic_cancel(self._consumer, callback=told))
        self._consumer = ""
        self._talk.barrier()

    def _widen(self) -> None:
        if self._consumer:
            self._cancel()
        self._talk.do(lambda ch, told: ch.basic_qos(prefetch_count=_LOT, callback=told))
        self._used = 0
        self._talk.post(self._take_in)
        self._consumer = self._talk.consume(self._queue, self._on_message)

    def _take_in(self) -> None:
        # Whatever its consumer: pika would reject what comes for one that is being cancelled.
        if isinstance(self._talk.channel, Inlet):
            self._talk.channel.on_message = self._on_message

    def _on_message(
        self, _: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        with self._came:
            self._used += 1
            self._held += 1
            self._buffer.append(Delivery(method.delivery_tag or 0, properties, body))
            self._came.notify()

    def _next(self) -> list[Delivery]:
        until = time.monotonic() + _QUIET
        with self._came:
            while not self._buffer and (left := until - time.monotonic()) > 0:
                self._came.wait(left)
            lot, self._buffer = self._buffer, []
            return lot


@contextmanager
def looking(loop: Loop, link: Link, queue: str, seconds: float) -> Iterator[Reader]:
    """Look through a queue; in the end, what is left in it is where it was. No queue is an empty
    one.
    """
    with talk(loop, link, seconds) as asked:
        try:
            reader = Reader(asked, queue)
        except Missing:
            yield Nobody()
            return
        yield reader
        reader.finish()


class Nobody(Reader):
    """The dead of a queue that does not exist."""

    def __init__(self) -> None:
        """Holds nothing."""

    def read(self) -> Iterator[list[Delivery]]:
        return iter(())

    def settle(self, tags: list[int]) -> None:
        """There are none."""

    def finish(self) -> None:
        pass
