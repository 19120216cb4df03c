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
from anyjob.backends.rabbitmq.link import Link
from anyjob.backends.rabbitmq.loop import Loop
from anyjob.backends.rabbitmq.talk import Missing, Talk, talk

#: Messages that are on their way or held at once.
_LOT = 500
#: Somebody else may hold what is counted as ready; so long is waited for the next one.
_QUIET = 0.3


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

        An answered cancel says so: unlike acknowledgements, it waits for the queue itself.
        """
        if self._consumer:
            self._talk.post(self._give_back)
            self._talk.do(lambda ch, told: ch.basic_cancel(self._consumer, callback=told))
            self._consumer = ""

    def _give_back(self) -> None:
        if self._held:
            # 0 is all of them.
            self._talk.channel.basic_nack(0, multiple=True, requeue=True)

    def _widen(self) -> None:
        """As in a line: nothing is on its way, so cancelling gives nothing back."""
        if self._consumer:
            self._talk.do(lambda ch, told: ch.basic_cancel(self._consumer, callback=told))
        self._talk.do(lambda ch, told: ch.basic_qos(prefetch_count=_LOT, callback=told))
        self._used = 0
        self._consumer = self._talk.consume(self._queue, self._on_message)

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
