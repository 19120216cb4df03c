"""The ready jobs of one priority, first in first out."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter

from anyjob.backends.memory.job import READY, Job

_place = attrgetter("place")


class Line:
    """Jobs in the order of their places, which a job that comes back unrun keeps.

    A job that was cancelled stays in `jobs` until it reaches the head; what is not READY is no
    member any more.
    """

    __slots__ = ("front", "jobs")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        #: The highest place that was ever leased: what stands at or before it has come back.
        self.front = -1

    def head(self) -> Job | None:
        """The next job, which stays; drops what is no member."""
        jobs = self.jobs
        while jobs:
            if jobs[0].state is READY:
                return jobs[0]
            jobs.popleft()
        return None

    def take(self, most: int) -> list[Job]:
        """Remove and return the next jobs, at most so many."""
        jobs = self.jobs
        taken: list[Job] = []
        while jobs and len(taken) < most:
            job = jobs.popleft()
            if job.state is READY:
                taken.append(job)
        if taken and taken[-1].place > self.front:
            self.front = taken[-1].place
        return taken

    def put_back(self, job: Job) -> None:
        """Return a job to its place, at the head but for others that came back."""
        jobs = self.jobs
        if not jobs or job.place < jobs[0].place:
            jobs.appendleft(job)
        else:
            jobs.insert(bisect_right(jobs, job.place, key=_place), job)

    def put_back_all(self, returned: list[Job]) -> None:
        """Return many jobs to their places at the cost of one pass over what came back before."""
        jobs, merged = self.jobs, returned
        last = max(job.place for job in returned)
        while jobs and jobs[0].place < last:
            merged.append(jobs.popleft())
        merged.sort(key=_place, reverse=True)
        jobs.extendleft(merged)

    def after(self, place: int) -> Iterator[Job]:
        """The members behind a place, in order."""
        start = bisect_right(self.jobs, place, key=_place)
        return (job for job in islice(self.jobs, start, None) if job.state is READY)

    def oldest(self) -> float | None:
        """Since when the longest-ready member is ready; None without a member.

        Jobs that never were leased stand in the order in which they became ready, so the first of
        them speaks for all; those that came back are few, and each is asked.
        """
        fresh = next(self.after(self.front), None)
        ready = [] if fresh is None else [fresh.ready_at]
        for job in self.jobs:
            if job.place > self.front:
                break
            if job.state is READY:
                ready.append(job.ready_at)
        return min(ready, default=None)

    def drop_stale(self) -> None:
        """Forget what is no member."""
        self.jobs = deque(job for job in self.jobs if job.state is READY)
