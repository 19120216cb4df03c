"""A Cluster in use by this process: every command goes to the node that holds its keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.redis.errors import Lost, forbidden
from anyjob.backends.redis.link import COMMAND_SECONDS, FIRST_PAUSE, LAST_PAUSE, Link, Uncertain
from anyjob.backends.redis.resp import ReplyError, pack
from anyjob.backends.redis.scripts import LIST, Call, Command, Plain, Script
from anyjob.backends.redis.slots import Address, Slots, read_slots, slot_of
from anyjob.backends.redis.url import Location
from anyjob.backends.redis.wire import Wire
from anyjob.core.clock import Clock
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError

#: One node is given so long to be connected to, or to say who holds which slot, so that there is
#: time left for the others.
_NODE_SECONDS = 2.0
_SLOTS = Plain((b"CLUSTER", b"SLOTS"))
_ASKING = pack([b"ASKING"])
_ELSEWHERE = frozenset({"MOVED", "ASK"})


def link_to(location: Location, namespace: str, clock: Clock | None) -> Link:
    """What leads to a server, or to all of a Cluster's."""
    kind = ClusterLink if location.nodes else Link
    return kind(location, namespace, clock)


class _Unit(msgspec.Struct):
    """A command, and those behind it that have no key, such as WAIT; they stay together."""

    places: list[int]
    key: bytes | None
    #: Where it has to be asked for this once, with leave to do so.
    asked_at: Address | None = None


class _Part(msgspec.Struct):
    """What goes to one node at once."""

    node: Link
    wire: Wire
    units: list[_Unit]
    commands: list[Command]
    #: The commands as they are awaited: one reply more before each that is asked for with leave.
    leaves: list[bool]
    deadline: float


