"""Which queues of a namespace stand in the broker, and which are paused: declared, noted, read."""

from __future__ import annotations

from collections.abc import Sequence

from anyjob.backends.rabbitmq import control, topology
from anyjob.backends.rabbitmq.errors import is_forbidden
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import Loop
from anyjob.backends.rabbitmq.names import Names
from anyjob.backends.rabbitmq.sending import Sender
from anyjob.backends.rabbitmq.talk import talk
from anyjob.core.errors import ConfigurationError


class Register:
    """Of one namespace; any thread."""

    def __init__(self, loop: Loop, link: Link, names: Names, sender: Sender) -> None:
        self._loop = loop
        self._link = link
        self._names = names
        self._sender = sender

    def declare(self, queues: Sequence[str]) -> None:
        """Make queues, and whatever they need, that are not there."""
        try:
            entries = self._make(queues)
        except ConfigurationError as error:
            # Who may not declare may use what others did.
            if not is_forbidden(error.__cause__) or not self._is_declared(queues):
                raise
            return
        # That a stream is empty takes long to find out by reading it; what is noted twice does no
        # harm.
        known = self.read().declared if entries else frozenset[str]()
        if new := [queue for queue in queues if queue not in known]:
            self._note("declared", new)

    def _make(self, queues: Sequence[str]) -> int:
        """Declare them; returns how much stands in the stream."""
        has_ladder = self._has_ladder()
        with talk(self._loop, self._link) as asked:
            if not has_ladder:
                topology.declare_ladder(asked)
            entries = topology.declare_namespace(asked, self._names)
            topology.declare_queues(asked, self._names, queues)
        return entries

    def _is_declared(self, queues: Sequence[str]) -> bool:
        with talk(self._loop, self._link) as asked:
            return topology.is_declared(asked, self._names, queues)

    def pause(self, queue: str) -> None:
        self._set(queue, "paused")

    def resume(self, queue: str) -> None:
        self._set(queue, "resumed")

    def read(self) -> control.State:
        """What was declared and paused so far."""
        with talk(self._loop, self._link) as asked:
            return control.read(asked, self._names, COMMAND)

    def _set(self, queue: str, what: control.What) -> None:
        with talk(self._loop, self._link) as asked:
            topology.declare_namespace(asked, self._names)
        self._note(what, [queue])

    def _note(self, what: control.What, queues: Sequence[str]) -> None:
        self._sender.store(control.entries(self._names, what, queues))

    def _has_ladder(self) -> bool:
        with talk(self._loop, self._link) as asked:
            return topology.has_ladder(asked)
