"""One band of one queue in a consumer's hand: a channel, what came on it, and what is unsettled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from anyjob.backends.rabbitmq.errors import closed, is_missing
from anyjob.backends.rabbitmq.link import Inlet
from anyjob.core.errors import AnyjobError

if TYPE_CHECKING:
    from anyjob.backends.rabbitmq.lines import Lines

#: Jobs that may be on their way to a band of a consumer's queues at most.
MOST_AHEAD = 1000
#: So many times what is asked for may be on its way before the line is opened less wide.
_TOO_MANY = 4
#: Seconds until a channel that the broker closed is opened again, the first time and at most.
_SOON, _SELDOM = 0.05, 5.0


class Delivery(NamedTuple):
    """A message as it came, unread."""

    tag: int
    properties: BasicProperties
    body: bytes


class Line:
    """In the loop, but for `buffer`, `epoch`, `is_lost` and what is said to be of the fetching
    thread; they change under the consumer's lock.
    """

    def __init__(self, lines: Lines, queue: str, floor: int, name: str) -> None:
        self._lines = lines
        self.queue = queue
        self.floor = floor
        self.name = name
        self.buffer: deque[Delivery] = deque()
        #: Grows when what was delivered is lost.
        self.epoch = 0
        #: What stands in the way of consuming; None when nothing does.
        self.trouble: AnyjobError | None = None
        #: Whether the broker says that there is no such queue.
        self.is_missing = False
        #: Whether it was there before.
        self.was_there = False
        #: Messages that may be unsettled at once of those delivered now, 0: none is delivered; and
        #: how many are.
        self.window = 0
        self.used = 0
        #: How many were ready when it was opened and have not come; others may have been faster.
        self.promised = 0
        #: Of each unsettled message, in the order of delivery: with which consumer tag it came.
        self._unsettled: dict[int, int] = {}
        self._generation = 0
        #: Whether the loop has a consumer in the broker; `window` may be ahead of it.
        self._is_consuming = False
        self._channel: Channel | None = None
        self._barriers: deque[Callable[[bool], None]] = deque()
        self._opening = False
        self._pause = _SOON
        self._ended = False

    # Of the fetching thread, with the lock held

    def window_for(self, wanted: int, credit: int, most: int) -> int | None:
        """How wide to open it anew for so many jobs of a fetch; 0 to close it, None to leave it."""
        wanted = min(most, max(0, wanted - len(self.buffer)))
        coming = self.window - self.used
        if 2 * coming <= wanted:
            return wanted or None
        return wanted if coming > _TOO_MANY * (credit + 1) else None

    @property
    def may_have_more(self) -> bool:
        """Whether there may be more than has come, as nothing more was let through."""
        return 0 < self.window <= self.used

    @property
    def is_promised(self) -> bool:
        """Whether something was ready when it was opened, and has not come."""
        return self.promised > 0 and not self.buffer

    # In the loop

    @property
    def is_open(self) -> bool:
        return self._channel is not None

    def open(self) -> None:
        """Open the channel, if there is none."""
        link = self._lines.link
        if self._ended or self._opening or self._channel is not None or not link.is_up:
            return
        self._opening = True
        link.channel(self._opened)

    def open_to(self, window: int) -> None:
        """Have up to so many more messages delivered from now on; 0: none. What is on its way comes
        all the same.
        """
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        if self._is_consuming:
            channel.basic_cancel(str(self._generation), callback=_ignore)
        self._generation += 1
        self._is_consuming = window > 0
        with self._lines.lock:
            self.window, self.used, self.promised = window, 0, 0
        if window:
            channel.queue_declare(self.name, passive=True, callback=self._on_count)
            channel.basic_qos(prefetch_count=window)
            channel.basic_consume(
                self.name,
                _never,
                consumer_tag=str(self._generation),
                arguments=self._lines.link.consumer_arguments,
            )

    def ack(self, tags: Iterable[int]) -> None:
        """Settle messages: the longest prefix of what is unsettled in one frame."""
        if self._channel is None or not self._channel.is_open:
            return
        left = {tag for tag in tags if tag in self._unsettled}
        count, last = 0, 0
        for tag in self._unsettled:
            if tag not in left:
                break
            count, last = count + 1, tag
        if count:
            self._channel.basic_ack(last, multiple=count > 1)
        for tag in sorted(left):
            if tag > last:
                self._channel.basic_ack(tag)
        self._forget(left)

    def give_back(self, tags: Iterable[int]) -> None:
        """Make messages ready again that nobody ran. Below 4.3 the broker counts a delivery more
        all the same.
        """
        self._return(tags, lambda channel, tag: channel.basic_nack(tag, requeue=True))

    def abandon(self, tags: Iterable[int]) -> None:
        """Make messages ready again, one delivery more: from 4.3 on a reject alone is counted
        (rabbitmq-server#15387).
        """
        self._return(tags, lambda channel, tag: channel.basic_reject(tag, requeue=True))

    def barrier(self, done: Callable[[bool], None]) -> None:
        """Tell when the broker has done what was asked on this channel; False if it is lost."""
        if self._channel is None or not self._channel.is_open:
            done(False)  # noqa: FBT003 - what a barrier tells
            return
        self._barriers.append(done)
        self._channel.basic_qos(prefetch_count=max(1, self.window), callback=self._on_barrier)

    def end(self) -> None:
        """Close the channel; what is unsettled is ready again."""
        self._ended = True
        if self._channel is not None and self._channel.is_open:
            self._channel.close()

    def on_down(self, error: BaseException) -> None:
        """The connection is lost."""
        self._opening = False
        self._lose(error)

    # Steps

    def _opened(self, channel: Channel) -> None:
        self._opening = False
        if self._ended:
            channel.close()
            return
        channel.add_on_close_callback(self._on_close)
        channel.add_on_cancel_callback(self._on_cancel)
        if isinstance(channel, Inlet):
            channel.on_message = self._on_message
        self._channel = channel
        with self._lines.lock:
            self.trouble = None
            self._lines.lock.notify_all()

    def _on_message(
        self, _: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        tag = method.delivery_tag or 0
        generation = int(method.consumer_tag or 0)
        self._unsettled[tag] = generation
        lines = self._lines
        with lines.lock:
            self.used += generation == self._generation
            self.promised -= 1
            self.buffer.append(Delivery(tag, properties, body))
            if lines.is_waiting:
                lines.lock.notify_all()
        self._pause = _SOON

    def _on_count(self, frame: Any) -> None:
        with self._lines.lock:
            self.promised = min(frame.method.message_count, self.window)

    def _on_barrier(self, _: object) -> None:
        # Behind the answer to a consume: there is such a queue.
        self.was_there = self.was_there or self._is_consuming
        if self._barriers:
            self._barriers.popleft()(True)  # noqa: FBT003 - the same

    def _on_cancel(self, _: object) -> None:
        # The queue was deleted, or lost its leader: nothing comes any more, and nobody says so.
        if self._channel is not None and self._channel.is_open:
            self._channel.close(320, "the broker cancelled the consumer")

    def _on_close(self, channel: Channel, error: BaseException) -> None:
        if channel is not self._channel:
            return
        self._lose(error)
        if self._lines.link.is_up and not self._ended:
            pause, self._pause = self._pause, min(2 * self._pause, _SELDOM)
            self._lines.loop.later(pause, self.open)

    def _lose(self, error: BaseException) -> None:
        """What was delivered is the broker's again."""
        self._channel = None
        self._is_consuming = False
        self._unsettled.clear()
        with self._lines.lock:
            self.epoch += 1
            self.window = self.used = self.promised = 0
            self.buffer.clear()
            if not self._ended:
                self.trouble = closed(self._lines.link.location, error)
                self.is_missing = is_missing(error)
            self._lines.lose(self)
            self._lines.lock.notify_all()
        barriers, self._barriers = self._barriers, deque()
        for done in barriers:
            done(False)  # noqa: FBT003 - the same

    def _return(self, tags: Iterable[int], send: Callable[[Channel, int], None]) -> None:
        if self._channel is None or not self._channel.is_open:
            return
        left = [tag for tag in tags if tag in self._unsettled]
        for tag in left:
            send(self._channel, tag)
        self._forget(left)

    def _forget(self, tags: Iterable[int]) -> None:
        used = 0
        for tag in tags:
            used += self._unsettled.pop(tag) == self._generation
        if used:
            with self._lines.lock:
                self.used = max(0, self.used - used)


def _ignore(_: object) -> None:
    """A callback, because pika forgets a consumer of whose cancellation nobody wants to know."""


def _never(*_: object) -> None:
    """What pika is given to call; the channel tells the line itself."""