class ClusterLink(Link):
    """A link each to the nodes of a Cluster; any thread. The last of its users closes them."""

    def __init__(self, location: Location, namespace: str, clock: Clock | None) -> None:
        super().__init__(location, namespace, clock)
        self._namespace = namespace
        self._slots = Slots()
        self._nodes: dict[Address, Link] = {}
        #: Whether the map may be old: what it led to was not there.
        self._is_doubtful = True

    # Beginning and ending

    def open(self, check: Callable[[], None]) -> None:
        def begin() -> None:
            self._read_slots((), time.monotonic() + COMMAND_SECONDS)
            check()
            with suppress(BackendUnavailable):  # the node that has it may be away
                self.check_epoch()

        super().open(begin)

    def close(self) -> None:
        super().close()
        if not self._users:
            with self._guard:
                nodes, self._nodes = self._nodes, {}
                self._is_doubtful = True
            for node in nodes.values():
                node.close()

    def infos(self) -> list[tuple[Location, bytes]]:
        found: list[tuple[Location, bytes]] = []
        trouble: BackendUnavailable | None = None
        for node in map(self._node, self._slots.nodes):
            try:
                [reply] = node.tell([Plain((b"INFO",))], reads=True, seconds=_NODE_SECONDS)
            except BackendUnavailable as error:
                trouble = error  # its replica may be about to take over
                continue
            node.check([reply])
            found.append((node.location, reply))
        if trouble is not None and not found:
            raise trouble
        return found

    def teach(self, scripts: Sequence[Script]) -> None:
        for address in self._slots.nodes:
            self._node(address).teach(scripts)

    # Finding

    def groups(self, queues: Iterable[str]) -> list[list[str]]:
        """These queues, those together whose keys may be in one script."""
        found: dict[int, list[str]] = {}
        for queue in queues:
            found.setdefault(slot_of(self.keys.jobs(queue)), []).append(queue)
        return list(found.values())

    def at(self, key: bytes) -> Link:
        """The link to the node that holds a key."""
        address = self._slots.holder(slot_of(key))
        if address is None:
            self.doubt()
            raise BackendUnavailable(
                f"no node of {self.location.shown} holds the slot of what was asked; see CLUSTER"
                " INFO"
            )
        return self._node(address)

    def doubt(self) -> None:
        """Read the map of slots again before the next command."""
        self._is_doubtful = True

    def _node(self, address: Address) -> Link:
        self.check_open()
        with self._guard:
            node = self._nodes.get(address)
            if node is None:
                host, port = address
                location = msgspec.structs.replace(
                    self.location, host=host, port=port, nodes=(), is_node=True
                )
                node = self._nodes[address] = Link(location, self._namespace, self._clock)
                node.open(lambda: None)
            return node

    def _read_slots(self, first: Sequence[Address], deadline: float) -> None:
        """Ask who holds which slot: `first` these nodes, then any that is known."""
        trouble: AnyjobError = BackendUnavailable(
            f"{self.location.shown} cannot be reached in time"
        )
        for address in dict.fromkeys([*first, *self._slots.nodes, *self.location.nodes]):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            node = self._node(address)
            try:
                [found] = node.tell([_SLOTS], reads=True, seconds=min(left, _NODE_SECONDS))
            except BackendUnavailable as error:
                trouble = error
                continue
            if not isinstance(found, ReplyError):
                self._take_over(read_slots(found, address))
                return
            trouble = self._why_no_slots(node, found)
        raise trouble

    def _why_no_slots(self, node: Link, reply: ReplyError) -> AnyjobError:
        if "cluster support disabled" in str(reply):
            return ConfigurationError(
                f"{node.location.shown} is no node of a Cluster; write redis://host:port/0 for a"
                " server that stands alone"
            )
        if reply.is_of_rights:
            return forbidden(node.location, reply, ["+cluster|slots"])
        return node.refusal(reply)

    def _take_over(self, slots: Slots) -> None:
        was, self._slots, self._is_doubtful = self._slots, slots, False
        for node in was.nodes:
            heir = was.heir(node, slots)
            if node not in slots.nodes and heir is not None and self.report is not None:
                self.report("backend.failover", {"from": _shown(node), "to": _shown(heir)})

    # Asking

    def tell(
        self,
        commands: Sequence[Command],
        *,
        reads: bool = False,
        seconds: float = COMMAND_SECONDS,
    ) -> list[Any]:
        """As a link to one server does; what is for several nodes reaches them at once, and is done
        by each or not.
        """
        self.check_open()
        deadline = time.monotonic() + seconds
        replies: list[Any] = [None] * len(commands)
        left = _units(commands)
        hints: list[Address] = []
        pause = FIRST_PAUSE
        while True:
            if self._is_doubtful:
                with suppress(BackendUnavailable):  # what is asked below says what is the matter
                    self._read_slots(hints, deadline)
            left, trouble = self._tell_once(left, commands, replies, deadline, reads=reads)
            if not left:
                return replies
            hints = [unit.asked_at for unit in left if unit.asked_at is not None]
            hints += [at for at in map(_moved_to, _firsts(left, replies)) if at is not None]
            if time.monotonic() + pause >= deadline:
                break
            if trouble is not None or pause > FIRST_PAUSE:
                time.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)
        if trouble is None:
            return replies
        done = [
            _is_done(reply) and not _only_lists(command)
            for command, reply in zip(commands, replies, strict=True)
        ]
        if reads or not any(done):
            raise trouble
        raise Uncertain(f"a part of what was asked was done, and another was not: {trouble}")

    def begin(self, commands: Sequence[Command]) -> Callable[[], list[Any]]:
        # To its end: what is asked for elsewhere would take as long later.
        replies = self.tell(commands)
        return lambda: replies

    def _tell_once(
        self,
        units: list[_Unit],
        commands: Sequence[Command],
        replies: list[Any],
        deadline: float,
        *,
        reads: bool,
    ) -> tuple[list[_Unit], BackendUnavailable | None]:
        """Ask every node for its part. Returns what has to be asked for elsewhere, and why, where a
        node was not there.
        """
        again: list[_Unit] = []
        parts: list[_Part] = []
        lost: AnyjobError | None = None
        placed, homeless, trouble = self._by_node(units)
        again += homeless
        try:
            for node, own in placed:
                try:
                    parts.append(_begun(node, own, commands, deadline))
                except BackendUnavailable as error:
                    again, trouble = again + own, error
                except ConfigurationError as error:
                    # A password or certificate that one node alone does not take.
                    lost = Uncertain(str(error)) if parts and not reads else error
                    break
            for part in parts:
                try:
                    answers = _answers(part)
                except Lost as error:
                    lost = lost or part.node.lost(error, reads=reads)
                    continue
                places = [place for unit in part.units for place in unit.places]
                for place, reply in zip(places, answers, strict=True):
                    replies[place] = reply
                again += _redirected(part.units, replies)
        finally:
            for part in parts:
                part.node.give(part.wire)
        if again or lost is not None:
            self.doubt()
        if lost is not None:
            raise lost
        return again, trouble

    def _by_node(
        self, units: list[_Unit]
    ) -> tuple[list[tuple[Link, list[_Unit]]], list[_Unit], BackendUnavailable | None]:
        """What goes where, and what goes nowhere, with the reason."""
        found: dict[Address, tuple[Link, list[_Unit]]] = {}
        homeless: list[_Unit] = []
        trouble: BackendUnavailable | None = None
        for unit in units:
            try:
                node = self._node(unit.asked_at) if unit.asked_at else self.at(unit.key or b"")
            except BackendUnavailable as error:
                homeless.append(unit)
                trouble = error
                continue
            address = (node.location.host, node.location.port)
            found.setdefault(address, (node, []))[1].append(unit)
        return list(found.values()), homeless, trouble


