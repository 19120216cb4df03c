"""Children that go to another backend than their parent's: they are stored before its end is.

A crash in between stores them again with the parent's next run, under ids that the other backend
may know no more: twice, never not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue

import msgspec

from anyjob.core.envelope import Envelope, Rejected
from anyjob.core.errors import AnyjobError, BackendError, EnqueueRejected
from anyjob.core.settlement import Bury, Lease, Settlement
from anyjob.worker.held import Finished, Held
from anyjob.worker.log import Log
from anyjob.worker.outage import Outage

#: Stores jobs on the backend they are for; at once, however many.
Send = Callable[[Sequence[Envelope]], Sequence[object]]


class ParentsHeld(Held):
    """The leases of one of several backends: a parent is settled once its children elsewhere are
    stored.
    """

    def __init__(self, ways: Mapping[str, Way], way_of: WayOf) -> None:
        """`ways` lead to the other backends, by name; `way_of` names the one of a queue."""
        super().__init__()
        self._ways = ways
        self._way_of = way_of
        #: Ended, with children under way.
        self._parents: set[Finished] = set()

    def finish(self, finished: Finished) -> None:
        first = self._first_elsewhere(finished.settlement)
        if first is None:
            super().finish(finished)
            self._parents.discard(finished)
            return
        self._parents.add(finished)
        if finished.attempt is not None:
            self.drop(finished.attempt)
        self._ways[first].put(self, finished)

    def go_on(self, finished: Finished, settlement: Settlement) -> None:
        """Settle a parent so, or send what is left of its children."""
        following = msgspec.structs.replace(finished, settlement=settlement)
        # In both for a moment rather than in neither, where its lease would not be kept.
        self._parents.add(following)
        self._parents.discard(finished)
        self.finish(following)

    def _first_elsewhere(self, settlement: Settlement) -> str | None:
        names = (self._way_of(child.queue) for child in settlement.then)
        return next((name for name in names if name in self._ways), None)

    @property
    def is_settled(self) -> bool:
        return not self._parents and super().is_settled

    @property
    def pending(self) -> int:
        return len(self._parents) + super().pending

    def are_settled(self, leases: Iterable[Lease]) -> bool:
        wanted = set(leases)
        parents = {finished.lease for finished in list(self._parents)}
        return parents.isdisjoint(wanted) and super().are_settled(wanted)

    def leases(self) -> list[Lease]:
        return [*super().leases(), *(finished.lease for finished in list(self._parents))]


WayOf = Callable[[str], str | None]


class Way:
    """The way to one backend: a thread of its own, so that one that is away holds up no other's
    children. It starts with the first of them.
    """

    def __init__(self, name: str, way_of: WayOf, send: Send, outage: Outage, log: Log) -> None:
        self._name = name
        self._way_of = way_of
        self._send = send
        self._outage = outage
        self._log = log
        self._parents: SimpleQueue[tuple[ParentsHeld, Finished] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, held: ParentsHeld, parent: Finished) -> None:
        """Send the children that go this way, then let the parent go on. Any thread may call."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"anyjob-children-{self._name}", daemon=True
                )
                self._thread.start()
        self._parents.put((held, parent))

    def stop(self) -> None:
        """Send nothing more; parents that are left are run again once their leases run out."""
        self._stopping.set()
        self._parents.put(None)

    def _work(self) -> None:
        while (one := self._parents.get()) is not None and not self._stopping.is_set():
            held, parent = one
            settlement = self._sent(parent.settlement)
            if settlement is None:
                return
            held.go_on(parent, settlement)

    def _sent(self, settlement: Settlement) -> Settlement | None:
        """Store the children; returns the settlement without them, or None when stopped before."""
        ours = [child for child in settlement.then if self._way_of(child.queue) == self._name]
        others = tuple(child for child in settlement.then if child not in ours)
        while not self._stopping.is_set():
            try:
                self._store(ours)
            except BackendError as error:
                self._stopping.wait(self._outage.failed("children", error))
            except AnyjobError as error:
                self._log.trouble("children.refused", "children were refused: %s", error)
                return Bury(lease=settlement.lease, reason="its children were refused")
            else:
                self._outage.ended("children")
                return msgspec.structs.replace(settlement, then=others)
        return None

    def _store(self, children: Sequence[Envelope]) -> None:
        for receipt in self._send(children):
            if isinstance(receipt, Rejected):
                raise EnqueueRejected(receipt.why)
