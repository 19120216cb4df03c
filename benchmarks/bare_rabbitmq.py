"""Bare loops of pika's SelectConnection over the queues that anyjob declares, with the body and the
properties of its messages: the limit for whoever speaks to the broker so.

Nothing is around the calls: no worker, no decoding, no task.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import pika
from pika.channel import Channel
from pika.exceptions import ChannelClosedByClient
from pika.spec import Basic, BasicProperties

from anyjob.backends.rabbitmq.line import MOST_AHEAD
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.rabbitmq.publisher import WINDOW
from anyjob.core.envelope import DEFAULT_PRIORITY
from anyjob.core.options import DEFAULT_QUEUE
from benchmarks.rabbit_server import channel, fresh, parameters
from benchmarks.sides import Figures
from benchmarks.tasks import application, task

#: Acknowledged with one frame.
_LOT = 100
_BANDS = 3


class Pattern:
    """A namespace with the queues of anyjob, and a message as it lies there."""

    def __init__(self, url: str, jobs: int) -> None:
        namespace = fresh()
        with application(url, namespace=namespace) as app:
            noop = task(app, "noop")
            app.enqueue_many(noop.job(number) for number in range(1 + jobs))
        names = Names(namespace, _BANDS)
        self.exchange = names.exchange
        self.queue = names.ready(DEFAULT_QUEUE, DEFAULT_PRIORITY)
        with channel(url) as asked:
            _, self.properties, self.body = asked.basic_get(self.queue, auto_ack=True)


def on_channel(url: str, opened: Callable[[Channel], None]) -> None:
    """Open a channel, and turn the loop until `opened` or what follows it has closed that."""
    failed: list[BaseException] = []

    def connected(connection: Any) -> None:
        connection.channel(on_open_callback=ready)

    def ready(asked: Channel) -> None:
        asked.add_on_close_callback(lambda _, reason: ended(reason))
        opened(asked)

    def ended(reason: BaseException) -> None:
        if not isinstance(reason, ChannelClosedByClient):
            failed.append(reason)
        if connection.is_open:
            connection.close()

    connection = pika.SelectConnection(
        parameters(url),
        on_open_callback=connected,
        on_open_error_callback=lambda _, error: failed.append(error),
        on_close_callback=lambda each, reason: each.ioloop.stop(),
    )
    connection.ioloop.start()
    if failed:
        raise RuntimeError(f"{failed[0]!r}")


def publish(url: str, seconds: float) -> Figures:
    """Confirmed, mandatory and persistent, so many on their way at once, for so long."""
    pattern = Pattern(url, 0)
    loop = _Publishing(pattern, seconds)
    on_channel(url, loop.start)
    return {"rate": loop.confirmed / loop.took}


class _Publishing:
    def __init__(self, pattern: Pattern, seconds: float) -> None:
        self._pattern = pattern
        self._seconds = seconds
        self._began = 0.0
        self._sent = 0
        #: Of what is not confirmed, by its number, in order.
        self._open: dict[int, None] = {}
        self.confirmed = 0
        self.took = 0.0

    def start(self, asked: Channel) -> None:
        self._channel = asked
        asked.confirm_delivery(self._on_confirm, callback=lambda _: self._begin())

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._fill()

    def _fill(self) -> None:
        pattern, send = self._pattern, self._channel.basic_publish
        while len(self._open) < WINDOW:
            send(
                pattern.exchange,
                pattern.queue,
                pattern.body,
                pattern.properties,
                mandatory=True,
            )
            self._sent += 1
            self._open[self._sent] = None

    def _on_confirm(self, frame: Any) -> None:
        if not isinstance(frame.method, Basic.Ack):
            raise TypeError("the broker refused a message")
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            for each in list(takewhile(lambda each: each <= tag, self._open)):
                del self._open[each]
        else:
            del self._open[tag]
        if not self._channel.is_open:
            return
        self.took = time.perf_counter() - self._began
        self.confirmed = self._sent - len(self._open)
        if self.took < self._seconds:
            self._fill()
        else:
            self._channel.close()


def drain(url: str, jobs: int) -> Figures:
    """Consume and acknowledge by a hundred, until so many have come."""
    pattern = Pattern(url, jobs)
    loop = _Consuming(pattern, jobs)
    on_channel(url, loop.start)
    spent = loop.last - loop.first
    return {"rate": (jobs - 1) / spent, "seconds": spent}


class _Consuming:
    def __init__(self, pattern: Pattern, jobs: int) -> None:
        self._pattern = pattern
        self._left = jobs
        self.first = 0.0
        self.last = 0.0

    def start(self, asked: Channel) -> None:
        self._channel = asked
        # As many as a line of anyjob has delivered at once.
        asked.basic_qos(prefetch_count=MOST_AHEAD)
        asked.basic_consume(self._pattern.queue, self._on_message)

    def _on_message(
        self, asked: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self._left -= 1
        if self._left % _LOT == 0:
            asked.basic_ack(method.delivery_tag or 0, multiple=True)
        if self._left == 0:
            # Answered after the acknowledgement was read.
            asked.basic_qos(prefetch_count=1, callback=lambda _: asked.close())


def latency(url: str, jobs: int, first: int, gap: float) -> Figures:
    """Publish single messages, so many seconds apart, to a consumer of the same loop: from the call
    to the message, which is acknowledged at once.
    """
    pattern = Pattern(url, 0)
    loop = _Pacing(pattern, first + jobs, gap)
    on_channel(url, loop.start)
    from benchmarks.redis_latency import quantiles

    return quantiles([1000 * each for each in list(loop.lags)[first:]])


class _Pacing:
    def __init__(self, pattern: Pattern, jobs: int, gap: float) -> None:
        self._pattern = pattern
        self._left = jobs
        self._gap = gap
        self._at = 0.0
        self.lags: deque[float] = deque()

    def start(self, asked: Channel) -> None:
        self._channel = asked
        asked.confirm_delivery(lambda _: None)
        asked.basic_qos(prefetch_count=MOST_AHEAD)
        asked.basic_consume(self._pattern.queue, self._on_message)
        self._later()

    def _later(self) -> None:
        self._channel.connection.ioloop.call_later(self._gap, self._send)  # type: ignore[attr-defined]

    def _send(self) -> None:
        pattern = self._pattern
        self._at = time.perf_counter()
        self._channel.basic_publish(
            pattern.exchange, pattern.queue, pattern.body, pattern.properties, mandatory=True
        )

    def _on_message(
        self, asked: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self.lags.append(time.perf_counter() - self._at)
        asked.basic_ack(method.delivery_tag or 0)
        self._left -= 1
        if self._left:
            self._later()
        else:
            asked.close()
