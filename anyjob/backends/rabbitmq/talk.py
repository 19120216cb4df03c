"""A channel for a few questions: topology, counts, and looks at dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from anyjob.backends.rabbitmq.errors import closed, is_missing, unreachable
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import Loop, fail, settle
from anyjob.core.errors import AnyjobError

T = TypeVar("T")
#: What a step of pika's tells when it is answered.
Told = Callable[[Any], None]


class Missing(Exception):
    """What was named does not exist."""


class Talk:
    """A channel of one caller's; its calls block, in that caller's thread, until they are answered.

    All raise errors of ours, and Missing for what does not exist. The broker closes the channel
    with an error, so nothing may be asked after one.
    """

    def __init__(self, loop: Loop, link: Link, seconds: float) -> None:
        self._loop = loop
        self._link = link
        self._seconds = seconds
        self._asked: Future[Any] | None = None
        #: In the loop.
        self.channel: Channel
        self._is_open = False
        self.ask(self._open)

    def ask(self, step: Callable[[Future[T]], None]) -> T:
        """What a step in the loop puts into its future; raises if the channel is closed first."""

        def run(future: Future[T]) -> None:
            self._asked = future
            try:
                step(future)
            except AMQPError as error:
                fail(future, _told(self._link, error))

        try:
            return self._loop.ask(run, self._seconds)
        except TimeoutError as error:
            self._loop.call(lambda: self._link.abort("a command was not answered in time"))
            raise unreachable(self._link.location, "did not answer in time") from error

    def do(self, call: Callable[[Channel, Told], object]) -> Any:
        """What pika tells the callback that it is given: the frame of the answer."""

        def step(future: Future[Any]) -> None:
            call(self.channel, lambda frame: settle(future, frame))

        return self.ask(step)

    def post(self, step: Callable[[], None]) -> None:
        """Have a step of pika's run in the loop, of which no answer comes; waits for nothing. Once
        the channel is closed it does nothing.
        """
        self._loop.call(lambda: step() if self.channel.is_open else None)

    def count(self, queue: str) -> int:
        """How many messages of a queue are ready."""
        frame = self.do(lambda ch, told: ch.queue_declare(queue, passive=True, callback=told))
        return int(frame.method.message_count)

    def purge(self, queue: str) -> int:
        """Remove the ready messages of a queue; how many there were."""
        frame = self.do(lambda ch, told: ch.queue_purge(queue, callback=told))
        return int(frame.method.message_count)

    def barrier(self) -> None:
        """Return once the broker has done all that this channel asked before."""
        self.do(lambda ch, told: ch.basic_qos(prefetch_count=65535, callback=told))

    def consume(
        self,
        queue: str,
        on_message: Callable[[Channel, Basic.Deliver, BasicProperties, bytes], None],
        **options: Any,
    ) -> str:
        """Have messages of a queue delivered, in the loop; returns the consumer's tag."""
        frame = self.do(
            lambda ch, told: ch.basic_consume(queue, on_message, callback=told, **options)
        )
        return str(frame.method.consumer_tag)

    def close(self) -> None:
        """Let the channel go; what it holds unsettled is ready again. Waits for nothing."""

        def shut() -> None:
            if self._is_open and self.channel.is_open:
                self.channel.close()

        self._loop.call(shut)

    def _open(self, future: Future[None]) -> None:
        if not self._link.is_up:
            raise self._link.why() from ConnectionError("not connected")

        def opened(channel: Channel) -> None:
            channel.add_on_close_callback(self._on_close)
            self.channel = channel
            self._is_open = True
            settle(future, None)

        self._link.on_down.append(self._on_down)
        self._link.channel(opened)

    def _on_close(self, _: Channel, error: BaseException) -> None:
        self._leave()
        if self._asked is None:
            return
        fail(self._asked, _told(self._link, error))

    def _on_down(self, error: BaseException) -> None:
        self._leave()
        if self._asked is not None:
            fail(self._asked, _told(self._link, error))

    def _leave(self) -> None:
        if self._on_down in self._link.on_down:
            self._link.on_down.remove(self._on_down)


def _told(link: Link, error: BaseException) -> AnyjobError | Missing:
    if is_missing(error):
        return Missing(str(error))
    told = closed(link.location, error)
    told.__cause__ = error
    return told


@contextmanager
def talk(loop: Loop, link: Link, seconds: float = COMMAND) -> Iterator[Talk]:
    """A channel for the length of a block, each of whose commands may take so many seconds; waits
    as long for the connection. Raises errors of ours.
    """
    link.wait(seconds)
    opened = Talk(loop, link, seconds)
    try:
        yield opened
    finally:
        opened.close()
