"""One queue: its jobs by state, and every move between the states."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count

from anyjob.backends.memory.job import DEAD, LEASED, READY, SCHEDULED, Job
from anyjob.backends.memory.line import Line
from anyjob.backends.shares import LowEnd
from anyjob.core.envelope import ACCEPTED, PRIORITIES, Accepted, Duplicate, Envelope
from anyjob.core.settlement import Lease
from anyjob.core.state import State

#: How long the id of a job that ended is remembered at least, in seconds.
DEDUP_WINDOW = 60.0
#: Entries that are no longer true may stay in a heap or line up to this number, or as many as the
#: true ones.
SLACK = 1000


class Queue:
    """The jobs of one queue. Not thread-safe: its space's lock is held around every call.

    Wall times say when a job is due, monotonic ones when a lease or a memory ends; callers bring
    both.
    """

    def __init__(
        self, name: str, on_ready: Callable[[], None], on_end: Callable[[str, str], None]
    ) -> None:
        """`on_end` is told the queue and id of each job that ended or went."""
        self.name = name
        self.declared = False
        self.paused = False
        #: Every job by id, ended ones included until they are forgotten.
        self.jobs: dict[str, Job] = {}
        self.lines = [Line() for _ in range(PRIORITIES)]
        self.leased: dict[str, Job] = {}
        #: In the order of burial.
        self.dead: dict[str, Job] = {}
        self.ready = 0
        self.scheduled = 0
        #: (due, number, job); stale unless the job is SCHEDULED.
        self.due: list[tuple[float, int, Job]] = []
        self._on_ready = on_ready
        self._on_end = on_end
        self._numbers = count(1)
        self._keys: dict[str, Job] = {}
        #: (until, number, jobs leased or extended together); true for a job that is LEASED until
        #: then or earlier.
        self._lots: list[tuple[float, int, list[Job]]] = []
        self._in_lots = 0
        #: Ended jobs that are remembered for the dedup window, in order, and (until, number, job)
        #: for longer.
        self._fading: deque[Job] = deque()
        self._kept: list[tuple[float, int, Job]] = []

    def is_empty(self) -> bool:
        """Whether it holds no job that is ready, scheduled, leased or dead."""
        return not (self.ready or self.scheduled or self.leased or self.dead)

    def find(self, id: str, mono: float) -> Job | None:
        """The job of that id, unless its memory has ended."""
        job = self.jobs.get(id)
        if job is None or (job.ended is not None and job.state is not DEAD and job.until <= mono):
            return None
        return job

    # In: enqueue and what comes due

    def add(self, envelope: Envelope, wall: float, mono: float) -> Accepted | Duplicate:
        """Store a job unless its id is known or its unique key held."""
        id, unique, due = envelope.id, envelope.unique, envelope.due
        if id in self.jobs and self.find(id, mono) is not None:
            return Duplicate(id)
        if unique is not None and (holder := self.holder(unique.key, mono)) is not None:
            return Duplicate(holder.id)
        place = next(self._numbers)
        job = Job(id, envelope.body, envelope.priority, unique, READY, place, wall)
        self.jobs[id] = job
        if unique is not None:
            self.take_key(job, mono)
        if due is None:
            self.lines[envelope.priority].jobs.append(job)
            self.ready += 1
            self._on_ready()
        else:
            self.wait(job, due.timestamp() if isinstance(due, datetime) else wall + due, wall)
        return ACCEPTED

    def wait(self, job: Job, due: float, wall: float) -> None:
        """Make a job scheduled, or ready where that time has come."""
        if due <= wall:
            self.append(job, wall)
            return
        job.state = SCHEDULED
        job.ready_at = due
        self.scheduled += 1
        heappush(self.due, (due, next(self._numbers), job))
        self._on_ready()  # who waits for the next due time has to look again

    def append(self, job: Job, ready_at: float) -> None:
        """Make a job ready, last of its priority."""
        job.state = READY
        job.place = next(self._numbers)
        job.ready_at = ready_at
        self.lines[job.priority].jobs.append(job)
        self.ready += 1
        self._on_ready()

    def put_back(self, job: Job, ready_at: float) -> None:
        """Make a job ready at the place it had."""
        job.state = READY
        job.ready_at = ready_at
        self.lines[job.priority].put_back(job)
        self.ready += 1
        self._on_ready()

    def promote(self, wall: float, most: float = math.inf) -> int:
        """Make what is due ready, at most so many jobs; returns how many."""
        due, promoted = self.due, 0
        while due and due[0][0] <= wall and promoted < most:
            at, _, job = heappop(due)
            if job.state is SCHEDULED:
                self.scheduled -= 1
                self.append(job, at)
                promoted += 1
        return promoted

    # Leases

    def lease(
        self, most: int, low_end: LowEnd, token: int, seconds: float, wall: float, mono: float
    ) -> list[Lease]:
        """Lease up to so many ready jobs, in the order of their fetch."""
        picked = self._pick(min(most, self.ready), low_end)
        until, shown_until = mono + seconds, wall + seconds
        name, leased, leases = self.name, self.leased, []
        for job in picked:
            job.state = LEASED
            job.token = token
            job.until = until
            leased[job.id] = job
            leases.append(
                Lease(
                    job.id, name, token, job.body, job.priority, job.attempts + 1,
                    job.redeliveries, job.note, wall, shown_until,
                )
            )  # fmt: skip
        self.ready -= len(picked)
        self._remember_lot(until, picked)
        return leases

    def extend(self, leases: Iterable[Lease], until: float) -> list[Lease]:
        """Let leases end at `until`; returns those that are lost."""
        extended, lost = [], []
        for lease in leases:
            job = self.leased.get(lease.id)
            if job is None or job.token != lease.token:
                lost.append(lease)
            else:
                job.until = until
                extended.append(job)
        self._remember_lot(until, extended)
        self._on_ready()  # the next expiry may have come nearer
        return lost

    def reap(self, wall: float, mono: float, most: float = math.inf) -> int:
        """Take lapsed leases back, at least a lot and about `most`; returns how many."""
        lots, lapsed = self._lots, 0
        returned: list[list[Job]] = [[] for _ in self.lines]
        while lots and lots[0][0] <= mono and lapsed < most:
            _, _, jobs = heappop(lots)
            self._in_lots -= len(jobs)
            for job in jobs:
                if job.state is LEASED and job.until <= mono:
                    del self.leased[job.id]
                    job.state = READY
                    job.ready_at = wall - (mono - job.until)
                    job.redeliveries += 1
                    returned[job.priority].append(job)
                    lapsed += 1
        if lapsed:
            self._return_all(returned, lapsed)
        return lapsed

    def advance(self, wall: float, mono: float) -> None:
        """Bring every state up to the present."""
        if self.due and self.due[0][0] <= wall:
            self.promote(wall)
        if self._lots and self._lots[0][0] <= mono:
            self.reap(wall, mono)

    def next_change(self, wall: float, mono: float) -> float:
        """Seconds until a job comes due or a lease may end; infinity without any."""
        due = self.due[0][0] - wall if self.due else math.inf
        expiry = self._lots[0][0] - mono if self._lots else math.inf
        return min(due, expiry)

    # Out: ends, burial, removal

    def end(
        self, job: Job, state: State, wall: float, mono: float, keep: float, outcome: bytes | None
    ) -> None:
        """Make a job terminal, and remember it for `keep` seconds or the dedup window."""
        job.state = state
        job.ended = wall
        job.body = b""
        if outcome is not None:
            job.outcome = outcome
        if job.unique is not None:
            self.free_key(job)
        if keep <= DEDUP_WINDOW:
            job.until = mono + DEDUP_WINDOW
            self._fading.append(job)
        else:
            job.until = mono + keep
            heappush(self._kept, (job.until, next(self._numbers), job))
        self._on_end(self.name, job.id)

    def bury(self, job: Job, reason: str, wall: float) -> None:
        """Make a job dead."""
        job.state = DEAD
        job.reason = reason
        job.ended = wall
        job.place = next(self._numbers)
        self.dead[job.id] = job
        self.free_key(job)
        self._on_end(self.name, job.id)

    def withdraw(self, job: Job) -> None:
        """Take a waiting job off the counts; who calls changes its state or drops it."""
        if job.state is READY:
            self.ready -= 1
        else:
            self.scheduled -= 1

    def drop(self, job: Job) -> None:
        """Forget a job at once."""
        self.free_key(job)
        # What still points at it in a line or heap must not take it for a member.
        job.state = State.CANCELLED
        del self.jobs[job.id]
        self._on_end(self.name, job.id)

    def forget(self, mono: float, most: float = math.inf) -> int:
        """Drop records of ended jobs that are past keeping, at most so many; returns how many."""
        fading, kept, forgotten = self._fading, self._kept, 0
        while fading and fading[0].until <= mono and forgotten < most:
            self._forget(fading.popleft())
            forgotten += 1
        while kept and kept[0][0] <= mono and forgotten < most:
            self._forget(heappop(kept)[2])
            forgotten += 1
        return forgotten

    def next_forget(self, mono: float) -> float:
        """Seconds until a record is past keeping; infinity without any."""
        fading = self._fading[0].until - mono if self._fading else math.inf
        kept = self._kept[0][0] - mono if self._kept else math.inf
        return min(fading, kept)

    def drop_stale(self) -> None:
        """Make room where entries that are no longer true outweigh the others."""
        if sum(len(line.jobs) for line in self.lines) > 2 * self.ready + SLACK:
            for line in self.lines:
                line.drop_stale()
        if len(self.due) > 2 * self.scheduled + SLACK:
            self.due = [entry for entry in self.due if entry[2].state is SCHEDULED]
            heapify(self.due)

    # Unique keys

    def holder(self, key: str, mono: float) -> Job | None:
        """The unfinished job that holds a unique key."""
        job = self._keys.get(key)
        return None if job is None or job.key_until <= mono else job

    def take_key(self, job: Job, mono: float) -> None:
        if job.unique is not None:
            ttl = job.unique.ttl
            job.key_until = math.inf if ttl is None else mono + ttl
            self._keys[job.unique.key] = job

    def free_key(self, job: Job) -> None:
        # Past its ttl the key may be another job's.
        if job.unique is not None and self._keys.get(job.unique.key) is job:
            del self._keys[job.unique.key]

    # Steps

    def _pick(self, most: int, low_end: LowEnd) -> list[Job]:
        low = [job for _ in range(low_end.part(most)) for job in self._pick_low(low_end.start())]
        picked: list[Job] = []
        for line in reversed(self.lines):
            if line.jobs and (left := most - len(low) - len(picked)):
                picked += line.take(left)
        if low:
            # They were taken first, so within a priority they stay ahead: the sort is stable.
            picked = sorted(low + picked, key=lambda job: -job.priority)
        return picked

    def _pick_low(self, start: int) -> list[Job]:
        line = next((line for line in self.lines[start:] if line.head() is not None), None)
        return [] if line is None else line.take(1)

    def _return_all(self, returned: list[list[Job]], jobs: int) -> None:
        for line, back in zip(self.lines, returned, strict=True):
            if back:
                line.put_back_all(back)
        self.ready += jobs
        self._on_ready()

    def _remember_lot(self, until: float, jobs: list[Job]) -> None:
        if not jobs:
            return
        heappush(self._lots, (until, next(self._numbers), jobs))
        self._in_lots += len(jobs)
        if self._in_lots > 4 * len(self.leased) + 10 * SLACK:
            self._rebuild_lots()

    def _rebuild_lots(self) -> None:
        by_end: dict[float, list[Job]] = {}
        for job in self.leased.values():
            by_end.setdefault(job.until, []).append(job)
        self._lots = [(until, next(self._numbers), jobs) for until, jobs in by_end.items()]
        heapify(self._lots)
        self._in_lots = len(self.leased)

    def _forget(self, job: Job) -> None:
        # Its id may have been enqueued again after its time.
        if self.jobs.get(job.id) is job:
            del self.jobs[job.id]
