"""A Cluster in use by this process: every command goes to the node that holds its keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.redis.errors import Lost, forbidden
from anyjob.backends.redis.link import COMMAND_SECONDS, FIRST_PAUSE, LAST_PAUSE, Link, Uncertain
from anyjob.backends.redis.parts import (
    NODE_SECONDS,
    Part,
    Unit,
    begun,
    fail,
    firsts,
    is_elsewhere,
    pointed_to,
    redirected,
    units_of,
)
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.scripts import LIST, Call, Command, Plain, Script
from anyjob.backends.redis.slots import Address, Slots, read_slots, slot_of
from anyjob.backends.redis.url import Location
from anyjob.core.clock import Clock
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError, Misuse

#: Maintenance reads the map again when it is so old: who takes over is known as a replica before.
_MAP_SECONDS = 15.0
_SLOTS = Plain((b"CLUSTER", b"SLOTS"))


def link_to(location: Location, namespace: str, clock: Clock | None) -> Link:
    """What leads to a server, or to all of a Cluster's."""
    kind = ClusterLink if location.nodes else Link
    return kind(location, namespace, clock)


class ClusterLink(Link):
    """A link each to the nodes of a Cluster; any thread. The last of its users closes them."""

    def __init__(self, location: Location, namespace: str, clock: Clock | None) -> None:
        super().__init__(location, namespace, clock)
        self._namespace = namespace
        self._slots = Slots()
        self._nodes: dict[Address, Link] = {}
        #: Links to nodes that the map names no longer, which somebody may use still.
        self._gone: list[Link] = []
        self._read_at = 0.0
        #: Nodes that were not there since the map last changed.
        self._missed: set[Address] = set()
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
                nodes = [*self._nodes.values(), *self._gone]
                self._nodes, self._gone = {}, []
                self._is_doubtful = True
            for node in nodes:
                node.close()

    def infos(self) -> list[tuple[Location, bytes]]:
        found: list[tuple[Location, bytes]] = []
        trouble: BackendUnavailable | None = None
        for node in map(self.node, self._slots.nodes):
            try:
                [reply] = node.tell([Plain((b"INFO",))], reads=True, seconds=NODE_SECONDS)
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
            self.node(address).teach(scripts)

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
        return self.node(address)

    @property
    def slots(self) -> Slots:
        """Who holds which slot; another object once that has changed."""
        return self._slots

    def doubt(self) -> None:
        """Read the map of slots again before the next command."""
        self._is_doubtful = True

    def node(self, address: Address) -> Link:
        """The link to a node."""
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
            node = self.node(address)
            try:
                [found] = node.tell([_SLOTS], reads=True, seconds=min(left, NODE_SECONDS))
            except BackendUnavailable as error:
                self._missed.add(address)
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
        with self._guard:
            was, self._is_doubtful, self._read_at = self._slots, False, time.monotonic()
            missed = self._missed
            if not slots.is_like(was):
                self._slots, self._missed = slots, set()
            gone = [self._nodes.pop(at) for at in [*self._nodes] if at not in slots.nodes]
            self._gone = [node for node in self._gone if node.is_used] + gone
        for node in gone:
            node.retire()
        for lost, heir in was.failovers(slots, missed):
            if self.report is not None:
                self.report("backend.failover", {"from": _shown(lost), "to": _shown(heir)})

    def check_epoch(self) -> None:
        if time.monotonic() - self._read_at > _MAP_SECONDS:
            self.doubt()
        super().check_epoch()

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
        replies = self.tell_each(commands, reads=reads, seconds=seconds)
        if errors := [reply for reply in replies if isinstance(reply, AnyjobError)]:
            raise errors[0] if reads else _error_of_all(errors, commands, replies)
        return replies

    def tell_each(
        self,
        commands: Sequence[Command],
        *,
        reads: bool = False,
        seconds: float = COMMAND_SECONDS,
    ) -> list[Any]:
        """As `tell`, with the error of ours in the place of each answer that did not come."""
        self.check_open()
        deadline = time.monotonic() + seconds
        replies: list[Any] = [None] * len(commands)
        left = units_of(commands)
        hints: list[Address] = []
        pause = FIRST_PAUSE
        while True:
            if self._is_doubtful:
                try:
                    self._read_slots(hints, deadline)
                except BackendUnavailable:
                    pass  # what is asked below says what is the matter
                except AnyjobError as error:
                    fail(left, replies, error)
                    return replies
            left = self._ask_nodes(left, commands, replies, deadline, reads=reads)
            if not left or time.monotonic() + pause >= deadline:
                return replies
            hints = [unit.asked_at for unit in left if unit.asked_at is not None]
            found = firsts(left, replies)
            hints += [at for at in map(pointed_to, found) if at is not None]
            if pause > FIRST_PAUSE or not all(map(is_elsewhere, found)):
                time.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    def look_once(
        self, commands: Sequence[Command], *, seconds: float = COMMAND_SECONDS
    ) -> list[Any]:
        """As `tell_each` of what only reads, by the map as it is and without a second try."""
        replies: list[Any] = [None] * len(commands)
        deadline = time.monotonic() + seconds
        left = self._ask_nodes(units_of(commands), commands, replies, deadline, reads=True)
        # Of a slot that is being moved, the map knows nothing yet.
        if moving := [unit for unit in left if unit.asked_at is not None]:
            self._ask_nodes(moving, commands, replies, deadline, reads=True)
        return replies

    def begin(self, commands: Sequence[Command]) -> Callable[[], list[Any]]:
        # To its end: what is asked for elsewhere would take as long later.
        replies = self.tell(commands)
        return lambda: replies

    def _ask_nodes(
        self,
        units: list[Unit],
        commands: Sequence[Command],
        replies: list[Any],
        deadline: float,
        *,
        reads: bool,
    ) -> list[Unit]:
        """Ask every node for its part. Returns what may be asked for again: it is elsewhere, or
        where it is, nobody was there.
        """
        parts: list[Part] = []
        placed, again = self._by_node(units, replies)
        try:
            for node, own in placed:
                try:
                    parts.append(begun(node, own, commands, deadline))
                except BackendUnavailable as error:
                    self._missed.add(_address_of(node))
                    again += own
                    fail(own, replies, error)
                except ConfigurationError as error:
                    # A password or certificate that one node alone does not take.
                    fail(own, replies, error)
            for part in parts:
                try:
                    answers = part.answers()
                except Lost as lost:
                    fail(part.units, replies, part.node.lost(lost, reads=reads))
                    self._missed.add(_address_of(part.node))
                    self.doubt()
                    continue
                places = [place for unit in part.units for place in unit.places]
                for place, reply in zip(places, answers, strict=True):
                    replies[place] = reply
                again += redirected(part.units, replies)
        finally:
            for part in parts:
                part.node.give(part.wire)
        if again:
            self.doubt()
        return again

    def _by_node(
        self, units: list[Unit], replies: list[Any]
    ) -> tuple[list[tuple[Link, list[Unit]]], list[Unit]]:
        """What goes where, and what goes nowhere, with the reason in its place."""
        found: dict[Address, tuple[Link, list[Unit]]] = {}
        homeless: list[Unit] = []
        for unit in units:
            try:
                node = self.node(unit.asked_at) if unit.asked_at else self.at(unit.key or b"")
            except BackendUnavailable as error:
                homeless.append(unit)
                fail([unit], replies, error)
                continue
            found.setdefault(_address_of(node), (node, []))[1].append(unit)
        return list(found.values()), homeless


def _error_of_all(
    errors: Sequence[AnyjobError], commands: Sequence[Command], replies: Sequence[Any]
) -> AnyjobError:
    """What to say of commands of which these failed."""
    for error in errors:
        if isinstance(error, Misuse | Uncertain):
            return error
    done = [
        _is_done(reply) and not _only_lists(command)
        for command, reply in zip(commands, replies, strict=True)
    ]
    if any(done):
        return Uncertain(f"a part of what was asked was done, and another was not: {errors[0]}")
    return errors[0]


def _only_lists(command: Command) -> bool:
    """Whether it puts queues into the list of all, which no job is changed by."""
    return isinstance(command, Call) and command.script is LIST


def _is_done(reply: Any) -> bool:
    return not isinstance(reply, ReplyError | AnyjobError)


def _address_of(node: Link) -> Address:
    return node.location.host, node.location.port


def _shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