def _units(commands: Sequence[Command]) -> list[_Unit]:
    units: list[_Unit] = []
    for place, command in enumerate(commands):
        key = command.key
        if key is None and units:
            units[-1].places.append(place)
        else:
            units.append(_Unit([place], key))
    return units


def _begun(node: Link, units: list[_Unit], commands: Sequence[Command], deadline: float) -> _Part:
    """Send one node its part. Raises BackendUnavailable if it is not there."""
    own = [commands[place] for unit in units for place in unit.places]
    leaves = [
        unit.asked_at is not None and place == unit.places[0]
        for unit in units
        for place in unit.places
    ]
    data = b"".join(
        # It would be without leave that a script which the node does not know is sent again.
        _ASKING + (command.packed_whole() if isinstance(command, Call) else command.packed())
        if leave
        else command.packed()
        for command, leave in zip(own, leaves, strict=True)
    )
    wire = node.take(min(deadline, time.monotonic() + _NODE_SECONDS))
    part = _Part(node, wire, units, own, leaves, deadline)
    # What breaks while it is sent, is found broken when the replies are read.
    with suppress(Lost):
        part.deadline = wire.send(data, len(own) + sum(leaves), deadline)
    return part


def _answers(part: _Part) -> list[Any]:
    """One reply a command; raises Lost."""
    answers = []
    for leave in part.leaves:
        if leave:
            part.wire.receive(part.deadline)
        answers.append(part.wire.receive(part.deadline))
    return part.node.mend(part.wire, part.commands, answers, part.deadline)


def _redirected(units: Sequence[_Unit], replies: Sequence[Any]) -> list[_Unit]:
    found = []
    for unit, reply in zip(units, _firsts(units, replies), strict=True):
        if isinstance(reply, ReplyError) and reply.code in _ELSEWHERE:
            unit.asked_at = _moved_to(reply) if reply.code == "ASK" else None
            found.append(unit)
    return found


def _firsts(units: Sequence[_Unit], replies: Sequence[Any]) -> list[Any]:
    return [replies[unit.places[0]] for unit in units]


def _moved_to(reply: Any) -> Address | None:
    """Where "MOVED 3999 host:6381", or ASK, points; None if it names no host."""
    if not isinstance(reply, ReplyError) or reply.code not in _ELSEWHERE:
        return None
    host, _, port = str(reply).split()[2].rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None


def _only_lists(command: Command) -> bool:
    """Whether it puts queues into the list of all, which no job is changed by."""
    return isinstance(command, Call) and command.script is LIST


def _is_done(reply: Any) -> bool:
    return reply is not None and not isinstance(reply, ReplyError)


def _shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
