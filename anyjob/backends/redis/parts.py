"""What goes to which node of a Cluster at once, and what comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.link import Link, packed
from anyjob.backends.redis.resp import ReplyError, pack
from anyjob.backends.redis.scripts import Call, Command
from anyjob.backends.redis.slots import Address
from anyjob.backends.redis.wire import Wire
from anyjob.core.errors import AnyjobError

#: One node is given so long to be connected to, or to say who holds which slot, so that there is
#: time left for the others.
NODE_SECONDS = 2.0
#: What has come from a node while another one was waited for is read within so long.
_READ_SECONDS = 0.1
_ASKING = pack([b"ASKING"])
#: What a node says that does not hold the slot.
ELSEWHERE = frozenset({"MOVED", "ASK"})


class Unit(msgspec.Struct):
    """A command, and those behind it that have no key, such as WAIT; they stay together."""

    places: list[int]
    key: bytes | None
    data: bytes
    #: Where it has to be asked for this once, with leave to do so.
    asked_at: Address | None = None


class Part(msgspec.Struct):
    """What goes to one node at once."""

    node: Link
    wire: Wire
    units: list[Unit]
    commands: list[Command]
    #: The commands as they are awaited: one reply more before each that is asked for with leave.
    leaves: list[bool]
    deadline: float

    def answers(self) -> list[Any]:
        """One reply a command; raises Lost."""
        answers = []
        deadline = max(self.deadline, time.monotonic() + _READ_SECONDS)
        for leave in self.leaves:
            leave_given = self.wire.receive(deadline) if leave else None
            answer = self.wire.receive(deadline)
            # Without leave, the command itself is only pointed back to where it came from.
            answers.append(leave_given if isinstance(leave_given, ReplyError) else answer)
        return self.node.mend(self.wire, self.commands, answers, self.deadline)


def units_of(commands: Sequence[Command]) -> list[Unit]:
    """The commands as they have to stay together; raises InvalidOption before any is sent."""
    units: list[Unit] = []
    for place, command in enumerate(commands):
        key, data = command.key, packed([command])
        if key is None and units:
            units[-1].places.append(place)
            units[-1].data += data
        else:
            units.append(Unit([place], key, data))
    return units


def begun(node: Link, units: list[Unit], commands: Sequence[Command], deadline: float) -> Part:
    """Send one node its part. Raises BackendUnavailable if it is not there."""
    own = [commands[place] for unit in units for place in unit.places]
    leaves = [
        unit.asked_at is not None and place == unit.places[0]
        for unit in units
        for place in unit.places
    ]
    data = b"".join(_with_leave(unit, commands) if unit.asked_at else unit.data for unit in units)
    wire = node.take(min(deadline, time.monotonic() + NODE_SECONDS))
    part = Part(node, wire, units, own, leaves, deadline)
    # What breaks while it is sent, is found broken when the replies are read.
    with suppress(Lost):
        part.deadline = wire.send(data, len(own) + sum(leaves), deadline)
    return part


def _with_leave(unit: Unit, commands: Sequence[Command]) -> bytes:
    first, *others = (commands[place] for place in unit.places)
    # It would be without leave that a script which the node does not know is sent again.
    data = first.packed_whole() if isinstance(first, Call) else first.packed()
    return _ASKING + data + packed(others)


def fail(units: Sequence[Unit], replies: list[Any], error: AnyjobError) -> None:
    """Note an error in the place of every answer to these."""
    for unit in units:
        for place in unit.places:
            replies[place] = error


def redirected(units: Sequence[Unit], replies: Sequence[Any]) -> list[Unit]:
    """Those that have to be asked for at another node, of which each is told."""
    found = []
    for unit, reply in zip(units, firsts(units, replies), strict=True):
        if is_elsewhere(reply):
            unit.asked_at = pointed_to(reply) if reply.code == "ASK" else None
            found.append(unit)
    return found


def firsts(units: Sequence[Unit], replies: Sequence[Any]) -> list[Any]:
    """The replies that say what became of each of these."""
    return [replies[unit.places[0]] for unit in units]


def is_elsewhere(reply: Any) -> bool:
    """Whether a node says that another one has what was asked for."""
    return isinstance(reply, ReplyError) and reply.code in ELSEWHERE


def pointed_to(reply: Any) -> Address | None:
    """Where "MOVED 3999 host:6381", or ASK, points; None if it names no host."""
    if not is_elsewhere(reply):
        return None
    host, _, port = str(reply).split()[2].rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None
