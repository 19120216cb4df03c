"""One event loop's way to a Cluster: a door to each node, so that none waits for another."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from anyjob.backends.redis.cluster import ClusterLink
from anyjob.backends.redis.door import Door, Lot
from anyjob.backends.redis.link import COMMAND_SECONDS, Link
from anyjob.backends.redis.parts import NODE_SECONDS
from anyjob.backends.redis.slots import Address, slot_of
from anyjob.backends.redis.storing import store_together
from anyjob.backends.redis.wire import Wire
from anyjob.backends.redis.wishes import Answer, Wish, aside, call_in, closed, joint
from anyjob.core.envelope import Envelope
from anyjob.core.errors import AnyjobError, BackendUnavailable, Misuse

#: The list of all queues is on one node; while that is away, the first jobs of a queue wait for it
#: so long.
_LIST_SECONDS = 1.0


class NodeDoor(Door):
    """A way to one node. What is elsewhere by now, a thread stores there.

    Each call is about one queue.
    """

    def __init__(
        self,
        link: ClusterLink,
        loop: asyncio.AbstractEventLoop,
        address: Address | None,
        ended: Callable[[NodeDoor], None],
    ) -> None:
        """`address` is None for slots that nobody holds; `ended` is called behind each lot."""
        super().__init__(link, loop)
        self._address = address
        if address is not None:
            self._node: Link = link.node(address)
        self._lists = False
        self._tell_ended = ended

    def add(self, wish: Wish) -> None:
        """Store this behind what was wished for before."""
        self._add(wish)

    def taken_back(self) -> deque[Wish]:
        """What has not left; it is the caller's now."""
        wishes, self._wishes = self._wishes, deque()
        return wishes

    @property
    def under_way(self) -> set[str]:
        """The queues whose jobs have left and are not told of."""
        return {wish.queue for wish in self._lot.wishes} if self._lot is not None else set()

    def _ended(self) -> None:
        self._tell_ended(self)

    def _connect(self) -> None:
        if self._address is not None:
            super()._connect()
        else:
            self._leave_to_thread()

    def _dial(self, deadline: float) -> Wire:
        # So that there is time left to find who took over.
        return super()._dial(min(deadline, time.monotonic() + NODE_SECONDS))

    def _unconnected(self, error: Exception) -> None:
        if not isinstance(error, BackendUnavailable):
            super()._unconnected(error)
            return
        self._link.doubt()
        self._leave_to_thread()

    def _leave_to_thread(self) -> None:
        wishes = self._gathered(time.monotonic())
        if wishes:
            self._lot = Lot(wishes, wishes[0].deadline, self._storing(wishes))
            self._go_aside(self._lot, store_together)


class ClusterDoor:
    """One loop's way to a Cluster. All but `close` is of that loop's thread.

    The jobs of one queue are stored in the order of the calls, wherever the queue is moved to: what
    has not left goes to the new door of a queue, and waits for what has left by the old one.
    """

    def __init__(self, link: ClusterLink, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        self._doors: dict[Address | None, NodeDoor] = {}
        #: The map by which each queue has its door.
        self._slots = link.slots
        self._of: dict[str, NodeDoor] = {}
        #: Queues with jobs under way by a door that is theirs no longer.
        self._held: dict[str, NodeDoor] = {}
        #: What waits until its queue stands in the list of all.
        self._unlisted: dict[str, list[Wish]] = {}
        self._is_listing = False
        self._is_closed = False

    def enqueue(self, jobs: Sequence[Envelope]) -> Answer:
        """A future of the loop, of a receipt for each of these jobs; at least one."""
        if self._is_closed:
            raise closed()
        deadline = time.monotonic() + COMMAND_SECONDS
        queue = jobs[0].queue
        if len(jobs) == 1 or all(job.queue == queue for job in jobs):
            return self._begun(jobs, deadline)
        queues = list(dict.fromkeys(job.queue for job in jobs))
        parts = [[at for at, job in enumerate(jobs) if job.queue == each] for each in queues]
        answers = [self._begun([jobs[at] for at in part], deadline) for part in parts]
        return joint(self._loop, jobs, parts, answers)

    def close(self) -> None:
        """End every connection; whoever waits is told. Any thread, whatever the loop does."""
        self._is_closed = True
        call_in(self._loop, self._end)

    def _begun(self, jobs: Sequence[Envelope], deadline: float) -> Answer:
        """A future of a receipt for each of these jobs, which are for one queue."""
        wish = Wish(jobs, self._loop.create_future(), deadline)
        waiting = self._unlisted.get(wish.queue)
        if waiting is not None:
            waiting.append(wish)
        elif self._link.listing([wish.queue]):
            self._unlisted[wish.queue] = [wish]
            self._list()
        else:
            self._place(wish)
        return wish.answer

    # Which door

    def _place(self, wish: Wish) -> None:
        if self._link.slots is not self._slots:
            self._place_anew()
        queue = wish.queue
        try:
            door = self._held.get(queue) or self._of.get(queue) or self._door_of(queue)
        except Misuse as error:
            wish.tell(error)  # it was closed meanwhile, by another thread
        else:
            door.add(wish)

    def _door_of(self, queue: str) -> NodeDoor:
        address = self._slots.holder(slot_of(queue.encode()))
        door = self._doors.get(address)
        if door is None:
            door = NodeDoor(self._link, self._loop, address, self._ended)
            self._doors[address] = door
        self._of[queue] = door
        return door

    def _place_anew(self) -> None:
        """Go by the map as it is now."""
        self._slots = self._link.slots
        self._of.clear()
        self._held = {
            queue: door
            for door in list(self._doors.values())
            for queue in door.under_way
            if self._door_of(queue) is not door
        }
        for wish in [wish for door in self._doors.values() for wish in door.taken_back()]:
            self._place(wish)
        used = {*self._held.values(), *self._of.values()}
        for address, door in list(self._doors.items()):
            if door not in used and address not in self._slots.nodes:
                self._doors.pop(address).close()

    def _ended(self, door: NodeDoor) -> None:
        if self._is_closed:
            return
        if self._link.slots is not self._slots or door in self._held.values():
            self._place_anew()

    # The list of all queues

    def _list(self) -> None:
        if self._unlisted and not self._is_listing:
            self._is_listing = True
            names = list(self._unlisted)
            aside(self._loop, partial(self._tell_list, names), partial(self._listed, names))

    def _tell_list(self, names: Sequence[str]) -> None:
        """Put queues into the list; in a thread."""
        self._link.check(
            self._link.tell(self._link.listing(names), reads=True, seconds=_LIST_SECONDS)
        )
        self._link.listed(names)

    def _listed(self, names: Sequence[str], outcome: Callable[[], None]) -> None:
        self._is_listing = False
        if self._is_closed:
            return
        try:
            outcome()
        except AnyjobError:
            pass  # they will be with the next job
        finally:
            for name in names:
                for wish in self._unlisted.pop(name, ()):
                    self._place(wish)
            self._list()

    def _end(self) -> None:
        doors, self._doors = self._doors, {}
        for door in doors.values():
            door.close()
        waiting = [wish for wishes in self._unlisted.values() for wish in wishes]
        self._unlisted.clear()
        if not self._loop.is_closed():
            for wish in waiting:
                wish.tell(closed())
