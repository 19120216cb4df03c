"""What is to be seen of a site after a client died there: where each job is, looked at twice, when
its leases have lapsed and when everything delayed is due.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import msgspec

from anyjob.conformance.scene import QUEUE, Scene
from anyjob.core.backend import JobRecord
from anyjob.core.envelope import Duplicate, Unique
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.state import State

#: The jobs of a scenario are among the first so many of its site.
_JOBS = range(1, 12)
#: Jobs of the looker's own, out of the way of those of a scenario.
_PROBE = 900


class Seen(msgspec.Struct, frozen=True, order=True):
    """One place in which a job was seen."""

    where: str
    body: bytes = b""
    priority: int = 0
    attempt: int = 0
    redeliveries: int = 0
    note: bytes = b""
    reason: str = ""
    outcome: bytes = b""


#: What is seen of a job whose unique key nobody else gets.
HOLDS_KEY = Seen("holds the key")
#: All that is seen of a site, by what it is about: "job ...", "queues", "paused". Times
#: are left out, because a death is at no particular time. What is nowhere has no entry.
Sight = dict[str, tuple[Any, ...]]


class Looker(Protocol):
    """Looks at a site with a fresh client, twice, and leaves nothing unfinished there."""

    def look(self) -> None:
        """The first look, when every lease that was not extended has lapsed."""

    def look_again(self) -> Sight:
        """The second look, when everything is due; fails if something is left, or leaves traces."""


class JobLooker:
    """Looks for jobs."""

    def __init__(self, scene: Scene, *, key: str | None) -> None:
        self._scene = scene
        self._key = key
        self._found: Counter[tuple[str, Seen]] = Counter()
        self._sight: Sight = {}

    def look(self) -> None:
        scene = self._scene
        scene.keep_up()
        self._see_queue()
        self._see_keys()
        self._see_records()
        self._drain("delivered")
        self._see_dead()

    def look_again(self) -> Sight:
        self._scene.keep_up()
        self._drain("delivered later")
        self._check_rest()
        for (id, seen), count in sorted(self._found.items()):
            about = f"job {id}"
            self._sight[about] = (*self._sight.get(about, ()), *[seen] * count)
        return self._sight

    def _see_queue(self) -> None:
        backend = self._scene.backend
        self._sight["queues"] = tuple(sorted(backend.queues()))
        if not self._scene.lacks("pause"):
            paused = sorted(backend.paused())
            self._sight["paused"] = tuple(paused)
            for queue in paused:
                backend.resume(queue)

    def _see_keys(self) -> None:
        """Ask for the key once more; a job that gets it is not looked at."""
        if self._key is not None:
            probe = self._scene.nth(_PROBE, unique=Unique(self._key))
            [receipt] = self._scene.backend.enqueue([probe])
            if isinstance(receipt, Duplicate):
                # Part of what is seen of the job: it has its key as long as it is there.
                self._add(receipt.id, HOLDS_KEY)

    def _see_records(self) -> None:
        ids = [self._scene.nth(number).id for number in _JOBS]
        try:
            records = self._scene.backend.get(QUEUE, ids)
        except UnsupportedCapability:
            return  # it shows none that ended
        for id, record in zip(ids, records, strict=True):
            if record is not None and record.state.is_terminal and record.state is not State.DEAD:
                self._add(id, Seen(str(record.state), outcome=record.outcome or b""))

    def _drain(self, where: str) -> None:
        consumer = self._scene.consumer()
        while leases := self._scene.rest(consumer):
            for lease in leases:
                exact = self._scene.capabilities.redeliveries == "exact"
                seen = Seen(
                    where,
                    lease.body,
                    lease.priority,
                    lease.attempt,
                    lease.redeliveries if exact else 0,
                    lease.note,
                )
                self._add(lease.id, seen)
            self._scene.complete(consumer, *leases)

    def _see_dead(self) -> None:
        scene = self._scene
        if scene.lacks("dead"):
            return
        records: list[JobRecord] = []
        if not scene.lacks("browse"):
            records = scene.backend.browse(QUEUE, State.DEAD, None, 1000).records
        for record in records:
            self._add(record.id, _dead(record))
        revived = scene.backend.revive(QUEUE, None)
        consumer = scene.consumer()
        leases = scene.rest(consumer)
        scene.complete(consumer, *leases)
        assert revived == len(leases)
        if scene.lacks("browse"):
            for lease in leases:
                self._add(lease.id, Seen("dead", lease.body, lease.priority, note=lease.note))
        else:
            shown, given = ({each.id for each in these} for these in (records, leases))
            assert shown == given, (
                "the dead letters that are shown are not those that can be revived"
            )

    def _check_rest(self) -> None:
        scene = self._scene
        if scene.capabilities.counts == "exact":
            assert scene.counted() == (0, 0, 0, 0), "something is counted that nobody can lease"
        if self._key is not None:
            job = scene.nth(_PROBE + 1, unique=Unique(self._key))
            [receipt] = scene.backend.enqueue([job])
            assert not isinstance(receipt, Duplicate), f"the key is held by {receipt!r}, a ghost"

    def _add(self, id: str, seen: Seen) -> None:
        if id != self._scene.nth(_PROBE).id:
            self._found[id, seen] += 1


def _dead(record: JobRecord) -> Seen:
    return Seen(
        "dead",
        record.body or b"",
        record.priority,
        record.attempts,
        record.redeliveries,
        record.note,
        record.reason or "",
        record.outcome or b"",
    )
