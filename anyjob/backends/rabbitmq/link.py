"""A connection to one of the brokers that comes back by itself."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pika
from pika import BasicProperties
from pika.channel import Channel
from pika.spec import Basic

from anyjob.backends.rabbitmq.alarm import Alarm
from anyjob.backends.rabbitmq.errors import passing, plain, unconnected, unreachable
from anyjob.backends.rabbitmq.loop import Loop, fail, settle
from anyjob.backends.rabbitmq.url import Location
from anyjob.backends.rabbitmq.versions import consumer_arguments
from anyjob.core.errors import AnyjobError, ConfigurationError

#: Seconds that a command may take, an answer to it included.
COMMAND = 5.0
#: Seconds that making a connection may take, of the socket and of all together.
_SOCKET, _STACK = 3.0, 4.0
#: Seconds until the next try, the first and the longest, of which chance takes up to a half away.
_SOON, _SELDOM = 0.02, 5.0
#: Seconds for which a broker in an alarm may block a connection before it is made anew.
_BLOCKED = 10.0


class Inlet(Channel):
    """A channel that hands over what comes for a consumer that is cancelled, or was.

    pika gives the first back, which the broker counts as a delivery, and drops the second, which
    comes when the broker had sent it on its way before it knew: that would be unsettled for ever.
    """

    def _on_deliver(self, method_frame: Any, header_frame: Any, body: bytes) -> None:
        if self.on_message is None:
            super()._on_deliver(method_frame, header_frame, body)  # type: ignore[misc]
        else:
            self.on_message(self, method_frame.method, header_frame.properties, body)

    #: Told of every message on this channel, whatever its consumer; None: of those of pika's own.
    on_message: Callable[[Channel, Basic.Deliver, BasicProperties, bytes], None] | None = None


class Connection(pika.SelectConnection):
    """One that can be ended without a word to a broker that may not answer."""

    def _create_channel(
        self, channel_number: int, on_open_callback: Callable[[Channel], Any] | None
    ) -> Channel:
        return Inlet(self, channel_number, on_open_callback)  # type: ignore[arg-type]

    def abort(self, why: str) -> None:
        """Close the socket; what is told to whoever listens is an error with these words."""
        if not self.is_closed:
            self._terminate_stream(ConnectionAbortedError(why))  # type: ignore[attr-defined]


class Link:
    """A connection, its epochs, and who wants to know when it comes and goes. In the loop, but for
    what is said to be asked from any thread.
    """

    def __init__(self, loop: Loop, location: Location, name: str) -> None:
        self._loop = loop
        self.location = location
        self._name = name
        self._connection: Connection | None = None
        self._pause = _SOON
        self._hosts = list(location.hosts)
        random.shuffle(self._hosts)
        self._timer: object | None = None
        self._ended = False
        #: Who waits for a connection, and how many tries more each waits for.
        self._waiting: list[tuple[Future[None], list[int]]] = []
        #: Grows with each connection that was opened; read from any thread.
        self.epoch = 0
        #: Whether a connection is open now; read from any thread.
        self.is_up = False
        #: Whether the broker said that it takes in nothing for now; read from any thread.
        self.is_blocked = False
        #: What stood in the way of the last try; read from any thread.
        self.trouble: AnyjobError | None = None
        self.alarm = Alarm()
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[BaseException], None]] = []

    @property
    def version(self) -> str:
        """The broker's, once a connection was open."""
        said = (self._connection and self._connection.server_properties) or {}
        return str(said.get("version", ""))

    @property
    def product(self) -> str:
        said = (self._connection and self._connection.server_properties) or {}
        return str(said.get("product", ""))

    @property
    def consumer_arguments(self) -> dict[str, int]:
        """What goes with every consumer, by what this broker understands."""
        return consumer_arguments(self.version, self.location)

    def wait(self, seconds: float) -> None:
        """Wait, in any thread, until a connection is open.

        Raises what stands in the way: once each host was tried in vain, else after so many seconds.
        """
        if self.is_up:
            return
        try:
            self._loop.ask(self._when_up, seconds)
        except TimeoutError as error:
            raise self.why() from error

    def why(self) -> AnyjobError:
        """What to raise for the connection that is not there, from any thread."""
        if self.trouble is None:
            return unreachable(self.location, "did not answer in time")
        return type(self.trouble)(str(self.trouble))

    def channel(self, on_open: Callable[[Channel], None]) -> None:
        """Open a channel on the connection there is, which must be up."""
        if self._connection is not None:
            self._connection.channel(on_open_callback=on_open)

    def begin(self) -> None:
        """Connect, and again whenever the connection is lost, until `end`."""
        if self._ended or self._connection is not None:
            return
        self._timer = None
        host, port = self._hosts[0]
        self._hosts.append(self._hosts.pop(0))
        try:
            parameters = _parameters(self.location, host, port, self._name)
        except OSError as error:
            self._refused(
                ConfigurationError(
                    "the files of ?ca=, ?cert= and ?key= hold no certificates and key to be used:"
                    f" {plain(str(error))}"
                ),
                error,
            )
            return
        self._connection = Connection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._not_opened,
            on_close_callback=self._closed,
            custom_ioloop=self._loop.ioloop,
        )

    def abort(self, why: str) -> None:
        """Give the connection up, as one that does not answer any more."""
        if self._connection is not None:
            self._connection.abort(why)

    def end(self) -> None:
        """Close the connection, and make no other."""
        self._ended = True
        if self._timer is not None:
            self._loop.cancel(self._timer)
            self._timer = None
        if self._connection is not None:
            if self._connection.is_open:
                self._connection.close()
            else:
                self._connection.abort("the backend was closed")

    @property
    def is_gone(self) -> bool:
        """Whether `end` was obeyed; read from any thread."""
        return self._connection is None

    # Steps

    def _when_up(self, future: Future[None]) -> None:
        if self.is_up:
            settle(future, None)
        elif isinstance(self.trouble, ConfigurationError):
            fail(future, self.why())
        else:
            self._waiting.append((future, [len(self._hosts)]))
            # Whoever waits does so for a connection, not for the end of a pause.
            if self._timer is not None:
                self._loop.cancel(self._timer)
                self._timer = None
                self.begin()

    def _opened(self, connection: pika.connection.Connection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._pause = _SOON
        self.trouble = None
        self.is_blocked = False
        self.epoch += 1
        self.is_up = True
        waiting, self._waiting = self._waiting, []
        for step in self.on_up:
            step()
        for future, _ in waiting:
            settle(future, None)

    def _not_opened(self, _: pika.connection.Connection, error: BaseException) -> None:
        self._connection = None
        trouble = unconnected(self.location, error)
        # What was let in once was right in the URL.
        self._refused(passing(trouble) if self.epoch else trouble, error)

    def _refused(self, trouble: AnyjobError, cause: BaseException) -> None:
        self.trouble = trouble
        waiting, self._waiting = self._waiting, []
        for future, tries in waiting:
            tries[0] -= 1
            # A refusal will not pass by itself, so whoever waits is told now.
            if tries[0] > 0 and not isinstance(trouble, ConfigurationError):
                self._waiting.append((future, tries))
            else:
                told = self.why()
                told.__cause__ = cause
                fail(future, told)
        self._again()
        if self._waiting and self._timer is not None:
            self._loop.cancel(self._timer)
            self.begin()

    def _closed(self, _: pika.connection.Connection, error: BaseException) -> None:
        self.is_up = False
        self.is_blocked = False
        self._connection = None
        self.trouble = unreachable(
            self.location, f"lost the connection: {plain(str(error) or type(error).__name__)}"
        )
        for step in self.on_down:
            step(error)
        self._again()

    def _again(self) -> None:
        if self._ended or self._timer is not None:
            return
        pause = self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, _SELDOM)
        self._timer = self._loop.later(pause, self.begin)

    def _on_blocked(self, _: object, frame: object) -> None:
        self.is_blocked = True
        self.alarm.begin(frame)

    def _on_unblocked(self, *_: object) -> None:
        self.is_blocked = False


def _parameters(location: Location, host: str, port: int, name: str) -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=location.vhost,
        credentials=pika.PlainCredentials(location.user, location.password),
        heartbeat=location.heartbeat,
        blocked_connection_timeout=_BLOCKED,
        connection_attempts=1,
        socket_timeout=_SOCKET,
        stack_timeout=_STACK,
        ssl_options=_ssl_options(location, host) if location.tls else None,
        client_properties={"connection_name": name, "product": "anyjob"},
    )


def _ssl_options(location: Location, host: str) -> pika.SSLOptions:
    context = ssl.create_default_context(cafile=location.ca or None)
    if location.cert:
        # An empty password, because without one the library asks on the terminal.
        context.load_cert_chain(location.cert, location.key, password="")
    return pika.SSLOptions(context, host)
