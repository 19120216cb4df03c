"""How messages are taken, kept and given back, by what a transport of kombu can do.

All methods but `sever` run in the thread that owns the channel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from anyjob.backends.kombu.messages import Record, headers_of, read
from anyjob.backends.kombu.names import Names
from anyjob.backends.kombu.url import Location
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.errors import AnyjobError

Durability = Literal["none", "process", "os"]
#: How a lease ends by itself.
Ending = Literal["timed", "connection", "none"]
#: Seconds between two times that leases are taken back by whoever looks for jobs.
_TENDED = 0.2


class Taken(NamedTuple):
    """A message that was taken: what it says, and what the transport knows it by."""

    tag: Any
    record: Record
    #: By the server's clock where it has one, else by ours.
    now: float


class Letter(NamedTuple):
    """A message of the dead that somebody looks at."""

    tag: Any
    record: Record


class Way(ABC):
    """What is common to all; a message is gone as soon as it is taken, unless a subclass knows
    better.
    """

    #: How a lease ends by itself: never, at its time, or with the connection.
    lease: Ending = "none"

    def __init__(
        self, location: Location, names: Names, *, once: bool, clock: Clock | None = None
    ) -> None:
        self.location = location
        self.names = names
        #: Whether a job is removed before it is handed out.
        self.once = once
        #: To be obeyed in place of the server's; and by which deadlines pass here.
        self.own_clock = clock
        self.clock = clock or SystemClock()
        self._tended = float("-inf")
        #: Asked by whoever has the connection when all that the server had is gone.
        self.on_emptied: Callable[[], None] = lambda: None

    @property
    def holds(self) -> Ending:
        """How the leases that are given end."""
        return "none" if self.once else self.lease

    @abstractmethod
    def connect(self, location: Location) -> Any:
        """A connection that is made; raises what the transport raises."""

    def begin(self, channel: Any) -> None:
        """On a new connection, whose server may be another."""
        self._tended = float("-inf")
        self.prepare(channel)

    def prepare(self, channel: Any) -> None:
        """Make a new channel ready."""

    def disconnect(self, connection: Any, *, is_broken: bool) -> None:
        connection.release()

    def sever(self, connection: Any) -> None:
        """From any thread: cut it off, where that can be done."""

    def breaks(self, channel: Any, error: AnyjobError) -> bool:
        """Whether an error leaves the channel of no use."""
        return True

    @abstractmethod
    def barrier(self, channel: Any) -> None:
        """Return once everything before was done; raises if the connection is dead."""

    @abstractmethod
    def declare(self, channel: Any, queues: Sequence[str]) -> None:
        """Make queues exist, and note that they do."""

    @abstractmethod
    def declared(self, channel: Any) -> set[str]:
        """The queues that were declared."""

    @abstractmethod
    def size(self, channel: Any, name: str) -> int:
        """How many messages wait in a broker's queue; 0 if there is none."""

    def purge(self, channel: Any, name: str) -> int:
        return int(channel.queue_purge(name) or 0)

    def publish(
        self, channel: Any, messages: Sequence[tuple[str, Record]], stored: Callable[[int], None]
    ) -> list[bool]:
        """Put messages into queues; `stored` is told the place of each that is there for certain.
        Whether each had a queue to go to.
        """
        for at, (name, record) in enumerate(messages):
            channel.basic_publish(self.message(channel, record), exchange="", routing_key=name)
            stored(at)
        return [True] * len(messages)

    def message(self, channel: Any, record: Record) -> Any:
        return channel.prepare_message(
            record.body, content_type="application/octet-stream", headers=headers_of(record)
        )

    def take(
        self, channel: Any, names: Sequence[str], tokens: Sequence[int], lease: float
    ) -> list[Taken]:
        """Up to one message for each token, from the first of these queues that has any."""
        taken: list[Taken] = []
        for name in names:
            while len(taken) < len(tokens):
                message = self.get(channel, name)
                if message is None:
                    break
                taken.append(self.taken(message))
        return taken

    def get(self, channel: Any, name: str) -> Any:
        """The next message, or None."""
        return channel.basic_get(name, no_ack=self.once)

    def taken(self, message: Any) -> Taken:
        return Taken(message.delivery_tag, read(message.headers, message.body), self.clock.time())

    def remove(self, channel: Any, tags: Sequence[Any]) -> list[bool]:
        """Remove messages that were taken for good; whether each was ours still."""
        return [True] * len(tags)

    def give_up(self, channel: Any, tags: Sequence[Any]) -> list[bool] | None:
        """Give them to others as after a crash; None: that has to be done by publishing."""
        return None

    def renew(self, channel: Any, tags: Sequence[Any], lease: float) -> list[bool]:
        """Keep what was taken for so long from now; whether each is ours still."""
        return [True] * len(tags)

    def tend(self, channel: Any) -> None:
        """Take back what lapsed."""

    def tend_now_and_then(self, channel: Any) -> None:
        """As `tend`, where that was not done a moment ago."""
        now = self.clock.monotonic()
        if self.holds == "timed" and now - self._tended >= _TENDED:
            self._tended = now
            self.tend(channel)

    # The dead

    def letters(self, channel: Any, name: str) -> list[Letter]:
        """All messages of a queue, to be looked at; `finish` follows."""
        found = []
        while (message := channel.basic_get(name, no_ack=True)) is not None:
            found.append(Letter(None, read(message.headers, message.body)))
        return found

    def finish(
        self, channel: Any, name: str, rest: Sequence[Letter], letters: Sequence[Letter]
    ) -> None:
        """Leave the rest of what was looked at as it was."""
        self.publish(channel, [(name, each.record) for each in rest], lambda _: None)

    def drop(self, channel: Any, name: str, letters: Sequence[Letter]) -> list[bool]:
        """Remove these; whether each was there."""
        return [True] * len(letters)

    def move(
        self, channel: Any, name: str, letters: Sequence[Letter], to: Sequence[tuple[str, Record]]
    ) -> list[bool] | None:
        """Put these elsewhere in one step, each if it is there still; None: that cannot be done,
        and they have to be published and dropped.
        """
        return None

    def version(self, channel: Any) -> str:
        """Of what is behind the transport; raises ConfigurationError if that is too old."""
        return str(channel.connection.client.transport.driver_version())
