"""The backend contract: what holds jobs and grants leases.

Every operation is synchronous, blocking and takes a batch. What each promises stands in its
docstring; the conformance suite proves it. Common to all of them:

- Any thread may call, after `open()`. Before it, after `close()`, and in a forked child, they
  raise Misuse.
- Every call ends by its own deadline, also when the broker is frozen, and raises only errors of
  `core.errors`.
- A definite error means no effect. Client libraries' own retries are off.
- What is declared absent raises UnsupportedCapability before any effect.
- Times are counted by the backend's clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.settlement import Lease, Settled, Settlement
from anyjob.core.state import State

if TYPE_CHECKING:
    from anyjob.core.place import Place
    from anyjob.core.store import Store

#: The version of the contract that this module states.
CONTRACT = "1.0"


class QueueSpec(msgspec.Struct, frozen=True):
    """A queue as the application declares it."""

    name: str


class QueueShare(msgspec.Struct, frozen=True):
    """A queue's part of a consumer's fetches, by weight."""

    queue: str
    weight: int = 1


class Counts(msgspec.Struct, frozen=True):
    """How many jobs of a queue stand in each state that is not yet over.

    Where `counts` is declared "ready", nobody can tell how many are scheduled or leased, nor how
    old a ready one is: those are None.
    """

    ready: int
    scheduled: int | None
    leased: int | None
    dead: int
    #: Seconds that the longest-ready job has been ready; None when none is.
    oldest_ready_age: float | None = None


class JobRecord(msgspec.Struct, frozen=True):
    """A stored job as `get` and `browse` show it. Times in seconds since the epoch."""

    id: str
    queue: str
    state: State
    priority: int
    #: Failed runs so far.
    attempts: int
    redeliveries: int
    #: None once the job is terminal and not dead.
    body: bytes | None
    note: bytes = b""
    #: When a scheduled job becomes ready.
    due: float | None = None
    #: When the lease of a leased job ends.
    until: float | None = None
    #: Why and when a dead job was buried; when an ended one ended.
    reason: str | None = None
    ended: float | None = None
    #: What the last settlement left to be shown.
    outcome: bytes | None = None

    def __repr__(self) -> str:
        # No payload in a log line or a traceback.
        return f"<JobRecord {self.id} in {self.queue}, {self.state}>"


class Page(msgspec.Struct, frozen=True):
    """A part of a listing; `cursor` leads to the next one and is None at the end."""

    records: list[JobRecord]
    cursor: str | None


class CancelResult(StrEnum):
    """What became of a request to cancel."""

    CANCELLED = "cancelled"
    #: It is leased; it goes on.
    RUNNING = "running"
    #: It is terminal already.
    ENDED = "ended"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """A weakness that `anyjob doctor` reports."""

    #: Stable, such as "sqlite-network-filesystem".
    id: str
    #: "info", "warning" or "error".
    severity: str
    seen: str
    why: str
    fix: str


class Consumer(ABC):
    """A worker's hand on its queues.

    `fetch` is called from one thread; `settle`, `flush`, `extend` and `wake` from any.
    """

    @abstractmethod
    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        """Lease ready jobs, highest priority first, first in first out within one priority.

        Returns 1 to `credit` (at least 1) leases of distinct jobs, at most `limits[queue]` of a
        queue, as soon as there is one; [] after `timeout` seconds, on `wake()`, or after `stop()`.
        A timeout of 0 looks once. One sixteenth of the jobs is taken from the low end of the
        priorities, so that none starves. Jobs of paused queues stay. Settlements that are buffered
        leave with it. Blocks. Raises BackendUnavailable; retries nothing but a definite refusal.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Buffer settlements; they leave with the next fetch or flush, in this order. Never blocks.

        A stale lease changes nothing and is answered LEASE_LOST; so is a second settlement of one
        lease. One stale lease spoils no other. Raises PayloadTooLarge for a note over MAX_NOTE
        bytes, before anything is buffered.
        """

    @abstractmethod
    def flush(self, deadline: float) -> list[Settled]:
        """Send what is buffered and return each settlement since the last flush once, with its
        answer.

        Ends within `deadline` seconds; what was not answered by then is UNKNOWN and may be settled
        again. Waits for no fetch.
        """

    @abstractmethod
    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        """Let each lease end `lease` seconds from now; return exactly those that are lost.

        A late extend takes no job back from a new owner and revives none that is settled. Raises
        UnsupportedCapability ("max_lease") past the declared maximum.
        """

    @abstractmethod
    def wake(self) -> None:
        """End a waiting fetch, or the next one if none waits, at once with what it has."""

    @abstractmethod
    def stop(self) -> None:
        """Fetch nothing more: a waiting fetch and every later one returns []. Settling goes on."""

    @abstractmethod
    def close(self, *, release: bool) -> None:
        """End this consumer; idempotent and bounded.

        With `release`, buffered settlements are sent and leases that were neither settled nor
        handed back otherwise are released at once, nothing counted; without it they run out.
        """


class Watch(ABC):
    """Tells which of a changing set of jobs may have ended.

    `wake` is called from any thread and never blocks; the rest from one at a time.
    """

    @abstractmethod
    def add(self, queue: str, ids: Collection[str]) -> None:
        """Watch these jobs too; one that is watched stays so.

        From its return on their ends are told. What ended before is not: the caller looks at them
        with `get` afterwards. Waits for no server.
        """

    @abstractmethod
    def remove(self, queue: str, ids: Collection[str]) -> None:
        """Watch these jobs no longer; one that is not watched is left out. Waits for no server."""

    @abstractmethod
    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        """Name, by queue, watched jobs that may have ended or gone since they were named last.

        Returns as soon as there is one; nothing after `timeout` seconds, or on `wake()`. What it
        names may go on all the same: `get` shows it. Where nobody could tell, jobs are named too,
        or what `get` would raise is raised. For a word that gets lost the caller makes up, by a
        look now and then. Blocks.
        """

    @abstractmethod
    def wake(self) -> None:
        """End a `wait`, or the next one if none waits, at once with what it has."""

    @abstractmethod
    def close(self) -> None:
        """Watch nothing more; idempotent."""


class Backend(ABC):
    """Holds jobs and grants leases."""

    #: Known once `open()` returned.
    capabilities: Capabilities

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        """Remember where the jobs are; touches nothing.

        `namespace` keeps several applications apart. `clock` replaces the backend's own clock where
        it has none of its server's. Raises ConfigurationError for a URL it does not understand.
        """

    @abstractmethod
    def open(self) -> None:
        """Connect, read version and settings, fix `capabilities`; idempotent.

        Raises BackendUnavailable, BackendCorrupt or ConfigurationError.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; idempotent, bounded, safe while other calls block."""

    @abstractmethod
    def declare(self, queues: Collection[QueueSpec]) -> None:
        """Make the queues exist; idempotent and safe from many processes at once."""

    @abstractmethod
    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        """Store jobs and return one receipt each, in order.

        Accepted means stored at the declared durability. An id that exists, or ended less than
        `dedup_window` seconds ago, and a unique key with a living holder give Duplicate and store
        nothing. With `transaction`, a connection of the caller's to the same database, the jobs are
        seen when the caller commits. All or nothing where `atomic_batch`. Raises PayloadTooLarge,
        InvalidOption or UnsupportedCapability before any effect, also for more than `max_batch`
        jobs; BackendFull and BackendUnavailable without effect; EnqueueUncertain when it cannot
        know.
        """

    def start_enqueue(self, jobs: Sequence[Envelope]) -> Callable[[], list[Receipt]]:
        """Begin what `enqueue` does, and return what waits for its end and returns the receipts.

        It is called once, by the same thread, however long after; until then nothing else is
        enqueued by that thread, so that jobs keep their order. Either call raises what `enqueue`
        raises. Worth an override where the caller can prepare more while a server works.
        """
        receipts = self.enqueue(jobs)
        return lambda: receipts

    def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]] | None:
        """Store jobs, at least one, from the running event loop, without blocking it.

        None: there is no way of its own, and the app lets a thread call `enqueue`. Else what is
        awaited promises what `enqueue` does, and raises what it raises, at once or then. Calls of
        one loop store in their order; those of one moment may share a write, and its refusal. One
        that is cancelled stores its jobs or not, and disturbs no other. `close`, from wherever it
        is called, ends those that wait with Misuse.
        """
        return None

    @abstractmethod
    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        """Open a consumer on at least one queue, whose leases last `lease` seconds. `worker` names
        it to people.
        """

    @abstractmethod
    def maintain(self, budget: float) -> float:
        """Promote what is due, take back lapsed leases and sweep what is past keeping, for about
        `budget` seconds.

        Works in bounded slices; any number of processes may do it at once. Returns the seconds
        until it wants to be called again.
        """

    @abstractmethod
    def counts(self, queue: str) -> Counts:
        """Count the jobs of a queue by state."""

    @abstractmethod
    def pause(self, queue: str) -> None:
        """Stop deliveries of a queue within 5 s, until `resume`; survives restarts, disturbs no
        settlement.
        """

    @abstractmethod
    def resume(self, queue: str) -> None:
        """Let a queue deliver again."""

    @abstractmethod
    def paused(self) -> set[str]:
        """Name the paused queues."""

    @abstractmethod
    def queues(self) -> set[str]:
        """Name the queues that are declared or hold a job."""

    @abstractmethod
    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        """List jobs of one state: ready, scheduled, leased or dead; 1 to 1000 a page.

        Ready jobs come in the order of their fetch, scheduled ones by due time, dead ones oldest
        first. Pages neither skip nor repeat a job that stays in its state. Changes nothing.
        """

    @abstractmethod
    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        """Show jobs by id, in order, None for what is unknown.

        With `wait`, blocks up to so many seconds until one of them has ended or is unknown. A job
        that ended is shown for the `keep` of its settlement, and at least for `dedup_window`
        seconds. A dead one until it is revived or discarded.

        Where `browse` is declared "dead", raises UnsupportedCapability of that name if one of them
        is not dead: None would say that there is no such job.
        """

    def watch(self) -> Watch | None:
        """Watch jobs for their ends, none to begin with; touches nothing.

        None: the backend tells nobody. Then a thread that waits for a job blocks in `get`, and for
        all coroutines together an app asks `get` now and then: after a twentieth of the time that
        nobody came, 0.05 to 1 s. Worth an override wherever an end can be heard of.
        """
        return None

    @abstractmethod
    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        """End waiting jobs as cancelled, in order; leased and ended ones are left alone and said to
        be so.

        The end is shown by `get` for `keep` seconds, at least for `dedup_window`.
        """

    @abstractmethod
    def purge(self, queue: str, states: Collection[State]) -> int:
        """Remove all waiting jobs in `states`, a subset of {ready, scheduled}; returns how many."""

    @abstractmethod
    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        """Make dead jobs ready again, all with None; returns how many.

        Both counters begin anew, the note stays. `edit` replaces bodies by id. A job takes its
        unique key again, for the whole of its ttl. One whose key has a living holder stays as it
        is, and so does an id that is not dead.
        """

    @abstractmethod
    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        """Remove dead jobs, all with None; returns how many."""

    def store(self) -> Store | None:
        """The store that lives beside the jobs, unopened, or None."""
        return None

    def place(self) -> Place | None:
        """Where the jobs lie, if `open` makes what is not there; else None.

        Touches nothing, before `open` and after. Raises ConfigurationError where none may be made.
        """
        return None

    def weaknesses(self) -> list[Finding]:
        """What an operator should know about this installation; reads only."""
        return []

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Hand over who is told of events that the backend alone notices, such as
        "backend.replaced"; at most one, from any thread.
        """
