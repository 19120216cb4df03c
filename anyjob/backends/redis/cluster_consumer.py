"""A worker's hand on queues that may live on several nodes of a Cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.redis.cluster import ClusterLink
from anyjob.backends.redis.consumer import BELL_SECONDS, RedisConsumer, Sent, Share
from anyjob.backends.redis.encode import milliseconds, runs
from anyjob.backends.redis.errors import Lost
from anyjob.backends.redis.link import COMMAND_SECONDS, Link, Uncertain
from anyjob.backends.redis.parts import is_elsewhere
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.scripts import ENQUEUE, LIST, LOOK, RING, Call, Command
from anyjob.backends.redis.slots import slot_of
from anyjob.backends.redis.wire import Wire, wait_for
from anyjob.backends.shares import Ring
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import AnyjobError
from anyjob.core.settlement import Lease, Settlement

#: A fetch waits for every node that has something for so long, or for a third of a lease.
_LEAST_SECONDS = 1.0


class _Group(msgspec.Struct):
    """Queues in one slot, which one script reaches."""

    shares: list[Share]
    #: Where a marker wakes this consumer alone, in the same slot.
    bell: bytes

    @property
    def names(self) -> list[str]:
        return [share.queue for share in self.shares]


class ClusterConsumer(RedisConsumer):
    """Leases jobs of one namespace in a Cluster.

    With queues in one slot, a fetch is one trip, as elsewhere; with more, one trip tells what each
    has, and the next takes of them by weight.
    """

    def __init__(self, link: ClusterLink, shares: Sequence[QueueShare], **options: Any) -> None:
        super().__init__(link, shares, **options)
        self._cluster = link
        self._weights = Ring(shares)
        of = {share.queue: share for share in self._shares}
        self._groups = [
            _Group([of[name] for name in names], link.keys.bell(names[0], self._session))
            for names in link.groups(self._names)
        ]

    def _cycle(
        self, credit: int, limits: Mapping[str, int], wait: float
    ) -> tuple[list[Lease], float]:
        lot = self._desk.take()
        if lot and (wait > 0 or self._reaches_further(lot)):
            self._send(lot, COMMAND_SECONDS)
            lot = []
        if wait > 0:
            self._wait_for_markers(limits, wait)
        if len(self._groups) == 1:
            [group] = self._groups
            fetch, token = self._fetch_call(group.shares, credit, limits)
            [reply] = self._settle_and(lot, [fetch])
            return self._taken(reply, token, group.shares)
        looks = [self._link.call(LOOK, group.names, []) for group in self._groups]
        return self._fetch_from_all(credit, limits, self._settle_and(lot, looks))

    def _reaches_further(self, lot: list[Settlement]) -> bool:
        """Whether a lot is for other nodes too, whose faults would be those of the fetch."""
        return any(
            each.then
            and (_children(each)[1] or self._link.listing(child.queue for child in each.then))
            for each in lot
        )

    def _settle_and(self, lot: list[Settlement], others: Sequence[Command]) -> list[Any]:
        """Send a lot, and other commands in the same trip; returns the answers to these."""
        sent = self._settlements(lot)
        try:
            replies = self._link.tell([*sent.commands, *others], reads=not lot)
        except Uncertain:
            self._desk.give_up(lot)
            raise
        except BaseException:
            self._desk.put_back(lot)
            raise
        own = len(sent.commands)
        if lot:
            self._answer(lot, sent, replies[:own])
        self._link.check(replies[own:])
        return replies[own:]

    def _fetch_from_all(
        self, credit: int, limits: Mapping[str, int], found: Sequence[Any]
    ) -> tuple[list[Lease], float]:
        """Take jobs by weight, after each group told how many are ready and when that changes."""
        there = {
            share.queue: tuple(each)
            for group, queues in zip(self._groups, found, strict=True)
            for share, each in zip(group.shares, queues, strict=True)
        }
        # One more than can be taken tells that a queue will not be empty afterwards.
        most = [min(limits.get(name, credit + 1), there[name][0]) for name in self._names]
        parts = dict(zip(self._names, self._weights.allot(credit, most), strict=True))
        waits = [wait / 1000 for _, wait in there.values() if wait >= 0]
        calls = [
            (
                group,
                *self._fetch_call(group.shares, sum(parts[name] for name in group.names), parts),
            )
            for group in self._groups
            # Also of one that gives nothing: others are to hear of what is left there.
            if any(there[name][0] for name in group.names)
        ]
        # Whatever breaks by now, what the others lease is handed out, while it lasts.
        seconds = min(COMMAND_SECONDS, max(_LEAST_SECONDS, self._lease / 3))
        replies = self._cluster.look_once([call for _, call, _ in calls], seconds=seconds)
        leases: list[Lease] = []
        for (group, _, token), reply in zip(calls, replies, strict=True):
            if is_elsewhere(reply):
                waits.append(0.0)
            elif not isinstance(reply, Exception):
                more, following = self._taken(reply, token, group.shares)
                leases += more
                waits.append(following)
        failures = [each for each in replies if isinstance(each, Exception)]
        self._note_failures([each for each in failures if not is_elsewhere(each)], leases)
        return leases, max(0.001, min(waits, default=float("inf")))

    def _note_failures(self, failures: Sequence[Exception], leases: Sequence[Lease]) -> None:
        """Raise what kept a fetch from some of its queues; with leases from others it is left to
        the next one.
        """
        for failure in failures:
            if isinstance(failure, ReplyError):
                self._refusal = failure
            elif not leases:
                raise failure
        if not leases:
            self._check_refusal()

    def _wait_for_markers(self, limits: Mapping[str, int], wait: float) -> None:
        """Wait until one of the queues may have something, or somebody wakes this consumer."""
        ends = time.monotonic() + wait
        deadline = ends + COMMAND_SECONDS
        waiting: list[tuple[_Group, Link, Wire]] = []
        try:
            for group in self._groups:
                node = self._link.at(group.bell)
                wire = node.take(time.monotonic() + COMMAND_SECONDS)
                waiting.append((group, node, wire))
                call = self._marker_call(group.bell, group.names, limits, wait)
                wire.send(call.packed(), 1, deadline)
            come = wait_for([wire for _, _, wire in waiting], wait, self._alarm)
            if not come:
                with suppress(BlockingIOError):
                    os.read(self._alarm, 4096)
            bells = [group.bell for group, _, wire in waiting if wire not in come]
            if bells and time.monotonic() < ends:
                # Each that still waits is ended by a marker of its own, so that no answer is left.
                rings = [Call(RING, [bell], [milliseconds(BELL_SECONDS)]) for bell in bells]
                self._link.ask(rings, reads=True)
            for _, _, wire in waiting:
                self._note_marker(wire.receive(deadline))
        except Lost as lost:
            self._cluster.doubt()
            raise self._link.lost(lost, reads=True) from lost
        finally:
            for _, node, wire in waiting:
                node.give(wire)

    def _note_marker(self, marker: Any) -> None:
        if is_elsewhere(marker):
            self._cluster.doubt()
        else:
            super()._note_marker(marker)

    # Settling

    def _send(self, lot: list[Settlement], seconds: float) -> None:
        ends = time.monotonic() + seconds
        try:
            unready = self._send_far_children(lot, seconds)
            sent = self._settlements([_with_near_children(each) for each in lot], unready)
            replies = self._link.tell(sent.commands, seconds=max(0.0, ends - time.monotonic()))
        except AnyjobError:
            # The caller hears of it as unknown, and settles again.
            self._desk.give_up(lot)
        else:
            self._answer(lot, sent, replies)
            self._note_listed(sent, replies)

    def _note_listed(self, sent: Sent, replies: Sequence[Any]) -> None:
        """Take note of the queues of children that stand in the list by now."""
        for command, reply in zip(sent.commands, replies, strict=True):
            if isinstance(command, Call) and command.script is LIST and isinstance(reply, int):
                self._link.listed(map(str, command.args))

    def _send_far_children(self, lot: list[Settlement], seconds: float) -> set[int]:
        """Store the children that no script has together with their parent, before it is settled;
        at which places of the lot they were refused.
        """
        apart: list[tuple[int, Envelope]] = []
        seen: set[tuple[str, str, int]] = set()
        for place, each in enumerate(lot):
            lease = each.lease
            key = (lease.queue, lease.id, lease.token)
            # Of two settlements of a lease, the second is lost, and its children are nobody's.
            if each.then and key not in seen:
                apart += [(place, child) for child in _children(each)[1]]
            seen.add(key)
        if not apart:
            return set()
        queues = sorted({child.queue for _, child in apart})
        listing = self._link.listing(queues)
        groups = self._link.groups(queues)
        calls: list[Command] = []
        for names in groups:
            numbers = {name: number for number, name in enumerate(names, 1)}
            children = [child for _, child in apart if child.queue in numbers]
            count, words = runs(children, numbers)
            calls.append(self._link.call(ENQUEUE, names, [count, *words]))
        replies = self._link.tell([*listing, *calls], seconds=seconds)[len(listing) :]
        refused: set[str] = set()
        for names, reply in zip(groups, replies, strict=True):
            if isinstance(reply, ReplyError):
                self._refusal = reply
                refused.update(names)
        return {place for place, child in apart if child.queue in refused}


def _children(settlement: Settlement) -> tuple[list[Envelope], list[Envelope]]:
    """Those in the slot of their parent, and those in others."""
    own = slot_of(settlement.lease.queue.encode())
    near: list[Envelope] = []
    far: list[Envelope] = []
    for child in settlement.then:
        (near if slot_of(child.queue.encode()) == own else far).append(child)
    return near, far


def _with_near_children(settlement: Settlement) -> Settlement:
    near, far = _children(settlement)
    return msgspec.structs.replace(settlement, then=tuple(near)) if far else settlement
